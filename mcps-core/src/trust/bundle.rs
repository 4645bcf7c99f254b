//! An authority's published key set, `/.well-known/mcps-trust`.

use super::succession::{self, MAX_SUCCESSIONS, Succession};
use crate::clock::Timestamp;
use crate::json::{Document, Object, Value};
use crate::key::{KeyId, PublicKey};
use crate::refusal::Refusal;
use crate::statement;

/// What a key of the authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Key sets, and nothing else.
    Root,
    /// Passports.
    Passport,
    /// Revocation status.
    Status,
    /// Frames of the revocation feed.
    Feed,
    /// Records of what was changed.
    Audit,
}

impl KeyUse {
    /// Every use there is.
    pub const ALL: [Self; 5] = [
        Self::Root,
        Self::Passport,
        Self::Status,
        Self::Feed,
        Self::Audit,
    ];

    /// `root`, `passport`, `status`, `feed` or `audit`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Passport => "passport",
            Self::Status => "status",
            Self::Feed => "feed",
            Self::Audit => "audit",
        }
    }

    /// Reads its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == text)
    }
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Will sign; nothing that it signs is good yet.
    Prepared,
    /// Signs now.
    Active,
    /// Signs no more; what it signed stays good.
    Tainted,
    /// Nothing it signed is good.
    Revoked,
}

impl KeyState {
    /// `prepared`, `active`, `tainted` or `revoked`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Tainted => "tainted",
            Self::Revoked => "revoked",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Key sets of before call a tainted key so.
        if text == "retired" {
            return Some(Self::Tainted);
        }
        [Self::Prepared, Self::Active, Self::Tainted, Self::Revoked]
            .into_iter()
            .find(|own| own.as_str() == text)
    }

    /// Whether a signature by a key in this state is good.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Active | Self::Tainted => true,
            Self::Prepared | Self::Revoked => false,
        }
    }
}

/// One key of an authority.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// What it signs.
    pub usage: KeyUse,
    /// Where it stands.
    pub state: KeyState,
    /// The key; its id is the `kid`.
    pub public_key: PublicKey,
}

/// The numbered, signed key set of one authority.
#[derive(Clone, Debug)]
pub struct TrustBundle {
    text: String,
    authority: String,
    number: i64,
    issued_at: Timestamp,
    signer: KeyId,
    keys: Vec<TrustedKey>,
    whole: bool,
    successions: Vec<Succession>,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "trust bundle",
        why,
    }
}

impl TrustBundle {
    /// Writes the unsigned JSON of a key set; [`crate::statement::sign`] with
    /// [`crate::statement::TRUST`] by the root key completes it.
    #[must_use]
    pub fn unsigned_json(
        authority: &str,
        number: i64,
        issued_at: Timestamp,
        signer: &KeyId,
        keys: &[TrustedKey],
    ) -> String {
        Self::unsigned_after(authority, number, issued_at, signer, keys, &[])
    }

    /// The same of a root that others have led to, oldest first; the newest ones count, as many as are
    /// read.
    #[must_use]
    pub fn unsigned_after(
        authority: &str,
        number: i64,
        issued_at: Timestamp,
        signer: &KeyId,
        keys: &[TrustedKey],
        successions: &[Succession],
    ) -> String {
        let mut name = String::new();
        crate::json::quote(authority, &mut name);
        let keys: Vec<String> = keys
            .iter()
            .map(|key| {
                let (kid, jwk) = (key.public_key.key_id(), key.public_key.to_jwk());
                let (usage, state) = (key.usage.as_str(), key.state.as_str());
                format!(r#"{{"kid":"{kid}","use":"{usage}","state":"{state}","public_key":{jwk}}}"#)
            })
            .collect();
        let keys = keys.join(",");
        let newest = successions.len().saturating_sub(MAX_SUCCESSIONS);
        let newest = successions.iter().skip(newest).map(Succession::text);
        let newest = newest.collect::<Vec<_>>().join(",");
        // Without any, the set is as it was before there were any.
        let successions = match newest.as_str() {
            "" => newest,
            _ => format!(r#","successions":[{newest}]"#),
        };
        format!(
            r#"{{"authority":{name},"number":{number},"issued_at":"{issued_at}","keys":[{keys}]{successions},"kid":"{signer}"}}"#
        )
    }

    /// Reads a key set; not yet believed. A key whose use or state is not known here is left out:
    /// what a later version calls it never makes a key good in this one.
    ///
    /// # Errors
    /// [`Refusal::Statement`] naming what is wrong.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let document = Document::parse(text)?;
        let object = document.root().as_object().ok_or(bad("not an object"))?;
        let text_of =
            |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad(name));
        let keys = object
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(bad("keys"))?;
        if keys.len() > 256 {
            return Err(bad("more than 256 keys"));
        }
        let listed = keys.len();
        let keys = keys.into_iter().filter_map(|value| key(value).transpose());
        let keys: Vec<TrustedKey> = keys.collect::<Result<_, _>>()?;
        let authority = text_of("authority")?.into_owned();
        let number = object.get("number").and_then(Value::as_i64);
        let number = number.ok_or(bad("number"))?;
        let signer = KeyId::parse(&text_of("kid")?).ok_or(bad("kid"))?;
        let successions = successions(&document)?.into_iter().map(Succession::read);
        let successions: Vec<Succession> = successions.collect::<Result<_, _>>()?;
        succession::check(&successions, &authority, number, &signer)?;
        Ok(Self {
            authority,
            number,
            issued_at: Timestamp::parse_rfc3339(&text_of("issued_at")?).ok_or(bad("issued_at"))?,
            signer,
            whole: keys.len() == listed,
            keys,
            successions,
            text: text.to_owned(),
        })
    }

