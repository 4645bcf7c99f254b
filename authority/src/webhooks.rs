//! Telling others of events: Standard Webhooks 1.0.0, signed with a key of each endpoint's own, or
//! security event tokens ([`crate::signals::issuing`]).
//!
//! What is to be told is written in the transaction of what it tells of: an incident with its
//! deliveries. The feed's events are that record already, so for them deliveries are written together
//! with the step of a cursor over the feed, and an order takes no longer for it. A delivery is tried by
//! one replica at a time, again and again for a day, and then waits as a dead letter until it is
//! replayed. Its id stays the same.

mod delivering;

pub use delivering::deliver_for_ever;

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use crate::secret::Secret;

/// How long after each failed attempt the next one comes, at least.
const PAUSES_S: [u64; 8] = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200];

/// How long until the next attempt, after so many; `None` when there is none any more. `spread` is any
/// byte: endpoints that failed together are not tried again together.
#[must_use]
pub fn pause(attempts: i64, spread: u8) -> Option<Duration> {
    let before = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let base = Duration::from_secs(*PAUSES_S.get(before)?);
    Some(base + base * u32::from(spread) / (4 * 255))
}

/// The types of messages there are, beside `test`: those of the feed's events, and what was made of an
/// alert that was not carried out.
pub const TYPES: [&str; 17] = [
    "revoke",
    "suspend",
    "reinstate",
    "key_block",
    "tool_revoke",
    "trust_change",
    "quarantine",
    "policy_change",
    "verdict_change",
    "manifest_change",
    "stop",
    "authority_key",
    "incident.observed",
    "incident.no_match",
    "incident.proposed",
    "incident.refused",
    "incident.unread",
];

/// What an endpoint's messages are signed with.
#[derive(Clone)]
pub enum SigningKey {
    /// A seed of 32 bytes.
    Ed25519(Vec<u8>),
    /// The secret that both sides have.
    Hmac(Vec<u8>),
}

/// Neither is shown.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

impl SigningKey {
    /// `ed25519` or `hmac`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::Hmac(_) => "hmac",
        }
    }

    /// The bytes to be stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) | Self::Hmac(bytes) => bytes,
        }
    }

    /// What was stored; `None` for what is no key.
    #[must_use]
    pub fn stored(scheme: &str, bytes: Vec<u8>) -> Option<Self> {
        match scheme {
            "ed25519" => {
                Ed25519KeyPair::from_seed_unchecked(&bytes).ok()?;
                Some(Self::Ed25519(bytes))
            }
            "hmac" => Some(Self::Hmac(bytes)),
            _ => None,
        }
    }

    /// What the endpoint verifies with, if that may be shown: `whpk_…`.
    #[must_use]
    pub fn public(&self) -> Option<String> {
        let Self::Ed25519(seed) = self else {
            return None;
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        Some(format!(
            "whpk_{}",
            STANDARD.encode(pair.public_key().as_ref())
        ))
    }

    /// What the endpoint verifies with, where that is a secret: `whsec_…`, to be shown once.
    #[must_use]
    pub fn secret(&self) -> Option<String> {
        match self {
            Self::Ed25519(_) => None,
            Self::Hmac(secret) => Some(format!("whsec_{}", STANDARD.encode(secret))),
        }
    }

    /// The value of `webhook-signature`; `None` when the key cannot be used.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> Option<String> {
        let message = format!("{id}.{}.{body}", at.as_millis() / 1000);
        match self {
            Self::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
                let signature = pair.sign(message.as_bytes());
                Some(format!("v1a,{}", STANDARD.encode(signature)))
            }
            Self::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                let signature = hmac::sign(&key, message.as_bytes());
                Some(format!("v1,{}", STANDARD.encode(signature)))
            }
        }
    }
}

/// What messages look like, and how they get there.
#[derive(Clone, Debug)]
pub enum Form {
    /// Standard Webhooks, signed with that.
    Standard(SigningKey),
    /// Security event tokens that are pushed (RFC 8935).
    Push {
        /// Whom they are for.
        audience: String,
        /// The bearer token that is shown to the receiver, if it wants one.
        token: Option<Secret>,
    },
    /// Security event tokens that are fetched (RFC 8936).
    Poll {
        /// Whom they are for.
        audience: String,
        /// SHA-256 of the bearer token that whoever fetches shows.
        token: Digest,
    },
}

impl Form {
    /// `standard` or `shared-signals`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Standard(_) => "standard",
            Self::Push { .. } | Self::Poll { .. } => "shared-signals",
        }
    }

    /// Its name in the database: what messages are signed with, or how tokens get there.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Standard(key) => key.scheme(),
            Self::Push { .. } => "push",
            Self::Poll { .. } => "poll",
        }
    }

    /// Whom tokens are for.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        match self {
            Self::Standard(_) => None,
            Self::Push { audience, .. } | Self::Poll { audience, .. } => Some(audience),
        }
    }

    /// The bytes to be stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Standard(key) => key.bytes(),
            Self::Push { token, .. } => token.as_ref().map_or(&[], |one| one.reveal().as_bytes()),
            Self::Poll { token, .. } => token.as_bytes(),
        }
    }

    /// What was stored; `None` for what this version does not understand.
    #[must_use]
    pub fn stored(scheme: &str, bytes: Vec<u8>, audience: Option<String>) -> Option<Self> {
        match (scheme, audience) {
            ("push", Some(audience)) => {
                let token = String::from_utf8(bytes).ok()?;
                let token = (!token.is_empty()).then(|| Secret::new(token));
                Some(Self::Push { audience, token })
            }
            ("poll", Some(audience)) => {
                let token = Digest::from_bytes(bytes.try_into().ok()?);
                Some(Self::Poll { audience, token })
            }
            _ => SigningKey::stored(scheme, bytes).map(Self::Standard),
        }
    }
}

/// Who is told.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `wh_` and 32 hex digits.
    pub id: String,
    /// Where messages are sent; empty where they are fetched.
    pub url: String,
    /// Only what is of this tenant; everything when there is none.
    pub tenant: Option<String>,
    /// Only these types; all when there are none.
    pub events: Vec<String>,
    /// What messages look like.
    pub form: Form,
    /// Since when.
    pub added_at: Timestamp,
    /// Since when it is gone for good.
    pub disabled_at: Option<Timestamp>,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Stays the same in every delivery.
    pub id: String,
    /// One of [`TYPES`], or `test`.
    pub kind: String,
    /// Whose it is; `None` for what is of no one tenant.
    pub tenant: Option<String>,
    /// JSON: `{"type", "timestamp", "data"}`.
    pub body: String,
}

impl Message {
    /// `data` is JSON.
    #[must_use]
    pub fn new(id: String, kind: &str, tenant: Option<String>, at: Timestamp, data: &str) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            tenant,
            body: format!(r#"{{"type":"{kind}","timestamp":"{at}","data":{data}}}"#),
        }
    }
}

#[cfg(test)]
mod tests;
