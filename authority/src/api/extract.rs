//! Extractors: what a handler's signature says is what was checked before it ran.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, RawPathParams, Request,
};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use mcps_core::json::{Document, Limits};
use mcps_core::key::KeyId;
use mcps_core::passport::PassportId;
use mcps_core::tenant::MAX_DOCUMENT_BYTES;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};

pub(super) use super::caller::{ByClient, Enroller, Operator, bearer, may};
use super::{BODY_LIMIT, REPORT_LIMIT, Shared};
use crate::error::Error;
use crate::levels::{EvidenceId, Subject};
use crate::registry::ServerId;
use crate::subject::{Name, Tenant};

/// Deepest nesting of a request body; what we take is three deep.
const DEPTH: usize = 16;

/// `Idempotency-Key`, where there is one: the same for every repetition of one order.
#[derive(Debug)]
pub(super) struct Once(pub(super) Option<String>);

impl FromRequestParts<Shared> for Once {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Error> {
        let Some(key) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let key = key.to_str().map_err(|_| Error::IdempotencyKey)?;
        let sound =
            (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        sound
            .then(|| Self(Some(key.to_owned())))
            .ok_or(Error::IdempotencyKey)
    }
}

/// A JSON body: announced as such, within the limit, strict (RFC 7493), and only then read as `T`.
#[derive(Debug)]
pub(super) struct Strict<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Strict<T> {
    type Rejection = Error;

    async fn from_request(request: Request, authority: &Shared) -> Result<Self, Error> {
        let limits = Limits {
            bytes: BODY_LIMIT,
            depth: DEPTH,
        };
        strict(request, authority, limits).await.map(Self)
    }
}

/// [`Strict`] for definitions of tools, which may be many and nest as deep as on the wire.
#[derive(Debug)]
pub(super) struct Definitions<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Definitions<T> {
    type Rejection = Error;

    async fn from_request(mut request: Request, authority: &Shared) -> Result<Self, Error> {
        let wire = Limits::default();
        let limits = Limits {
            // The list around them, and what holds the list.
            depth: wire.depth.saturating_add(2),
            ..wire
        };
        DefaultBodyLimit::max(limits.bytes).apply(&mut request);
        strict(request, authority, limits).await.map(Self)
    }
}

/// [`Strict`] for a tenant's policy, whose texts may be long. What makes more of it than gateways read
/// is how JSON may be written.
#[derive(Debug)]
pub(super) struct Texts<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Texts<T> {
    type Rejection = Error;

    async fn from_request(mut request: Request, authority: &Shared) -> Result<Self, Error> {
        let limits = Limits {
            bytes: 2 * MAX_DOCUMENT_BYTES,
            depth: DEPTH,
        };
        DefaultBodyLimit::max(limits.bytes).apply(&mut request);
        strict(request, authority, limits).await.map(Self)
    }
}

async fn strict<T: DeserializeOwned>(
    request: Request,
    authority: &Shared,
    limits: Limits,
) -> Result<T, Error> {
    let body = announced(request, authority, limits.bytes).await?;
    let document = Document::parse_with(body.into(), limits)?;
    // serde would read an array as the members in their order.
    if document.root().as_object().is_none() {
        return Err(Error::Body("the body must be a JSON object".to_owned()));
    }
    serde_json::from_str(document.text()).map_err(|error| Error::Body(error.to_string()))
}

/// The bytes of a body that is announced as JSON and within the limit. The handler reads them.
#[derive(Debug)]
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<Shared> for JsonBody {
    type Rejection = Error;

    async fn from_request(request: Request, authority: &Shared) -> Result<Self, Error> {
        announced(request, authority, BODY_LIMIT).await.map(Self)
    }
}

async fn announced(request: Request, authority: &Shared, limit: usize) -> Result<Bytes, Error> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Error::NotJson);
    }
    whole_body(request, authority, limit).await
}

/// A server's id in the path, exactly as sent.
#[derive(Debug)]
pub(super) struct Server(pub(super) ServerId);

impl FromRequestParts<Shared> for Server {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.path().contains('%') {
            return Err(Error::ServerId);
        }
        let path = Path::<String>::from_request_parts(parts, authority).await;
        let Path(text) = path.map_err(|_| Error::ServerId)?;
        ServerId::parse(&text).map(Self).ok_or(Error::ServerId)
    }
}

/// `{tenant}` in the path, exactly as sent.
#[derive(Debug)]
pub(super) struct OfTenant(pub(super) String);

impl FromRequestParts<Shared> for OfTenant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.path().contains('%') {
            return Err(Error::TenantPath);
        }
        let path = Path::<Vec<(String, String)>>::from_request_parts(parts, authority).await;
        let Path(members) = path.map_err(|_| Error::TenantPath)?;
        let mut members = members.into_iter();
        let tenant = members.find(|(name, _)| name == "tenant");
        let (_, tenant) = tenant.ok_or(Error::TenantPath)?;
        let tenant = Tenant::try_from(tenant).map_err(|_| Error::TenantPath)?;
        Ok(Self(tenant.into_string()))
    }
}

/// `{kind}/{tenant}/{name}` in the path: a subject that is known here.
#[derive(Debug)]
pub(super) struct Known(pub(super) Subject);

impl FromRequestParts<Shared> for Known {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.path().contains('%') {
            return Err(Error::SubjectPath);
        }
        let path = Path::<(String, String, String)>::from_request_parts(parts, authority).await;
        let Path((kind, tenant, name)) = path.map_err(|_| Error::SubjectPath)?;
        let subject = Subject {
            kind: kind.parse().map_err(|_| Error::SubjectPath)?,
            tenant: Tenant::try_from(tenant)
                .map_err(|_| Error::SubjectPath)?
                .into_string(),
            name: Name::try_from(name)
                .map_err(|_| Error::SubjectPath)?
                .into_string(),
        };
        let known = authority.db().knows(&subject).await?;
        known.then_some(Self(subject)).ok_or(Error::SubjectNotFound)
    }
}

