//! All that is in force at a position, signed by the authority's feed key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::member::{digest, key_id, number, only, text, time};
use super::{Entry, FeedError, Held, MAX_LIFE, Position, Target, genesis};
use crate::clock::Timestamp;
use crate::json::{Document, Limits, Object, Value, quote};
use crate::passport::PassportId;
use crate::signer::Signer;
use crate::statement;
use crate::trust::{KeyUse, TrustBundle};

/// Largest snapshot, in bytes of its JSON.
pub const MAX_SNAPSHOT_BYTES: usize = 32 << 20;

const LIMITS: Limits = Limits {
    bytes: MAX_SNAPSHOT_BYTES,
    depth: 8,
};

const MEMBERS: [&str; 10] = [
    "authority",
    "chain",
    "entries",
    "epoch",
    "fresh_until",
    "iat",
    "kid",
    "revoked_passports",
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
    /// What is in force there. Revoked passports come last, by their ids.
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
        let mut passports = Vec::new();
        let mut first = true;
        for entry in &self.entries {
            if let Some(id) = revoked_passport(entry) {
                passports.push(id.bits());
                continue;
            }
            if !first {
                json.push(',');
            }
            first = false;
            entry.write(&mut json);
        }
        json.push_str(&format!(
            r#"],"revoked_passports":"{}"}}"#,
            packed(passports)
        ));
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
    let listed = object.get("entries").and_then(Value::as_array);
    let listed = listed.ok_or(FeedError::Member("entries"))?;
    let mut entries: Vec<Entry> = listed.iter().map(entry).collect::<Result<_, _>>()?;
    let passports = object.get("revoked_passports").and_then(Value::as_str);
    entries.extend(unpacked(&passports.ok_or(NOT_PACKED)?)?);
    let snapshot = Snapshot {
        authority: text(object, "authority")?,
        position: Position {
            epoch: number(object, "epoch", 1)?,
            seq: number(object, "seq", 0)?,
            chain: digest(object, "chain")?,
        },
        iat: time(object, "iat")?,
        fresh_until: time(object, "fresh_until")?,
        entries,
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

/// The passport that an entry revokes for good.
const fn revoked_passport(entry: &Entry) -> Option<&PassportId> {
    match (&entry.target, entry.held) {
        (Target::Passport(id), Held::Revoked) => Some(id),
        _ => None,
    }
}

/// 16 bytes for each, in ascending order, in base64.
fn packed(mut passports: Vec<u128>) -> String {
    passports.sort_unstable();
    passports.dedup();
    let bytes: Vec<u8> = passports.into_iter().flat_map(u128::to_be_bytes).collect();
    STANDARD.encode(bytes)
}

const NOT_PACKED: FeedError = FeedError::Member("revoked_passports");

fn unpacked(text: &str) -> Result<Vec<Entry>, FeedError> {
    let bytes = STANDARD.decode(text).map_err(|_| NOT_PACKED)?;
    let (ids, rest) = bytes.as_chunks::<16>();
    let ids: Vec<u128> = ids.iter().copied().map(u128::from_be_bytes).collect();
    let sound = rest.is_empty() && ids.is_sorted_by(|one, next| one < next);
    let entry = |bits| Entry {
        target: Target::Passport(PassportId::from_bits(bits)),
        held: Held::Revoked,
    };
    sound
        .then(|| ids.into_iter().map(entry).collect())
        .ok_or(NOT_PACKED)
}

/// The authority understands its own events. Revoked passports have a place of their own.
fn entry(value: Value<'_>) -> Result<Entry, FeedError> {
    let entry = Entry::read(value)?;
    if revoked_passport(&entry).is_some() {
        return Err(FeedError::Member("entries"));
    }
    let clear = entry.held != Held::Unclear;
    clear.then_some(entry).ok_or(FeedError::Member("held"))
}

#[cfg(test)]
mod tests;
