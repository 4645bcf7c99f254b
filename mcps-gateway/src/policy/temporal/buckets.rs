//! Counts over a window that moves, cut into buckets.

use super::{BUCKETS, NONE};

/// A window's buckets, and the one that still fills.
pub(super) const SIZE: usize = BUCKETS as usize + 1;

/// How often something was, by buckets back from the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Its number since the epoch; [`NONE`] while nothing was counted.
    newest: i64,
    counts: [u16; SIZE],
}

impl Buckets {
    /// Bytes of the number and the counts.
    pub(super) const BYTES: usize = 8 + 2 * SIZE;

    pub(super) const fn new(newest: i64, counts: [u16; SIZE]) -> Self {
        Self { newest, counts }
    }

    pub(super) const fn newest(&self) -> i64 {
        self.newest
    }

    pub(super) const fn counts(&self) -> [u16; SIZE] {
        self.counts
    }

    /// Reads a number and counts, little-endian.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (newest, counts) = bytes.split_first_chunk()?;
        let (counts, []) = counts.as_chunks() else {
            return None;
        };
        let counts: [[u8; 2]; SIZE] = counts.try_into().ok()?;
        Some(Self::new(
            i64::from_le_bytes(*newest),
            counts.map(u16::from_le_bytes),
        ))
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let counts = self.counts.into_iter().flat_map(u16::to_le_bytes);
        self.newest
            .to_le_bytes()
            .into_iter()
            .chain(counts)
            .collect()
    }

    /// How many there are within the window that ends with this bucket.
    pub(super) fn sum(&self, bucket: i64) -> i64 {
        if self.newest == NONE {
            return 0;
        }
        let passed = bucket.saturating_sub(self.newest).max(0);
        let kept = usize::try_from(BUCKETS + 1 - passed).unwrap_or(0);
        self.counts.iter().take(kept).copied().map(i64::from).sum()
    }

    /// Counts one. What is late counts as of now.
    pub(super) fn add(&mut self, bucket: i64) {
        self.shift(bucket);
        if let Some(count) = self.counts.first_mut() {
            *count = count.saturating_add(1);
        }
    }

    /// Takes in what another replica counted: of each bucket the most that either saw.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.newest == NONE {
            return;
        }
        self.shift(other.newest);
        let ahead = self.newest.saturating_sub(other.newest);
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
        for (mine, theirs) in self.counts.iter_mut().skip(ahead).zip(other.counts) {
            *mine = theirs.max(*mine);
        }
    }

    /// Makes `bucket` the newest; what falls out is forgotten.
    fn shift(&mut self, bucket: i64) {
        if self.newest != NONE && bucket <= self.newest {
            return;
        }
        let by = match self.newest {
            NONE => SIZE,
            newest => usize::try_from(bucket.saturating_sub(newest)).unwrap_or(SIZE),
        };
        let by = by.min(SIZE);
        self.counts.rotate_right(by);
        self.counts.iter_mut().take(by).for_each(|count| *count = 0);
        self.newest = bucket;
    }
}
