//! How far a follower has come.

use std::fmt;

use super::MAX_NUMBER;
use crate::digest::Digest;

/// How far a follower has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The number of the last event; 0 before the first.
    pub seq: u64,
    /// The chain at that number.
    pub chain: Digest,
}

impl Position {
    /// How it is asked for.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.seq,
        }
    }
}

/// A position as it is written in requests and stream ids, without its chain: `EPOCH:SEQ`, `1:41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The number of the last event; 0 before the first.
    pub seq: u64,
}

impl Cursor {
    /// Reads `EPOCH:SEQ`: decimal, without sign or leading zeros, at most 2^53−1 each, so that a
    /// position has one way to be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once(':')?;
        let (epoch, seq) = (decimal(epoch)?, decimal(seq)?);
        (epoch >= 1).then_some(Self { epoch, seq })
    }
}

fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    let number = canonical.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= MAX_NUMBER)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

#[cfg(test)]
mod tests;
