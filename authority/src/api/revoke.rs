//! `POST /v1/passports/{id}/revoke`.

use axum::Json;
use axum::extract::State;
use mcps_core::feed::Target;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::extract::{IdAlone, Operator, Strict, may};
use super::view::Standing;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Deed, Reason, Revocation};
use crate::subject::Note;

/// Why a passport is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeRequest {
    /// `key_compromise` also blocks the key and revokes all its passports; `superseded` leaves the
    /// passport's renewals good, which every other reason revokes too.
    #[serde(default)]
    reason: Reason,
    /// In the operator's words.
    #[serde(default)]
    note: Option<Note>,
}

/// What the revocation did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevokedView {
    /// Which passport.
    passport_id: String,
    /// Always `revoked`.
    status: Standing,
    /// Why, as recorded.
    reason: Reason,
    /// When it was first revoked.
    #[schema(format = DateTime)]
    revoked_at: String,
    /// Whether its key is blocked, so that nothing is issued for it any more.
    key_blocked: bool,
    /// Other passports that this call revoked.
    revoked_with_it: Vec<String>,
    /// The position of its event in the feed, `EPOCH:SEQ`; none when nobody had to be told, since it had expired.
    #[schema(example = "1:41")]
    position: Option<String>,
}

/// Revoke a passport
///
/// Repeating it changes nothing, except that any reason may still become `key_compromise`, never
/// the reverse.
#[utoipa::path(
    post, path = "/v1/passports/{id}/revoke", operation_id = "revoke_passport", tag = "passports",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$")),
    request_body = RevokeRequest,
    responses(
        (status = OK, body = RevokedView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    operator: Operator<may::Respond>,
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
    Strict(asked): Strict<RevokeRequest>,
) -> Result<Json<RevokedView>, Error> {
    let target = Target::Passport(id.clone());
    operator.against(&target, asked.reason, &authority).await?;
    let order = Revocation {
        reason: asked.reason,
        note: asked.note.map(Note::into_string),
        deed: Deed::new(&operator.id, None, b"", authority.random())?,
        by: operator.id,
        at: authority.now(),
        dry_run: false,
    };
    let revoked = authority.revoke(&id, &order).await?;
    tracing::info!(passport_id = %id, reason = revoked.record.reason.as_str(), "revoked {id}");
    Ok(Json(RevokedView {
        passport_id: id.to_string(),
        status: Standing::Revoked,
        reason: revoked.record.reason,
        revoked_at: revoked.record.at.to_string(),
        key_blocked: revoked.key_blocked,
        position: revoked.position,
        revoked_with_it: revoked.with_it.iter().map(ToString::to_string).collect(),
    }))
}
