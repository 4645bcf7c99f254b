//! `[segments]`: how many records are kept, and in which portions.

use std::time::Duration;

use serde::Deserialize;

use crate::record::Keep;

/// Bytes in a megabyte of ours.
const MB: u64 = 1024 * 1024;

/// How many records are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Segments {
    /// When a segment is full.
    pub size_mb: u64,
    /// How much there is of all of them; beyond it the oldest go.
    pub keep_mb: u64,
    /// For how many days one is kept once it has ended.
    pub keep_days: u64,
}

impl Default for Segments {
    fn default() -> Self {
        Self {
            size_mb: 64,
            keep_mb: 10 * 1024,
            keep_days: 90,
        }
    }
}

impl Segments {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.size_mb == 0 || self.keep_days == 0 {
            return Err(
                "[segments]: `size_mb` and `keep_days` are at least 1; leave them out for 64 and 90"
                    .to_owned(),
            );
        }
        if self.keep_mb < self.size_mb.saturating_mul(2) {
            return Err(
                "[segments]: `keep_mb` must hold two segments; write at least twice `size_mb`"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The same in bytes and time.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        Keep {
            segment_bytes: self.size_mb.saturating_mul(MB),
            bytes: self.keep_mb.saturating_mul(MB),
            age: Duration::from_secs(self.keep_days.saturating_mul(24 * 3600)),
        }
    }
}
