//! `GET /v1/passports/{id}/status`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Shared;
use super::extract::{Asked, Id};
use super::view::JsonText;
use crate::error::Error;
use crate::problem::Problem;

/// The asker's nonce.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Nonce {
    /// 16 random bytes, 32 lower-case hex digits; comes back signed.
    #[param(pattern = "^[0-9a-f]{32}$")]
    nonce: String,
}

/// Ask for a passport's status, signed
///
/// The answer names the passport and the nonce, is signed with `ctx: "mcps-status-v1"` by a status
/// key of `/.well-known/mcps-trust`, and is good for 60 seconds. An id that was never issued gets a
/// signed `unknown`, which means the same as revoked.
#[utoipa::path(
    get, path = "/v1/passports/{id}/status", operation_id = "passport_status", tag = "status",
    params(
        ("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$"),
        Nonce
    ),
    responses(
        (status = OK, body = Object, description = "The signed status"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn status(
    Id(id): Id,
    State(authority): State<Shared>,
    Asked(Nonce { nonce }): Asked<Nonce>,
) -> Result<JsonText, Error> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if nonce.len() != 32 || !nonce.bytes().all(hex) {
        let why = "must be 32 lower-case hex digits (16 random bytes)";
        return Err(Error::Invalid {
            member: "nonce",
            why,
        });
    }
    authority.signed_status(&id, nonce).await.map(JsonText)
}
