//! The JSON shapes that several routes answer with.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use mcps_core::passport::{Kind, Passport};
use mcps_core::status::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::authority::Judged;
use crate::error::Error;
use crate::store::Record;

/// A P-256 public key (RFC 7518 §6.2). Further members are ignored; a private `d` is refused.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is used; keys are read by mcps_core::key"
)]
pub(super) struct Jwk {
    /// `EC`.
    kty: String,
    /// `P-256`.
    crv: String,
    /// 32 bytes, base64url.
    x: String,
    /// 32 bytes, base64url.
    y: String,
}

/// JSON that is already text and goes out byte for byte.
pub(super) struct JsonText(pub(super) String);

impl IntoResponse for JsonText {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// A passport, byte for byte as it was signed.
///
/// # Errors
/// As [`raw_text`].
pub(super) fn raw(passport: &Passport) -> Result<Box<RawValue>, Error> {
    raw_text(passport.text())
}

/// JSON, byte for byte.
///
/// # Errors
/// [`Error::Stored`] when it is no JSON, which what was signed or stored always is.
pub(super) fn raw_text(json: &str) -> Result<Box<RawValue>, Error> {
    let unreadable = |_| mcps_core::refusal::Refusal::Passport("not JSON");
    let raw = RawValue::from_string(json.to_owned()).map_err(unreadable);
    raw.map_err(Error::Stored)
}

/// A passport that was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issued {
    /// The passport: the wire profile's members, signed.
    #[schema(value_type = Object)]
    pub(super) passport: Box<RawValue>,
}

/// What has become of a passport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// Neither revoked nor held back nor expired.
    Good,
    /// Held back until an operator takes that back.
    Suspended,
    /// Past its time.
    Expired,
    /// Revoked for good.
    Revoked,
}

/// What has become of a passport, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatusView {
    /// As of now. Unsigned: verifiers ask `/v1/passports/{id}/status`.
    pub(super) state: Standing,
    /// Why it was revoked or held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// When it was revoked or held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(super) revoked_at: Option<String>,
}

impl StatusView {
    /// By the passport alone.
    pub(super) fn new(record: &Record, now: mcps_core::clock::Timestamp) -> Self {
        let ended = record.ended(now);
        let state = match ended {
            Some(_) => Standing::Revoked,
            None if record.expires_at <= now => Standing::Expired,
            None => Standing::Good,
        };
        Self {
            state,
            reason: ended.map(|ended| ended.reason.as_str().to_owned()),
            revoked_at: ended.map(|ended| ended.at.to_string()),
        }
    }
}

impl From<Judged> for StatusView {
    fn from(judged: Judged) -> Self {
        Self {
            state: match judged.state {
                State::Good => Standing::Good,
                State::Expired => Standing::Expired,
                State::Suspended => Standing::Suspended,
                State::Revoked | State::Unknown => Standing::Revoked,
            },
            reason: judged.reason,
            revoked_at: judged.since.map(|since| since.to_string()),
        }
    }
}

/// What kind of subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SubjectKind {
    /// Calls tools.
    Agent,
    /// Offers tools.
    Server,
    /// Stands between the two.
    Gateway,
}

impl From<SubjectKind> for Kind {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::Agent => Self::Agent,
            SubjectKind::Server => Self::Server,
            SubjectKind::Gateway => Self::Gateway,
        }
    }
}

impl From<Kind> for SubjectKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Agent => Self::Agent,
            Kind::Server => Self::Server,
            Kind::Gateway => Self::Gateway,
        }
    }
}
