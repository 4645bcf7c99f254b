//! What is wrong with what came, and what is to be done about it.

use mcps_core::feed::FeedError;

/// What has to be fetched before a follower moves again, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resync {
    /// A new connection, from the position that is held ([`super::Follower::resume`]).
    Resume,
    /// A snapshot ([`super::Follower::adopt`]).
    Snapshot,
    /// The root's statement on a new epoch ([`super::Follower::turn`]).
    Epoch,
}

/// Why a frame, a snapshot or an epoch moved nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Alert {
    /// Not a frame, or nothing that the authority signed: edited, foreign, or of another key.
    #[error("not a frame of this authority: {0}")]
    Refused(#[from] FeedError),
    /// The authority signed it, and it does not hold together.
    #[error("the authority signed what does not hold together: {0}")]
    Broken(FeedError),
    /// No position is known yet, so nothing can be followed.
    #[error("no position is known yet")]
    Cold,
    /// Events are missing before it: some were dropped, or it came before them.
    #[error("events are missing: at {have}, and this continues {after}")]
    Gap {
        /// The number held.
        have: u64,
        /// The number it continues.
        after: u64,
    },
    /// Of an earlier time, and about what is known.
    #[error("an old frame again: at {have}, and this ends at {to}")]
    Replayed {
        /// The number held.
        have: u64,
        /// Its last number.
        to: u64,
    },
    /// The authority knows less than it did.
    #[error("the authority has forgotten events: {have} are known here, {to} to it")]
    RolledBack {
        /// The number held.
        have: u64,
        /// Its last number.
        to: u64,
    },
    /// A snapshot of what was before the position. Immutable URLs keep old ones for ever.
    #[error("a snapshot of event {to}; {have} is known here")]
    Behind {
        /// The number held.
        have: u64,
        /// The number it describes.
        to: u64,
    },
    /// Another history than ours.
    #[error("two histories: the one that is followed has another event at {seq} or before")]
    Forked {
        /// The number held.
        seq: u64,
    },
    /// Of an epoch that has ended.
    #[error("of epoch {found}; {have} is followed")]
    OldEpoch {
        /// The epoch held.
        have: u64,
        /// The epoch it is of.
        found: u64,
    },
    /// Of an epoch that the root has not announced.
    #[error("of epoch {found}, which was not announced; {have} is followed")]
    UnannouncedEpoch {
        /// The epoch held.
        have: u64,
        /// The epoch it is of.
        found: u64,
    },
    /// It came after its `fresh_until`.
    #[error("it came after its time")]
    Expired {
        /// The number held.
        have: u64,
    },
    /// Stamped further ahead than clocks may differ.
    #[error("stamped in the future; set the clocks of both machines (NTP)")]
    FromFuture {
        /// The number held.
        have: u64,
    },
}

impl Alert {
    /// What is to be done. What happened on the way is mended by another connection; what the
    /// authority itself signed is not.
    #[must_use]
    pub const fn resync(self) -> Resync {
        match self {
            Self::Refused(_)
            | Self::Gap { .. }
            | Self::Replayed { .. }
            | Self::OldEpoch { .. }
            | Self::Expired { .. }
            | Self::FromFuture { .. } => Resync::Resume,
            Self::Broken(_)
            | Self::Cold
            | Self::RolledBack { .. }
            | Self::Behind { .. }
            | Self::Forked { .. } => Resync::Snapshot,
            Self::UnannouncedEpoch { .. } => Resync::Epoch,
        }
    }

    /// Whether the authority, or whoever has its key, has told two histories.
    pub(super) const fn divides(self) -> bool {
        matches!(
            self,
            Self::Broken(_) | Self::RolledBack { .. } | Self::Forked { .. }
        )
    }

    /// The number after which the events of such a frame are news; `None` when none are.
    pub(super) const fn news_after(self) -> Option<u64> {
        match self {
            Self::Replayed { .. }
            | Self::OldEpoch { .. }
            | Self::Refused(_)
            | Self::Behind { .. } => None,
            Self::Gap { have, .. } | Self::Expired { have } | Self::FromFuture { have } => {
                Some(have)
            }
            Self::Broken(_)
            | Self::Cold
            | Self::RolledBack { .. }
            | Self::Forked { .. }
            | Self::UnannouncedEpoch { .. } => Some(0),
        }
    }
}
