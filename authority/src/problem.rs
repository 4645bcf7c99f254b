//! The one place where a failure becomes an answer: RFC 9457 problems with stable types.

mod evidence;
mod rows;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mcps_core::code::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::acks::AckError;
use crate::error::Error;
use crate::oidc::OidcError;
use crate::report::ReportError;

/// What every problem's type begins with.
pub const TYPE_PREFIX: &str = "https://mcps.dev/problems/";

/// Where the newest snapshot of the feed is.
pub const SNAPSHOT: &str = "/v1/feed/snapshot";

/// A problem (RFC 9457). `type` is stable and what programs should look at; `detail` is for people.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `https://mcps.dev/problems/` and a slug.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of the type.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// The member of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'static str>,
    /// Where the newest snapshot of the feed is, for whoever has to start from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<&'static str>,
    /// Where the root's statement on the present epoch is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The row of the protocol's code table, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MCPS-003")]
    pub code: Option<&'static str>,
}

const fn code(error: &Error) -> Option<Code> {
    match error {
        Error::Json(_) => Some(Code::Malformed),
        Error::ProofRefused(_)
        | Error::Disbelieved(_)
        | Error::HookUnknown
        | Error::Approval(_)
        | Error::Report(ReportError::UnknownSigner)
        | Error::Ack(AckError::BadSignature) => Some(Code::InvalidSignature),
        Error::Report(ReportError::OtherTools(_) | ReportError::OtherManifest { .. })
        | Error::ManifestRefused(_)
        | Error::OtherContent { .. } => Some(Code::ToolIntegrity),
        Error::WrongAudience => Some(Code::WrongAudience),
        Error::TooManyChallenges
        | Error::RateLimited { .. }
        | Error::Busy
        | Error::Ack(AckError::TooMany) => Some(Code::RateLimited),
        Error::EvidenceNeeded => Some(Code::TrustTooLow),
        Error::KeyBlocked
        | Error::Revoked
        | Error::Superseded
        | Error::Restricted { .. }
        | Error::Ack(AckError::Revoked) => Some(Code::PassportRevoked),
        Error::Expired | Error::Overtaken | Error::Ack(AckError::Expired) => {
            Some(Code::PassportExpired)
        }
        _ => None,
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, slug, title) = rows::of(error);
        let member = match error {
            Error::Invalid { member, .. } | Error::TokenBound { member } => Some(*member),
            _ => None,
        };
        Self {
            kind: format!("{TYPE_PREFIX}{slug}"),
            title,
            status: status.as_u16(),
            detail: error.to_string(),
            member,
            snapshot: matches!(error, Error::Pruned { .. }).then_some(SNAPSHOT),
            epoch: match error {
                Error::EpochEnded { now, .. } => Some(format!("/v1/feed/epochs/{now}")),
                _ => None,
            },
            code: code(error).map(Code::id),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, _, _) = rows::of(&self);
        if status.is_server_error() {
            // The caller sees the title; the chain of causes is for the operator, once.
            tracing::error!(error = &self as &dyn std::error::Error, "request failed");
        }
        let mut response = (status, Json(Problem::from(&self))).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        match self {
            Self::OperatorRequired => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooManyChallenges => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            Self::Ack(AckError::TooMany) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::RateLimited { wait_s } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
            }
            Self::Busy => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Oidc(OidcError::Refused(_)) => {
                let invalid = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
                headers.insert(header::WWW_AUTHENTICATE, invalid);
            }
            _ => {}
        }
        response
    }
}
