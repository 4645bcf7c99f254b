//! Passports: who an agent, server or gateway is, as its authority signed it.
//!
//! The members and the signature (over JCS of the passport without `signature`) are those of
//! *draft-sharif-mcps-secure-mcp-00*; `ext` is ours. A [`Passport`] that exists has been read, not
//! yet believed: [`crate::trust::TrustStore::verify`] says what it is worth.

mod ca;
mod read;
mod write;

pub use ca::{Ca, Within};
pub use write::Unsigned;

use std::fmt;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::jcs;
use crate::json::{Document, Value};
use crate::key::PublicKey;
use crate::level::TrustLevel;
use crate::random::{Random, RandomError, hex16};
use crate::refusal::Refusal;
use crate::signature::Signature;

/// Largest passport, in bytes of its JSON.
pub const MAX_BYTES: usize = 8192;
/// Most members of `issuer_chain`.
pub const MAX_CHAIN: usize = 5;
/// Most members of `agent.capabilities`.
pub const MAX_CAPABILITIES: usize = 64;

/// `asp_` and 32 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassportId(String);

impl PassportId {
    /// Reads an id; anything but `asp_` and 32 lower-case hex digits is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("asp_")?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 32 && digits.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// A new id of 128 random bits.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        Ok(Self(format!("asp_{}", hex16(random)?)))
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its 128 bits.
    #[must_use]
    pub fn bits(&self) -> u128 {
        let digits = self.0.strip_prefix("asp_").unwrap_or_default();
        // They were read as hexadecimal digits.
        u128::from_str_radix(digits, 16).unwrap_or_default()
    }

    /// The id of those bits.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("asp_{bits:032x}"))
    }
}

impl fmt::Display for PassportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of subject a passport names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Calls tools.
    Agent,
    /// Offers tools.
    Server,
    /// Stands between the two.
    Gateway,
}

impl Kind {
    /// `agent`, `server` or `gateway`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Server => "server",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kinds = [Self::Agent, Self::Server, Self::Gateway];
        let found = kinds.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a kind; write agent, server or gateway"))
    }
}

/// Our extension of the passport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext {
    /// Who keeps the agents apart: the tenant's id.
    pub tenant: String,
    /// What kind of subject this is.
    pub kind: Kind,
    /// Who answers for it.
    pub owner: String,
    /// Present only on issuing passports.
    pub ca: Option<Ca>,
    /// Where a list says whether it is still good.
    pub status: Option<StatusReference>,
}

/// `ext.status.status_list`: the place of the passport in a Token Status List
/// (draft-ietf-oauth-status-list §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReference {
    /// The list's address.
    pub uri: String,
    /// The place in it.
    pub index: u64,
}

/// `key_rotation`: the key that this one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// Lower-case hex SHA-256 of the previous key's SPKI.
    pub previous_key_hash: String,
    /// When it was replaced.
    pub rotated_at: Timestamp,
}

/// A passport as it was received, with its members read.
#[derive(Clone, Debug)]
pub struct Passport {
    text: String,
    signed: Digest,
    signature: Signature,
    id: PassportId,
    agent_name: String,
    agent_version: String,
    capabilities: Vec<String>,
    public_key: PublicKey,
    origin: Option<String>,
    trust_level: TrustLevel,
    issued_at: Timestamp,
    expires_at: Timestamp,
    issuer: String,
    issuer_chain: Vec<Passport>,
    key_rotation: Option<KeyRotation>,
    ext: Option<Ext>,
}

impl Passport {
    /// Reads a passport from its JSON text.
    ///
    /// # Errors
    /// [`Refusal::PassportTooLarge`], [`Refusal::ChainTooDeep`], or [`Refusal::Passport`] naming
    /// the member that is wrong.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_BYTES {
            return Err(Refusal::PassportTooLarge { bytes: text.len() });
        }
        let document = Document::parse(text)?;
        Self::from_value(document.root())
    }

    /// Reads a passport that stands inside a larger document.
    ///
    /// # Errors
    /// As [`Passport::parse`].
    pub fn from_value(value: Value<'_>) -> Result<Self, Refusal> {
        read::passport(value, read::Chain::Read)
    }

    /// The JSON as it was received.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The JSON in canonical form, as envelopes carry it.
    pub(crate) fn canonical_text(&self) -> String {
        // It was parsed once, so there is no other case.
        let document = Document::parse(self.text.as_str());
        document.map_or_else(|_| self.text.clone(), |own| jcs::to_string(own.root()))
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &PassportId {
        &self.id
    }

    /// The subject's name, unique at its authority.
    #[must_use]
    pub fn agent_name(&self) -> &str {
        &self.agent_name
    }

    /// The subject's version.
    #[must_use]
    pub fn agent_version(&self) -> &str {
        &self.agent_version
    }

    /// What the subject says it can do; informational.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// The key that signs the subject's messages.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Where the subject lives, if its origin was stated.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The level the issuer states; what it is worth here is [`crate::level::Effective`].
    #[must_use]
    pub const fn trust_level(&self) -> TrustLevel {
        self.trust_level
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// From when on it is refused.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuing passports above this one, the immediate one first.
    #[must_use]
    pub fn issuer_chain(&self) -> &[Passport] {
        &self.issuer_chain
    }

    /// The key this one replaces.
    #[must_use]
    pub const fn key_rotation(&self) -> Option<&KeyRotation> {
        self.key_rotation.as_ref()
    }

    /// Our extension; absent on passports of draft-00 peers.
    #[must_use]
    pub const fn ext(&self) -> Option<&Ext> {
        self.ext.as_ref()
    }

    /// SHA-256 of what the issuer signed.
    #[must_use]
    pub const fn signed_digest(&self) -> &Digest {
        &self.signed
    }

    /// The issuer's signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Whether `key` signed this passport. Draft-00 peers sign high-S too, so both pass.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), Refusal> {
        key.verify(&self.signed, &self.signature)
    }
}

#[cfg(test)]
mod tests;
