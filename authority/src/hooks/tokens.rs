//! Security event tokens (RFC 8417) of the Shared Signals Framework, as they are verified.
//!
//! A transmitter is an issuer, the keys it signs with and the audience that we are to it. All of that is
//! configured: nothing is fetched while a token waits.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Value as Read};
use serde_json::{Value, json};

use super::authentication::Believed;
use super::mapping::MappingError;
use crate::signals::subject;

/// How old a token may be: transmitters try again for a while.
const OLD_S: i64 = 24 * 3600;
/// How far the transmitter's clock may be ahead of ours.
const AHEAD_S: i64 = 300;
/// Most keys of one transmitter.
const MAX_KEYS: usize = 32;
/// Longest `jti`.
const MAX_ID: usize = 128;
/// The type that says that a token is a security event token and nothing else (RFC 8417 §2.3).
const TYPE: &str = "secevent+jwt";

/// Who sends tokens.
#[derive(Clone)]
pub struct Transmitter {
    text: String,
    issuer: String,
    audience: String,
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Public keys are no secret, and long.
impl fmt::Debug for Transmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmitter")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Why a transmitter cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransmitterError {
    /// A member is missing.
    #[error(
        "a transmitter has an `issuer`, an `audience` and `jwks`, the key set that it publishes"
    )]
    Form,
    /// None of its keys.
    #[error(
        "none of its keys can be used: public keys for RS256, PS256, ES256, ES384 or EdDSA are, and no secrets"
    )]
    Keys,
}

/// Why a token is not believed (RFC 8935 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no security event token, or not of its form.
    #[error("`{0}` of the token is missing or not of its form")]
    Request(&'static str),
    /// It was made too long ago, or in the future.
    #[error("`iat` of the token is too long ago, or in the future")]
    Time,
    /// None of the keys is the one it names.
    #[error("none of this source's keys signed the token")]
    Key,
    /// It is of another issuer.
    #[error("`iss` of the token is not this source's issuer")]
    Issuer,
    /// It is for another audience.
    #[error("`aud` of the token does not name this authority as this source does")]
    Audience,
}

impl TokenError {
    /// The registered error code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Request(_) | Self::Time => "invalid_request",
            Self::Key => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}

impl Transmitter {
    /// Reads `{"issuer", "audience", "jwks"}`.
    ///
    /// # Errors
    /// [`TransmitterError`].
    pub fn parse(text: &str) -> Result<Self, TransmitterError> {
        const FORM: TransmitterError = TransmitterError::Form;
        let document = Document::parse(text).map_err(|_| FORM)?;
        let root = document.root();
        let member = |name| {
            let text = root.get(name).and_then(Read::as_str);
            text.filter(|text| !text.is_empty())
                .map(|text| text.into_owned())
                .ok_or(FORM)
        };
        let (issuer, audience) = (member("issuer")?, member("audience")?);
        let keys = root.get("jwks").and_then(|jwks| jwks.get("keys"));
        let keys = keys.and_then(Read::as_array).ok_or(FORM)?;
        let keys: Vec<Key> = keys.iter().take(MAX_KEYS).filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err(TransmitterError::Keys);
        }
        let text = document.text().to_owned();
        Ok(Self {
            text,
            issuer,
            audience,
            keys,
        })
    }

    /// As it was read.
    #[must_use]
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// Verifies a token and gives its claims; its id is `jti`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn believe(&self, token: &[u8], now: Timestamp) -> Result<Believed, TokenError> {
        self.believe_within(token, now, OLD_S)
    }

    /// The same for a token that may be so many seconds old.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn believe_within(
        &self,
        token: &[u8],
        now: Timestamp,
        old_s: i64,
    ) -> Result<Believed, TokenError> {
        let token = std::str::from_utf8(token).map_err(|_| TokenError::Request("token"))?;
        let token = token.trim();
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Request("token"))?;
        let (head, payload) = signed.split_once('.').ok_or(TokenError::Request("token"))?;
        let (head, claims) = (decoded(head, "header")?, decoded(payload, "claims")?);
        self.verify(&head, signed, signature)?;
        self.claims(&claims, now, old_s)
    }

    fn verify(&self, head: &Document, signed: &str, signature: &str) -> Result<(), TokenError> {
        let head = head.root();
        let text = |name| head.get(name).and_then(Read::as_str);
        let typ = text("typ").ok_or(TokenError::Request("typ"))?;
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        // Anything else could have been made for another purpose (RFC 8417 §4.6).
        if !typ.eq_ignore_ascii_case(TYPE) {
            return Err(TokenError::Request("typ"));
        }
        if head.get("crit").is_some() {
            return Err(TokenError::Request("crit"));
        }
        let algorithm = text("alg").and_then(|name| algorithm(&name));
        let algorithm = algorithm.ok_or(TokenError::Request("alg"))?;
        let kid = text("kid");
        let named = |key: &&Key| {
            kid.as_deref()
                .is_none_or(|kid| key.kid.as_deref() == Some(kid))
        };
        let fitting = self.keys.iter().filter(named);
        let mut fitting = fitting.filter(|key| key.algorithms.contains(&algorithm));
        // A signature that cannot be read is as good as a wrong one.
        let holds =
            |key: &Key| verify(signature, signed.as_bytes(), &key.key, algorithm).unwrap_or(false);
        fitting.any(holds).then_some(()).ok_or(TokenError::Key)
    }

    fn claims(
        &self,
        claims: &Document,
        now: Timestamp,
        old_s: i64,
    ) -> Result<Believed, TokenError> {
        let root = claims.root();
        let text = |name| root.get(name).and_then(Read::as_str);
        if text("iss").as_deref() != Some(&self.issuer) {
            return Err(TokenError::Issuer);
        }
        let audience = root.get("aud").ok_or(TokenError::Audience)?;
        let ours = |one: Read<'_>| one.as_str().as_deref() == Some(&self.audience);
        let listed = audience.as_array();
        if !ours(audience) && !listed.is_some_and(|list| list.iter().any(ours)) {
            return Err(TokenError::Audience);
        }
        let id = text("jti").filter(|id| (1..=MAX_ID).contains(&id.len()));
        let id = id.ok_or(TokenError::Request("jti"))?.into_owned();
        let at = root.get("iat").map(|at| at.raw().parse::<f64>());
        let Some(Ok(at)) = at else {
            return Err(TokenError::Request("iat"));
        };
        let age = now.as_millis() as f64 / 1000.0 - at;
        if !(-(AHEAD_S as f64)..=old_s as f64).contains(&age) {
            return Err(TokenError::Time);
        }
        // No database keeps U+0000 in a text.
        let empty = claims.text().contains("\\u0000");
        if empty || root.get("events").and_then(Read::as_object).is_none() {
            return Err(TokenError::Request("events"));
        }
        Ok(Believed {
            id: Some(id),
            text: claims.text().as_bytes().to_vec(),
        })
    }
}

