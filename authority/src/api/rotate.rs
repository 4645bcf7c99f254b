//! `POST /v1/passports/{id}/rotate`: another key for the same subject, which the old key signs too.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::{IdAlone, Strict};
use super::issue::public_key;
use super::view::{Jwk, raw};
use crate::error::Error;
use crate::issue::{Order, Prepared, Rotation};
use crate::problem::Problem;
use crate::proof::Proven;
use crate::store::Binding;

/// How long the old key's passports stay good, unless something else is asked for.
const OVERLAP: Duration = Duration::from_secs(3600);
/// The longest that they may.
const LONGEST_OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// The new key, and the proof that the caller has both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateRequest {
    /// The new key.
    #[schema(value_type = Jwk)]
    public_key: Box<RawValue>,
    /// From `POST /v1/challenges`, for the tenant and name of the passport, the new key as `kid` and
    /// the old one as `previous_kid`.
    challenge: String,
    /// The new key's signature over the challenge: 88 characters of base64.
    proof: String,
    /// The old key's signature over the same.
    previous_proof: String,
    /// The new passport's life in seconds: that of the old one unless stated, and never longer.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 7776000)]
    ttl_s: Option<i64>,
    /// How long the subject's passports of the old key stay good, in seconds: an hour unless stated; 0 ends
    /// them at once.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 86400, default = 3600)]
    overlap_s: Option<u64>,
}

/// The passport of the new key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotated {
    /// The passport: the wire profile's members, signed.
    #[schema(value_type = Object)]
    passport: Box<RawValue>,
    /// From when on the old key's passports are superseded.
    #[schema(format = DateTime)]
    supersedes_at: String,
}

/// Exchange a passport's key for another
///
/// Both keys sign. Same subject, same owner, same level; the new passport names the key that it
/// replaces. The subject's passports of the old key stay good for the overlap and cannot be renewed;
/// then they are revoked as superseded, and the feed is told. Asked again for the same two keys, the
/// answer is the passport that there is.
#[utoipa::path(
    post, path = "/v1/passports/{id}/rotate", operation_id = "rotate_passport", tag = "passports",
    params(("id" = String, Path, description = "The id of the old key's passport", pattern = "^asp_[0-9a-f]{32}$")),
    request_body = RotateRequest,
    responses(
        (status = CREATED, body = Rotated, headers(("location" = String, description = "The passport's path"))),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rotate(
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
    Strict(asked): Strict<RotateRequest>,
) -> Result<impl IntoResponse, Error> {
    let record = authority.issued(&id).await?;
    let old = record.passport().map_err(Error::Stored)?;
    let (key, previous) = (public_key(&asked.public_key)?, old.public_key());
    if key == *previous {
        return Err(Error::Invalid {
            member: "public_key",
            why: "must be another key than the one that it replaces",
        });
    }
    let overlap = overlap(asked.overlap_s)?;
    let binding = Binding {
        tenant: record.tenant.clone(),
        subject: record.name.clone(),
        kid: key.key_id().to_string(),
        previous_kid: Some(record.kid.clone()),
        audience: authority.name().to_owned(),
    };
    let proofs = (asked.proof.as_str(), asked.previous_proof.as_str());
    let proven = Proven::verify_rotation(key, previous, (asked.challenge, binding), proofs)?;
    let now = authority.now();
    if let Some(supersedes_at) = record.supersede_at {
        let done = authority.rotated(&id, &proven, now).await?;
        return answer(&done, supersedes_at);
    }
    let rotation = Rotation {
        previous: previous.clone(),
        overlap,
    };
    let order = Order {
        rotation: Some(rotation),
        ..Order::renewal(&record, asked.ttl_s, now)?
    };
    let prepared = Prepared::new(&authority, order, proven).await?;
    let passport = prepared.sign(&authority).await?;
    tracing::info!(passport_id = %passport.id(), replaced = %id, "the key of {id} was exchanged");
    authority.supersede().await;
    answer(&passport, passport.issued_at().plus(overlap))
}

fn answer(
    passport: &mcps_core::passport::Passport,
    supersedes_at: Timestamp,
) -> Result<impl IntoResponse + use<>, Error> {
    let location = [(header::LOCATION, format!("/v1/passports/{}", passport.id()))];
    let rotated = Rotated {
        passport: raw(passport)?,
        supersedes_at: supersedes_at.to_string(),
    };
    Ok((StatusCode::CREATED, location, Json(rotated)))
}

fn overlap(asked_s: Option<u64>) -> Result<Duration, Error> {
    let overlap = asked_s.map_or(OVERLAP, Duration::from_secs);
    let allowed = overlap <= LONGEST_OVERLAP;
    allowed.then_some(overlap).ok_or(Error::Invalid {
        member: "overlap_s",
        why: "must be 0 to 86400 seconds (a day)",
    })
}
