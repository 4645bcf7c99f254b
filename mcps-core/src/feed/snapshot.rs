//! All that is in force at a position, signed by the authority's feed key.

use super::member::{digest, key_id, number, only, text, time};
use super::{Entry, FeedError, Held, MAX_LIFE, Position, genesis};
use crate::clock::Timestamp;
use crate::json::{Document, Limits, Object, Value, quote};
use crate::signer::Signer;
use crate::statement;
use crate::trust::{KeyUse, TrustBundle};

/// Largest snapshot, in bytes of its JSON.
pub const MAX_SNAPSHOT_BYTES: usize = 32 << 20;

const LIMITS: Limits = Limits {
    bytes: MAX_SNAPSHOT_BYTES,
    depth: 8,
};

const MEMBERS: [&str; 9] = [
    "authority",
    "chain",
    "entries",
    "epoch",
    "fresh_until",
    "iat",
    "kid",
    "seq",
    "signature",
];

/// All that is in force at a position. One that [`Snapshot::verify`] gave was signed by a feed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The authority's name.
    pub authority: String,
    /// The position it describes.
    pub position: Position,
    /// When it was signed.
    pub iat: Timestamp,
    /// Until when it vouches that there is no more; `iat` when it does not.
    pub fresh_until: Timestamp,
    /// What is in force there.
    pub entries: Vec<Entry>,
}

impl Snapshot {
    /// The signed JSON, by the authority's feed key.
    ///
    /// # Errors
    /// [`FeedError`] when no follower would read it, or the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, FeedError> {
        let mut json = String::from(r#"{"authority":"#);
        quote(&self.authority, &mut json);
        json.push_str(&format!(
            r#","epoch":{},"seq":{},"chain":"{}","iat":"{}","fresh_until":"{}","kid":"{}","entries":["#,
            self.position.epoch,
            self.position.seq,
            self.position.chain,
            self.iat,
            self.fresh_until,
            signer.public_key().key_id(),
        ));
        for (place, entry) in self.entries.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            entry.write(&mut json);
        }
        json.push_str("]}");
        if json.len() > MAX_SNAPSHOT_BYTES - SIGNATURE {
            let (bytes, limit) = (json.len() + SIGNATURE, MAX_SNAPSHOT_BYTES);
            return Err(FeedError::TooLarge { bytes, limit });
        }
        let document = Document::parse_with(json.into(), LIMITS)?;
        read(&document)?;
        let signed = statement::sign_document(statement::SNAPSHOT, document, signer);
        signed.map_err(|_| FeedError::Signer)
    }

    /// Reads a snapshot of at most 32 MiB and believes it if a feed key of `bundle` signed it.
    ///
    /// # Errors
    /// [`FeedError`] saying what is wrong.
    pub fn verify(
        text_of_snapshot: impl Into<Vec<u8>>,
        bundle: &TrustBundle,
    ) -> Result<Self, FeedError> {
        let bytes = text_of_snapshot.into();
        if bytes.len() > MAX_SNAPSHOT_BYTES {
            let (bytes, limit) = (bytes.len(), MAX_SNAPSHOT_BYTES);
            return Err(FeedError::TooLarge { bytes, limit });
        }
        let document = Document::parse_with(bytes, LIMITS)?;
        let object = object(&document)?;
        // Before its entries: who sent it, so that a stranger's costs little.
        if text(object, "authority")? != bundle.authority() {
            return Err(FeedError::ForeignAuthority);
        }
        let kid = key_id(object, "kid")?;
        let mut keys = bundle.usable(KeyUse::Feed);
        let key = keys.find(|key| *key.public_key.key_id() == kid);
        let key = key.ok_or(FeedError::ForeignKey)?;
        statement::verify(statement::SNAPSHOT, document.root(), &key.public_key)
            .map_err(|_| FeedError::BadSignature)?;
        read(&document)
    }
}

/// What `signature` adds: the member's name, 88 characters, and their punctuation.
const SIGNATURE: usize = r#","signature":"""#.len() + 88;

fn object(document: &Document) -> Result<Object<'_>, FeedError> {
    let object = document.root().as_object();
    object.ok_or(FeedError::Member("snapshot"))
}

fn read(document: &Document) -> Result<Snapshot, FeedError> {
    let object = object(document)?;
    if !only(object, &MEMBERS) {
        return Err(FeedError::UnknownMember);
    }
    let entries = object.get("entries").and_then(Value::as_array);
    let entries = entries.ok_or(FeedError::Member("entries"))?;
    let snapshot = Snapshot {
        authority: text(object, "authority")?,
        position: Position {
            epoch: number(object, "epoch", 1)?,
            seq: number(object, "seq", 0)?,
            chain: digest(object, "chain")?,
        },
        iat: time(object, "iat")?,
        fresh_until: time(object, "fresh_until")?,
        entries: entries.iter().map(entry).collect::<Result<_, _>>()?,
    };
    let (iat, fresh_until) = (snapshot.iat, snapshot.fresh_until);
    if fresh_until < iat || fresh_until > iat.plus(MAX_LIFE) {
        return Err(FeedError::Lifetime);
    }
    let at = snapshot.position;
    if at.seq == 0 && at.chain != genesis(&snapshot.authority, at.epoch) {
        return Err(FeedError::BrokenChain);
    }
    Ok(snapshot)
}

/// The authority understands its own events.
fn entry(value: Value<'_>) -> Result<Entry, FeedError> {
    let entry = Entry::read(value)?;
    let clear = entry.held != Held::Unclear;
    clear.then_some(entry).ok_or(FeedError::Member("held"))
}

#[cfg(test)]
mod tests;