    /// Checks that the set is signed by its root key, and that this is the root that is expected, or
    /// that the expected one has led to it, each root by its own word.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`], or [`Refusal::UnknownIssuer`] for another root.
    pub fn verify(&self, root: &KeyId) -> Result<(), Refusal> {
        if &self.signer != root && !self.has_succeeded(root) {
            return Err(Refusal::UnknownIssuer);
        }
        let signs = |key: &&TrustedKey| {
            key.state == KeyState::Active && *key.public_key.key_id() == self.signer
        };
        let key = self
            .usable(KeyUse::Root)
            .find(signs)
            .ok_or(Refusal::UnknownIssuer)?;
        let document = Document::parse(self.text.as_str())?;
        statement::verify(statement::TRUST, document.root(), &key.public_key)?;
        let values = successions(&document)?;
        let mut own = self.successions.iter().zip(values);
        own.try_for_each(|(succession, value)| succession.verify(value))
    }

    /// The JSON as it was received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The authority's name: the `issuer` of its passports.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Counts up with every change.
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.number
    }

    /// When the set was signed.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The id of the root key that signed the set.
    #[must_use]
    pub const fn signer(&self) -> &KeyId {
        &self.signer
    }

    /// How the roots before led to the one that signs, oldest first.
    #[must_use]
    pub fn successions(&self) -> &[Succession] {
        &self.successions
    }

    /// Whether another root has taken over from that one.
    #[must_use]
    pub fn has_succeeded(&self, root: &KeyId) -> bool {
        let mut own = self.successions.iter();
        own.any(|succession| succession.from() == root)
    }

    /// The root key of that id, for what it signed at `at` other than key sets: the one that signs the
    /// set, or, until it gave way, one before it that is not revoked.
    #[must_use]
    pub fn root_at(&self, root: &KeyId, at: Timestamp) -> Option<&PublicKey> {
        let mut own = self.successions.iter();
        let gave_way = own.find(|succession| succession.from() == root);
        let held = match gave_way {
            Some(succession) => at <= succession.issued_at(),
            None => self.signer == *root,
        };
        let mut keys = self.usable(KeyUse::Root).filter(|_| held);
        let key = keys.find(|key| key.public_key.key_id() == root)?;
        Some(&key.public_key)
    }

    /// The unsigned JSON of the next set, with other keys and by the same root.
    #[must_use]
    pub fn next_json(&self, issued_at: Timestamp, keys: &[TrustedKey]) -> String {
        Self::unsigned_after(
            &self.authority,
            self.number.saturating_add(1),
            issued_at,
            &self.signer,
            keys,
            &self.successions,
        )
    }

    /// Every key whose use and state are known here, whatever its state.
    #[must_use]
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// Whether every key in it is of a use and in a state that are known here. Whoever makes the
    /// next set from another would drop keys from it.
    #[must_use]
    pub const fn is_understood(&self) -> bool {
        self.whole
    }

    /// Keys of one use whose signatures are good.
    pub fn usable(&self, usage: KeyUse) -> impl Iterator<Item = &TrustedKey> {
        self.keys
            .iter()
            .filter(move |key| key.usage == usage && key.state.is_good())
    }
}

/// The successions of a set as they stand in it.
fn successions(document: &Document) -> Result<Vec<Value<'_>>, Refusal> {
    let Some(found) = document.root().get("successions") else {
        return Ok(Vec::new());
    };
    let found = found.as_array().ok_or(bad("successions"))?;
    if found.len() > MAX_SUCCESSIONS {
        return Err(bad("more than 16 successions"));
    }
    Ok(found.into_iter().collect())
}

/// One key; `None` when its use or its state is unknown here.
fn key(value: Value<'_>) -> Result<Option<TrustedKey>, Refusal> {
    let object: Object<'_> = value.as_object().ok_or(bad("keys"))?;
    let text_of = |name: &'static str| object.get(name).and_then(Value::as_str).ok_or(bad(name));
    let jwk = object.get("public_key").ok_or(bad("public_key"))?;
    let public_key = PublicKey::from_jwk(jwk).map_err(|_| bad("public_key"))?;
    if text_of("kid")? != public_key.key_id().as_str() {
        return Err(bad("kid is not the thumbprint of public_key"));
    }
    let usage = KeyUse::parse(&text_of("use")?);
    let state = KeyState::parse(&text_of("state")?);
    let known = usage.zip(state);
    Ok(known.map(|(usage, state)| TrustedKey {
        usage,
        state,
        public_key,
    }))
}
