//! The keys that an issuer publishes (RFC 7517).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm as Jwa, DecodingKey};
use mcps_core::digest::Digest;
use mcps_core::json::{Document, Value};

use super::Fault;
use super::token::Token;
use crate::call::Claims;
use crate::config::Algorithm;

/// The most keys of one issuer; it has as many as it signs with.
const MOST: usize = 128;
/// The most tokens that are remembered as verified.
const REMEMBERED: usize = 8192;

/// One key.
struct Key {
    kid: Option<String>,
    /// What it verifies.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What is published at one time, and which tokens it has verified: whoever comes again with the same
/// one costs no signature, and a key that is withdrawn takes them with it.
pub(super) struct KeySet {
    keys: Vec<Key>,
    digest: Digest,
    verified: Mutex<HashMap<Digest, Claims>>,
}

/// Why a set has no key for a token.
pub(super) enum Missing {
    /// It has none of that name: there may be a newer set.
    Unknown,
    /// The token does not say which.
    Unnamed,
}

impl KeySet {
    /// Reads a document. Keys that cannot be used here are left out, as RFC 7517 §5 wants it; without any
    /// that can it is `None`.
    pub(super) fn read(document: &Document) -> Option<Self> {
        let keys = document.root().get("keys")?.as_array()?;
        let keys: Vec<Key> = keys.iter().take(MOST).filter_map(Key::read).collect();
        (!keys.is_empty()).then(|| Self {
            keys,
            digest: Digest::of(document.text().as_bytes()),
            verified: Mutex::default(),
        })
    }

    /// Whether both are the same document.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    fn find(&self, token: &Token<'_>) -> Result<&Key, Missing> {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let mut fitting = self.keys.iter().filter(fits);
        if let Some(kid) = &token.kid {
            return fitting
                .find(|key| key.kid.as_ref() == Some(kid))
                .ok_or(Missing::Unknown);
        }
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(Missing::Unknown),
            (Some(_), Some(_)) => Err(Missing::Unnamed),
        }
    }

    /// The claims of a token that one of these keys has signed.
    ///
    /// # Errors
    /// Why there is no key for it; within, why the one there is has not signed it.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<Result<Claims, Fault>, Missing> {
        let mut hasher = mcps_core::digest::Hasher::new();
        for part in [token.signed, ".", token.signature] {
            hasher.put(part.as_bytes());
        }
        let digest = hasher.finish();
        if let Some(claims) = self.verified().get(&digest) {
            return Ok(Ok(claims.clone()));
        }
        let key = self.find(token)?;
        let (signed, algorithm) = (token.signed.as_bytes(), jwa(token.algorithm));
        // A signature that cannot be read is as good as a wrong one.
        let holds = verify(token.signature, signed, &key.key, algorithm).unwrap_or(false);
        if !holds {
            return Ok(Err(Fault::Invalid("its signature is not its issuer's")));
        }
        let mut verified = self.verified();
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(digest, token.claims.clone());
        Ok(Ok(token.claims.clone()))
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Claims>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn read(value: Value<'_>) -> Option<Self> {
        let text = |name: &str| value.get(name).map(|value| value.as_str());
        // What is there and is no text is of nobody's making that could be trusted.
        let text = |name: &str| text(name).map_or(Some(None), |text| text.map(Some));
        if text("use")?.is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(list) = value.get("key_ops") {
            let mut list = list.as_array()?.iter();
            if !list.any(|one| one.as_str().as_deref() == Some("verify")) {
                return None;
            }
        }
        let curve = text("crv")?;
        let kind = text("kty")??;
        let (able, key): (&[Algorithm], _) = match (&*kind, curve.as_deref()) {
            ("RSA", _) => {
                use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
                let able = &[RS256, RS384, RS512, PS256, PS384, PS512];
                (
                    able,
                    DecodingKey::from_rsa_components(&text("n")??, &text("e")??),
                )
            }
            ("EC", Some("P-256")) => (
                &[Algorithm::ES256],
                DecodingKey::from_ec_components(&text("x")??, &text("y")??),
            ),
            ("EC", Some("P-384")) => (
                &[Algorithm::ES384],
                DecodingKey::from_ec_components(&text("x")??, &text("y")??),
            ),
            ("OKP", Some("Ed25519")) => (
                &[Algorithm::EdDSA],
                DecodingKey::from_ed_components(&text("x")??),
            ),
            _ => return None,
        };
        let only = text("alg")?;
        let named =
            |algorithm: &&Algorithm| only.as_deref().is_none_or(|only| only == algorithm.name());
        let algorithms: Vec<Algorithm> = able.iter().filter(named).copied().collect();
        let kid = text("kid")?.map(std::borrow::Cow::into_owned);
        let key = key.ok().filter(|_| !algorithms.is_empty())?;
        Some(Self {
            kid,
            algorithms,
            key,
        })
    }
}

const fn jwa(algorithm: Algorithm) -> Jwa {
    match algorithm {
        Algorithm::RS256 => Jwa::RS256,
        Algorithm::RS384 => Jwa::RS384,
        Algorithm::RS512 => Jwa::RS512,
        Algorithm::PS256 => Jwa::PS256,
        Algorithm::PS384 => Jwa::PS384,
        Algorithm::PS512 => Jwa::PS512,
        Algorithm::ES256 => Jwa::ES256,
        Algorithm::ES384 => Jwa::ES384,
        Algorithm::EdDSA => Jwa::EdDSA,
    }
}

/// Shows how many there are.
impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}
