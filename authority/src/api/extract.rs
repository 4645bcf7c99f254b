//! Extractors: what a handler's signature says is what was checked before it ran.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use mcps_core::json::{Document, Limits};
use mcps_core::key::KeyId;
use mcps_core::passport::PassportId;
use serde::de::DeserializeOwned;

use super::{BODY_LIMIT, Shared};
use crate::error::Error;
use crate::operator_key::OperatorKey;

/// Deepest nesting of a request body; what we take is three deep.
const DEPTH: usize = 16;

/// An operator, by the API key in `authorization`.
#[derive(Debug)]
pub(super) struct Operator {
    /// Who it is, for the record of what was done.
    pub(super) id: String,
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or(Error::OperatorRequired)?;
        let text = header.to_str().map_err(|_| Error::OperatorRequired)?;
        let (scheme, key) = text.split_once(' ').ok_or(Error::OperatorRequired)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Error::OperatorRequired);
        }
        let key = OperatorKey::parse(key.trim()).ok_or(Error::OperatorRequired)?;
        let found = authority.db().operator_by_key(&key.hash()).await?;
        found
            .map(|operator| Self {
                id: operator.operator_id,
            })
            .ok_or(Error::OperatorRequired)
    }
}

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
        let JsonBody(body) = JsonBody::from_request(request, authority).await?;
        let limits = Limits {
            bytes: BODY_LIMIT,
            depth: DEPTH,
        };
        let document = Document::parse_with(body.into(), limits)?;
        let read = serde_json::from_str(document.text());
        read.map(Self)
            .map_err(|error| Error::Body(error.to_string()))
    }
}

/// The bytes of a body that is announced as JSON and within the limit. The handler reads them.
#[derive(Debug)]
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<Shared> for JsonBody {
    type Rejection = Error;

    async fn from_request(request: Request, authority: &Shared) -> Result<Self, Error> {
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
        let body = Bytes::from_request(request, authority).await;
        body.map(Self)
            .map_err(|rejection| match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
                _ => Error::BodyCut,
            })
    }
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