/// The id of a piece of evidence in the path.
#[derive(Debug)]
pub(super) struct OnFile(pub(super) EvidenceId);

impl FromRequestParts<Shared> for OnFile {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        let path = Path::<String>::from_request_parts(parts, authority).await;
        let Path(text) = path.map_err(|_| Error::EvidenceNotFound)?;
        EvidenceId::parse(&text)
            .map(Self)
            .ok_or(Error::EvidenceNotFound)
    }
}

/// `If-Match`: the revision that a change is meant for, or any.
#[derive(Debug)]
pub(super) struct IfMatch(pub(super) Option<i64>);

impl FromRequestParts<Shared> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Error> {
        let sent = parts
            .headers
            .get(header::IF_MATCH)
            .ok_or(Error::NoRevision)?;
        let sent = sent.to_str().map_err(|_| Error::Revision)?.trim();
        if sent == "*" {
            return Ok(Self(None));
        }
        let digits = sent
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let revision = digits.and_then(|digits| digits.parse().ok());
        revision
            .map(|revision| Self(Some(revision)))
            .ok_or(Error::Revision)
    }
}

/// A whole number, however it is written: to JSON, and to who describes it, 60.0 is 60.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else {
        return Ok(None);
    };
    let integral = || number.as_f64().filter(|value| value.fract() == 0.0);
    let whole = number
        .as_i64()
        .or_else(|| format!("{:.0}", integral()?).parse().ok());
    let refused = || D::Error::custom(format!("{number} is no whole number that is allowed here"));
    whole.map(Some).ok_or_else(refused)
}

/// A passport id in the path, exactly as sent: a percent-escape anywhere in the path refuses it,
/// even one that would decode to an allowed character.
#[derive(Debug)]
pub(super) struct Id(pub(super) PassportId);

impl FromRequestParts<Shared> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.path().contains('%') {
            return Err(Error::PassportId);
        }
        let path = Path::<String>::from_request_parts(parts, authority).await;
        let Path(text) = path.map_err(|_| Error::PassportId)?;
        PassportId::parse(&text).map(Self).ok_or(Error::PassportId)
    }
}

/// A key id in the path, exactly as sent.
#[derive(Debug)]
pub(super) struct AuthorityKeyId(pub(super) KeyId);

impl FromRequestParts<Shared> for AuthorityKeyId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.path().contains('%') || parts.uri.query().is_some() {
            return Err(Error::KeyId);
        }
        let path = Path::<String>::from_request_parts(parts, authority).await;
        let Path(text) = path.map_err(|_| Error::KeyId)?;
        KeyId::parse(&text).map(Self).ok_or(Error::KeyId)
    }
}

/// [`Id`] on a route that takes no query: an id with a `?` in it, sent unescaped, arrives as one.
#[derive(Debug)]
pub(super) struct IdAlone(pub(super) PassportId);

impl FromRequestParts<Shared> for IdAlone {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        if parts.uri.query().is_some() {
            return Err(Error::PassportId);
        }
        let Id(id) = Id::from_request_parts(parts, authority).await?;
        Ok(Self(id))
    }
}

/// A name in the path, exactly as sent. What cannot be one is empty, which names nothing.
#[derive(Debug)]
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Shared> for Named {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Infallible> {
        if parts.uri.path().contains('%') {
            return Ok(Self(String::new()));
        }
        let path = Path::<String>::from_request_parts(parts, authority).await;
        Ok(Self(path.map(|Path(name)| name).unwrap_or_default()))
    }
}

/// A report's body as it came, for what is verified before it is read.
#[derive(Debug)]
pub(super) struct Report(pub(super) Bytes);

impl FromRequest<Shared> for Report {
    type Rejection = Error;

    async fn from_request(mut request: Request, authority: &Shared) -> Result<Self, Error> {
        DefaultBodyLimit::max(REPORT_LIMIT).apply(&mut request);
        whole_body(request, authority, REPORT_LIMIT).await.map(Self)
    }
}

/// `{source}` in the path and what may stand behind it, exactly as sent. What cannot be a name is empty,
/// which names nothing.
#[derive(Debug)]
pub(super) struct Addressed {
    /// The source's name.
    pub(super) source: String,
    /// What nobody guesses.
    pub(super) address: Option<String>,
}

impl FromRequestParts<Shared> for Addressed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Infallible> {
        let nobody = Self {
            source: String::new(),
            address: None,
        };
        if parts.uri.path().contains('%') {
            return Ok(nobody);
        }
        let Ok(path) = RawPathParams::from_request_parts(parts, authority).await else {
            return Ok(nobody);
        };
        Ok(path.iter().fold(nobody, |to, (name, text)| match name {
            "source" => Self {
                source: text.to_owned(),
                ..to
            },
            _ => Self {
                address: Some(text.to_owned()),
                ..to
            },
        }))
    }
}

pub(super) async fn whole_body(
    request: Request,
    authority: &Shared,
    limit: usize,
) -> Result<Bytes, Error> {
    let body = Bytes::from_request(request, authority).await;
    body.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge { limit },
        _ => Error::BodyCut,
    })
}

/// The query, with a problem instead of plain text when it does not fit.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        let query = Query::<T>::from_request_parts(parts, authority).await;
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Error::Body(error.body_text()))
    }
}
