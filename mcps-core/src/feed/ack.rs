//! What a follower says of itself: up to which event it refuses what the authority took back.

use super::member::{number, only, text, time};
use super::{Cursor, FeedError};
use crate::clock::Timestamp;
use crate::json::{Document, Limits, quote};
use crate::key::PublicKey;
use crate::passport::PassportId;
use crate::signer::Signer;
use crate::statement;

const MEMBERS: [&str; 8] = [
    "at",
    "authority",
    "enforced_at",
    "epoch",
    "instance",
    "passport_id",
    "seq",
    "signature",
];

/// Largest acknowledgement, in bytes of its JSON.
const MAX_BYTES: usize = 2048;

/// That a follower enforces the feed up to a position, by the key of its passport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The authority's name.
    pub authority: String,
    /// Who follows.
    pub passport_id: PassportId,
    /// Which of its processes, 32 lower-case hex digits that each process makes for itself: the
    /// fastest must not speak for the slowest.
    pub instance: String,
    /// Up to where everything is enforced.
    pub position: Cursor,
    /// Since when, by the follower's clock.
    pub enforced_at: Timestamp,
    /// When this was said, by the follower's clock. It grows with each that one process says, so
    /// that none counts twice.
    pub at: Timestamp,
}

impl Ack {
    /// The signed JSON, by the key of the passport.
    ///
    /// # Errors
    /// [`FeedError`] when no authority would read it, or the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, FeedError> {
        let mut json = String::from(r#"{"authority":"#);
        quote(&self.authority, &mut json);
        json.push_str(&format!(
            r#","passport_id":"{}","instance":"{}","epoch":{},"seq":{},"enforced_at":"{}","at":"{}"}}"#,
            self.passport_id,
            self.instance,
            self.position.epoch,
            self.position.seq,
            self.enforced_at,
            self.at,
        ));
        read(&Document::parse(json.as_str())?)?;
        statement::sign(statement::ACK, &json, signer).map_err(|_| FeedError::Signer)
    }
}

/// An acknowledgement that was read and not yet believed.
#[derive(Debug)]
pub struct UnprovenAck {
    document: Document,
    ack: Ack,
}

impl UnprovenAck {
    /// Reads one. No other members than those above.
    ///
    /// # Errors
    /// [`FeedError`] saying what is wrong.
    pub fn read(text_of_ack: impl Into<Vec<u8>>) -> Result<Self, FeedError> {
        let bytes = text_of_ack.into();
        if bytes.len() > MAX_BYTES {
            let (bytes, limit) = (bytes.len(), MAX_BYTES);
            return Err(FeedError::TooLarge { bytes, limit });
        }
        let limits = Limits {
            bytes: MAX_BYTES,
            depth: 2,
        };
        let document = Document::parse_with(bytes, limits)?;
        let ack = read(&document)?;
        Ok(Self { document, ack })
    }

    /// What it says.
    #[must_use]
    pub const fn claim(&self) -> &Ack {
        &self.ack
    }

    /// Believes it if `key` signed it: the key of the passport that it names.
    ///
    /// # Errors
    /// [`FeedError::BadSignature`].
    pub fn verify(self, key: &PublicKey) -> Result<Ack, FeedError> {
        statement::verify(statement::ACK, self.document.root(), key)
            .map_err(|_| FeedError::BadSignature)?;
        Ok(self.ack)
    }
}

fn read(document: &Document) -> Result<Ack, FeedError> {
    let object = document.root().as_object();
    let object = object.ok_or(FeedError::Member("acknowledgement"))?;
    if !only(object, &MEMBERS) {
        return Err(FeedError::UnknownMember);
    }
    let id = PassportId::parse(&text(object, "passport_id")?);
    let instance = text(object, "instance")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if instance.len() != 32 || !instance.bytes().all(hex) {
        return Err(FeedError::Member("instance"));
    }
    let ack = Ack {
        authority: text(object, "authority")?,
        passport_id: id.ok_or(FeedError::Member("passport_id"))?,
        instance,
        position: Cursor {
            epoch: number(object, "epoch", 1)?,
            seq: number(object, "seq", 0)?,
        },
        enforced_at: time(object, "enforced_at")?,
        at: time(object, "at")?,
    };
    // Nobody enforces from a later time on than that of saying so.
    let ordered = ack.enforced_at <= ack.at;
    ordered
        .then_some(ack)
        .ok_or(FeedError::Member("enforced_at"))
}

#[cfg(test)]
mod tests;
