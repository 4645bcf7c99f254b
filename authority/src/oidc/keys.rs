//! The keys that a provider publishes (RFC 7517).

use std::fmt;

use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use mcps_core::json::{Document, Value};

use super::OidcError;
use super::token::{Token, algorithm};

/// The most keys of one provider; it has as many as it signs with.
const MOST: usize = 64;

/// One.
struct Key {
    kid: Option<String>,
    /// What it verifies.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What is published at one time.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a document. Keys that cannot be used here are left out, as RFC 7517 §5 wants it; without any
    /// that can it is `None`.
    pub(super) fn read(document: &Document) -> Option<Self> {
        let keys = document.root().get("keys")?.as_array()?;
        let keys: Vec<Key> = keys.iter().take(MOST).filter_map(Key::read).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Whether one of these keys has signed a token; `None` where there is none of the name that it says,
    /// and a newer set may have it.
    ///
    /// # Errors
    /// [`OidcError::Refused`].
    pub(super) fn verify(&self, token: &Token<'_>) -> Option<Result<(), OidcError>> {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let mut fitting = self.0.iter().filter(fits);
        let key = match &token.kid {
            Some(kid) => fitting.find(|key| key.kid.as_ref() == Some(kid))?,
            None => match (fitting.next(), fitting.next()) {
                (Some(key), None) => key,
                (None, _) => return None,
                (Some(_), Some(_)) => {
                    let unnamed = "it does not say which of its issuer's keys it is signed with";
                    return Some(Err(OidcError::Refused(unnamed)));
                }
            },
        };
        let signed = token.signed.as_bytes();
        // A signature that cannot be read is as good as a wrong one.
        let holds = verify(token.signature, signed, &key.key, token.algorithm).unwrap_or(false);
        let refused = OidcError::Refused("its signature is not its issuer's");
        Some(holds.then_some(()).ok_or(refused))
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
        let curve = text("crv")?;
        let kind = text("kty")??;
        let (able, key): (&[&str], _) = match (&*kind, curve.as_deref()) {
            ("RSA", _) => (
                &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
                DecodingKey::from_rsa_components(&text("n")??, &text("e")??),
            ),
            ("EC", Some("P-256")) => (
                &["ES256"],
                DecodingKey::from_ec_components(&text("x")??, &text("y")??),
            ),
            ("EC", Some("P-384")) => (
                &["ES384"],
                DecodingKey::from_ec_components(&text("x")??, &text("y")??),
            ),
            ("OKP", Some("Ed25519")) => (&["EdDSA"], DecodingKey::from_ed_components(&text("x")??)),
            _ => return None,
        };
        let only = text("alg")?;
        let named = able.iter();
        let named = named.filter(|name| only.as_deref().is_none_or(|only| only == **name));
        let algorithms: Vec<Algorithm> = named.filter_map(|name| algorithm(name)).collect();
        let kid = text("kid")?.map(std::borrow::Cow::into_owned);
        let key = key.ok().filter(|_| !algorithms.is_empty())?;
        Some(Self {
            kid,
            algorithms,
            key,
        })
    }
}

/// Shows how many there are.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySet").field(&self.0.len()).finish()
    }
}