fn decoded(part: &str, what: &'static str) -> Result<Document, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_| TokenError::Request(what))?;
    let document = Document::parse(bytes).map_err(|_| TokenError::Request(what))?;
    let object = document.root().as_object().is_some();
    object.then_some(document).ok_or(TokenError::Request(what))
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "PS256" => Algorithm::PS256,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

impl Key {
    /// A public key for signatures; `None` for any other, secrets above all.
    fn read(value: Read<'_>) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Read::as_str);
        if text("use").is_some_and(|usage| usage != "sig") || value.get("d").is_some() {
            return None;
        }
        let (able, key): (&[Algorithm], _) = match (&*text("kty")?, text("crv").as_deref()) {
            ("RSA", _) => (
                &[Algorithm::RS256, Algorithm::PS256],
                DecodingKey::from_rsa_components(&text("n")?, &text("e")?),
            ),
            ("EC", Some("P-256")) => (
                &[Algorithm::ES256],
                DecodingKey::from_ec_components(&text("x")?, &text("y")?),
            ),
            ("EC", Some("P-384")) => (
                &[Algorithm::ES384],
                DecodingKey::from_ec_components(&text("x")?, &text("y")?),
            ),
            ("OKP", Some("Ed25519")) => (
                &[Algorithm::EdDSA],
                DecodingKey::from_ed_components(&text("x")?),
            ),
            _ => return None,
        };
        let only = text("alg").map(|name| algorithm(&name));
        let able = able.iter().copied();
        let algorithms: Vec<_> = match only {
            Some(only) => able.filter(|one| Some(*one) == only).collect(),
            None => able.collect(),
        };
        let key = key.ok().filter(|_| !algorithms.is_empty())?;
        let kid = text("kid").map(|kid| kid.into_owned());
        Some(Self {
            kid,
            algorithms,
            key,
        })
    }
}

/// The events of a token as a list, each with its type and whom it is about: what the event says, else
/// what the token does (`sub_id`, RFC 9493; `sub`); and who that is here, if it is somebody.
///
/// # Errors
/// [`MappingError::Form`] for what is no JSON, which a verified token always is.
pub fn events(claims: &Document) -> Result<Document, MappingError> {
    const FORM: MappingError = MappingError::Form;
    let claims: Value = serde_json::from_str(claims.text()).map_err(|_| FORM)?;
    let of_token = claims.get("sub_id").cloned().or_else(|| {
        let sub = claims.get("sub")?;
        Some(json!({"format": "iss_sub", "iss": claims.get("iss"), "sub": sub}))
    });
    let events = claims
        .get("events")
        .and_then(Value::as_object)
        .ok_or(FORM)?;
    let events = events.iter().map(|(uri, event)| {
        let subject = event.get("subject").or(of_token.as_ref());
        // Only an authority says what it was there, and names others than agents of `default`.
        let from = event.get("mcps").and_then(Value::as_object);
        let from = from.and_then(|_| claims.get("iss")?.as_str());
        let target = subject.and_then(|subject| subject::target(subject, from));
        json!({"uri": uri, "subject": subject, "event": event, "target": target})
    });
    let events: Vec<Value> = events.collect();
    let listed = json!({"jti": claims.get("jti"), "iss": claims.get("iss"), "events": events});
    Document::parse(listed.to_string()).map_err(|_| FORM)
}

#[cfg(test)]
mod tests;
