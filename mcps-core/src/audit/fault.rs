//! What is wrong with a trail, named exactly.

use std::fmt;

use super::AuditError;

/// Most faults that are listed; further ones are counted.
pub const MAX_FAULTS: usize = 1000;

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The record of that number in that lane.
    Record {
        /// Which chain.
        lane: u64,
        /// The number that was signed, or would stand there.
        seq: u64,
    },
    /// A row of a lane that none of its records belongs to.
    Row {
        /// Which chain.
        lane: u64,
        /// The number that the row claims.
        seq: u64,
    },
    /// The checkpoint of that number.
    Checkpoint(u64),
    /// The note of how far a lane goes, which the next record would continue.
    Head(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { lane, seq } => write!(f, "record {lane}:{seq}"),
            Self::Row { lane, seq } => write!(f, "row {lane}:{seq}"),
            Self::Checkpoint(number) => write!(f, "checkpoint {number}"),
            Self::Head(lane) => write!(f, "head of lane {lane}"),
        }
    }
}

/// What is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is not what was signed.
    #[error("edited: {0}")]
    Edited(AuditError),
    /// It is gone.
    #[error("cut: it is not there")]
    Cut,
    /// It does not belong there: nobody signed it for this place.
    #[error("inserted: {0}")]
    Inserted(AuditError),
    /// A record that stands in its own place already.
    #[error("inserted: a copy of another record")]
    Copied,
    /// It stands in another place than it was signed for.
    #[error("re-ordered: it stands somewhere else")]
    Moved,
    /// Well signed, and it does not continue the one before: two histories were put together.
    #[error("it does not continue the one before it; one of them is of another history")]
    Unlinked,
    /// Signed by a key that was revoked, and no later checkpoint vouches for it.
    #[error("signed by a revoked key, and no checkpoint by a good one covers it")]
    RevokedKey,
    /// It differs from what a checkpoint says of it.
    #[error("not what checkpoint {0} covers")]
    OtherThanCovered(u64),
    /// It is not where the records end.
    #[error("not where the records end")]
    OtherHead,
}

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}
