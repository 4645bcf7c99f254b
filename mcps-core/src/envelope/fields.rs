//! The members of an envelope.

use crate::binding::Req;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::passport::{Passport, PassportId};
use crate::refusal::Refusal;
use crate::stream::Position;

/// What the signer had to create to place the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Added {
    /// `error.data`.
    Data,
    /// `_meta` in `params` or `result`.
    Meta,
    /// `params`.
    Params,
    /// The object around an `error.data` that is not one: `{"value": <data>}`.
    Value,
}

impl Added {
    pub(super) const ALL: [Added; 4] = [Self::Data, Self::Meta, Self::Params, Self::Value];

    /// As `added` writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Meta => "_meta",
            Self::Params => "params",
            Self::Value => "value",
        }
    }
}

/// On whose behalf a gateway sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The caller's passport.
    pub passport_id: PassportId,
    /// Hash of the caller's signed object.
    pub hash: Digest,
}

/// What an envelope says, signature apart.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Who signs.
    pub passport_id: PassportId,
    /// RFC 3339, UTC, as the string that is signed.
    pub timestamp: String,
    /// The same, read.
    pub stamped: Timestamp,
    /// 32 lower-case hex digits, used once.
    pub nonce: String,
    /// Whom it is for.
    pub aud: String,
    /// The agent's run, 32 lower-case hex digits. Absent only in draft-00 messages without bindings.
    pub session: String,
    /// The whole passport, where the peer may not know it.
    pub passport: Option<Box<Passport>>,
    /// The request that is served.
    pub req: Option<Req>,
    /// The place in the stream.
    pub position: Option<Position>,
    /// The last message of an HTTP response body.
    pub last: bool,
    /// On whose behalf.
    pub act: Option<Act>,
    /// SHA-256 of the OAuth access token in use, 64 lower-case hex digits.
    pub ath: Option<Digest>,
}

/// Longest audience; a URI above that is nobody's.
pub(super) const MAX_AUD: usize = 2048;

/// The largest sequence number that JSON carries safely (RFC 7493 §2.2).
const MAX_SEQ: u64 = (1 << 53) - 1;

/// Whether `text` is 16 bytes in lower-case hex.
pub(super) fn hex32(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 32 && text.bytes().all(hex)
}

impl Fields {
    /// Whether a reader would take these members. What nobody could read is not signed; and since
    /// they are written without escapes, what passes here cannot break out of its quotes.
    ///
    /// # Errors
    /// [`Refusal::Envelope`] naming the member.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let position = self.position.is_none_or(|position| {
            (1..=MAX_SEQ).contains(&position.seq) && (position.seq == 1) == position.prev.is_none()
        });
        let passport = self.passport.as_ref();
        let rules = [
            (hex32(&self.nonce), "nonce"),
            (hex32(&self.session), "session"),
            (!self.aud.is_empty() && self.aud.len() <= MAX_AUD, "aud"),
            (
                Timestamp::parse_rfc3339(&self.timestamp) == Some(self.stamped),
                "timestamp",
            ),
            (position, "seq or prev"),
            (self.req.as_ref().is_none_or(|req| hex32(&req.nonce)), "req"),
            (
                passport.is_none_or(|passport| passport.id() == &self.passport_id),
                "passport is not the one that passport_id names",
            ),
        ];
        let broken = rules.into_iter().find(|(holds, _)| !holds);
        broken.map_or(Ok(()), |(_, member)| Err(Refusal::Envelope(member)))
    }
}
