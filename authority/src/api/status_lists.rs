//! Token Status Lists: `/v1/status-lists/{number}`.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mcps_core::digest::Digest;
use mcps_core::status_list::TYPE;

use super::Shared;
use crate::error::Error;
use crate::problem::Problem;
use crate::status_lists::TTL;

/// What has become of 2^20 passports
///
/// A Status List Token (draft-ietf-oauth-status-list): a JWT by a status key. Each passport names its
/// list and its place there in `ext.status.status_list`.
#[utoipa::path(
    get, path = "/v1/status-lists/{number}", operation_id = "status_list", tag = "status",
    params(
        ("number" = u64, Path, description = "As in `ext.status.status_list.uri`", maximum = 8796093022207u64),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the list that is known"),
    ),
    responses(
        (status = OK, body = String, content_type = "application/statuslist+jwt"),
        (status = NOT_MODIFIED, description = "It is the list that is known"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn status_list(
    State(authority): State<Shared>,
    number: Result<Path<u64>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let number = number.map(|Path(number)| number).ok();
    let number = number.and_then(|number| i64::try_from(number).ok());
    let number = number.ok_or(Error::NoSuchList)?;
    let listed = authority.status_list(number).await?;
    let digest = Digest::of(listed.token.as_bytes()).to_string();
    let tag = format!("\"{}\"", digest.get(..32).unwrap_or_default());
    let cache = [
        (
            header::CACHE_CONTROL,
            format!("public, max-age={}", TTL.as_secs()),
        ),
        (header::ETAG, tag.clone()),
    ];
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|value| value.to_str().ok());
    if known.any(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    let kind = [(header::CONTENT_TYPE, format!("application/{TYPE}"))];
    Ok((cache, kind, listed.token.to_string()).into_response())
}
