//! Why something of the feed was refused.

use crate::json::JsonError;

/// Why a frame, an event, a snapshot or an epoch's beginning was refused. Content is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The text is longer than a frame or a snapshot may be.
    #[error("{bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The bytes are not strict JSON (RFC 7493).
    #[error("not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing, mistyped, or beyond its limits.
    #[error("member `{0}` is missing or not of its form")]
    Member(&'static str),
    /// A frame, a snapshot or an epoch's beginning has a member that this version does not know.
    #[error("it has a member that is not known here")]
    UnknownMember,
    /// More events than one frame may carry.
    #[error("{count} events; at most {} are allowed", super::MAX_EVENTS)]
    TooManyEvents {
        /// How many.
        count: usize,
    },
    /// One event is longer than an event may be.
    #[error(
        "an event of {bytes} bytes; at most {} are allowed",
        super::MAX_EVENT_BYTES
    )]
    EventTooLarge {
        /// Length of its canonical form.
        bytes: usize,
    },
    /// `from` and `to` are not the numbers of the first and the last event.
    #[error("`from` and `to` do not fit the events")]
    Range,
    /// The numbers of the events do not count up by one.
    #[error("event {found} stands where {expected} should")]
    OutOfOrder {
        /// The number that should stand there.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// `chain` is not what `prev` and the events give.
    #[error("the chain does not follow from its events")]
    BrokenChain,
    /// `fresh_until` lies before `iat`, or further after it than a frame may vouch.
    #[error("`fresh_until` is before `iat` or too long after it")]
    Lifetime,
    /// It speaks for another authority.
    #[error("it speaks for another authority")]
    ForeignAuthority,
    /// Signed by a key that is not the authority's for this.
    #[error("signed by a key that the authority does not have for this")]
    ForeignKey,
    /// The signature is not one by that key over these bytes.
    #[error("signature does not verify")]
    BadSignature,
    /// The new epoch does not come after the one it names as its predecessor.
    #[error("an epoch that does not come after the previous one")]
    EpochOrder,
    /// The signer failed; nothing was signed.
    #[error("the signing key could not be used")]
    Signer,
}
