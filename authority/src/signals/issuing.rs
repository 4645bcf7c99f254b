//! Making tokens: what happened here, for receivers of the Shared Signals Framework 1.0.
//!
//! A token is made of a message of [`crate::webhooks`] whenever it is sent or fetched. It says the same
//! each time, under the same `jti`; only its time and the signature differ.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::Target;
use mcps_core::json::{Document, Value as Read};
use mcps_core::signer::SignerError;
use mcps_core::trust::KeyUse;
use serde_json::{Value, json};

use super::subject::subject;
use super::waiting::{Place, Waiting};
use crate::error::Error;
use crate::keys::Keys;

/// The media type of a token (RFC 8417 §7.2).
pub const CONTENT_TYPE: &str = "application/secevent+jwt";
/// The types of messages that there is a token for, beside `test`.
pub const TYPES: [&str; 5] = ["revoke", "suspend", "reinstate", "stop", "key_block"];
/// Why a message is not told.
pub const UNTOLD: &str = "there is no event that tells of it";
/// How long whoever fetches may be kept waiting for news.
pub const HOLD: Duration = Duration::from_secs(8);

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const COMPROMISE: &str =
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
const ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// A message that is to be told as a token.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a> {
    /// The message's id, which becomes `jti`.
    pub id: &'a str,
    /// The endpoint's id.
    pub stream: &'a str,
    /// Whom it is for.
    pub audience: &'a str,
    /// When it is issued, or was written.
    pub at: Timestamp,
    /// The message: `{"type", "timestamp", "data"}`.
    pub body: &'a str,
}

/// Whoever makes tokens here.
#[derive(Debug)]
pub struct TokenIssuer {
    issuer: String,
    keys: Arc<Keys>,
    waiting: Waiting,
}

impl TokenIssuer {
    /// The authority at `url`, whose status key signs.
    #[must_use]
    pub fn new(url: &str, keys: Arc<Keys>) -> Self {
        Self {
            issuer: url.trim_end_matches('/').to_owned(),
            keys,
            waiting: Waiting::default(),
        }
    }

    /// `iss` of every token: where the authority is reached.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A place among those who wait for an endpoint's news; `None` where they are too many.
    #[must_use]
    pub fn hold<'a>(&'a self, endpoint: &'a str) -> Option<Place<'a>> {
        self.waiting.place(endpoint)
    }

    /// A message as a token; `None` where there is no event for what it says.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Signer`].
    pub fn token(&self, telling: Telling<'_>) -> Result<Option<String>, Error> {
        let Some(claims) = claims(&self.issuer, telling) else {
            return Ok(None);
        };
        let signer = self.keys.signer(KeyUse::Status)?;
        let kid = signer.public_key().key_id();
        let head = json!({"typ": "secevent+jwt", "alg": "ES256", "kid": kid.to_string()});
        let parts = [head.to_string(), claims.to_string()];
        let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = signer.sign(&Digest::of(signed.as_bytes()));
        let signature = signature.map_err(|error: SignerError| Error::Signer(error))?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_bytes());
        Ok(Some(format!("{signed}.{signature}")))
    }
}

/// What a token says. One event each, as the framework asks.
fn claims(issuer: &str, telling: Telling<'_>) -> Option<Value> {
    let message = Document::parse(telling.body).ok()?;
    let kind = message.root().get("type").and_then(Read::as_str)?;
    let data = message.root().get("data")?;
    let (uri, event, subject) = match (&*kind, data.get("event")) {
        ("test", _) => {
            let subject = json!({"format": "opaque", "id": telling.stream});
            (VERIFICATION, json!({"state": telling.id}), subject)
        }
        (kind, Some(told)) => {
            let target = Target::read(told.get("target")?).ok()?;
            let (uri, event) = event(kind, &target, told, data)?;
            (uri, event, subject(issuer, &target))
        }
        _ => return None,
    };
    let mut events = serde_json::Map::new();
    events.insert(uri.to_owned(), event);
    Some(json!({
        "iss": issuer,
        "aud": telling.audience,
        "jti": telling.id,
        "iat": telling.at.as_millis().div_euclid(1000),
        "sub_id": subject,
        "events": events,
    }))
}

/// Which event tells of that. A subject that is cut off loses its sessions; a passport or a key is a
/// credential; there is no word of CAEP for what is taken back, but one of RISC.
fn event(
    kind: &str,
    target: &Target,
    told: Read<'_>,
    data: Read<'_>,
) -> Option<(&'static str, Value)> {
    let text = |of: Read<'_>, name| of.get(name).and_then(Read::as_str).map(String::from);
    let credential = matches!(
        target,
        Target::Passport(_) | Target::Key(_) | Target::Issuer(_)
    );
    let uri = match kind {
        "suspend" | "stop" => SESSION_REVOKED,
        "revoke" if credential => CREDENTIAL_CHANGE,
        "revoke" => SESSION_REVOKED,
        "key_block" => COMPROMISE,
        "reinstate" => ENABLED,
        _ => return None,
    };
    let mut event = serde_json::Map::new();
    let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
    if let Some(at) = text(told, "at").and_then(|at| Timestamp::parse_rfc3339(&at)) {
        put("event_timestamp", at.as_millis().div_euclid(1000).into());
    }
    if let Some(reason) = text(told, "reason") {
        put("reason_admin", json!({"en": reason}));
    }
    if matches!(uri, CREDENTIAL_CHANGE | COMPROMISE) {
        put("credential_type", "verifiable-credential".into());
    }
    if uri == CREDENTIAL_CHANGE {
        put("change_type", "revoke".into());
    }
    // For whoever is an authority as well: what it was here, which the event alone does not say.
    let own = ["type", "until", "lifts"].map(|name| (name, text(told, name)));
    let position = ("position", text(data, "position"));
    let own = own.into_iter().chain([position]);
    let own = own.filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    put("mcps", Value::Object(own.collect()));
    Some((uri, Value::Object(event)))
}

#[cfg(test)]
mod tests;
