//! `POST /v1/key-compromises`: the word of a key on itself.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::Strict;
use super::issue::public_key;
use super::view::Jwk;
use crate::compromise::Compromise;
use crate::error::Error;
use crate::problem::Problem;

/// A key's word that it is compromised.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompromiseStatement {
    /// This authority's name: what is said to another authority says nothing here.
    audience: String,
    /// The key.
    #[schema(value_type = Jwk)]
    public_key: Box<RawValue>,
    /// Its signature over `{audience, public_key}` with `ctx: "mcps-compromise-v1"`: 88 characters of
    /// base64.
    signature: String,
}

/// A key that is blocked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Blocked {
    /// RFC 7638 thumbprint of the key.
    kid: String,
    /// Always `true`: nothing is issued for it any more, and nothing it signs is accepted.
    key_blocked: bool,
    /// Whether it was not so before.
    changed: bool,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
}

/// Block a key by its own word
///
/// For whoever has the private key and knows that somebody else has it too. No operator is needed. The
/// key is blocked for good, every passport for it is revoked, and so is what came of one by rotation. An
/// accusation that the key did not sign blocks nothing: operators revoke on suspicion.
#[utoipa::path(
    post, path = "/v1/key-compromises", operation_id = "report_key_compromise", tag = "revocation",
    request_body = CompromiseStatement,
    responses(
        (status = OK, body = Blocked),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report(
    State(authority): State<Shared>,
    Strict(asked): Strict<CompromiseStatement>,
) -> Result<Json<Blocked>, Error> {
    let key = public_key(&asked.public_key)?;
    let jwk = (&key, asked.public_key.get());
    let proven = Compromise::verify(authority.name(), &asked.audience, jwk, &asked.signature)?;
    let done = authority.compromised(&proven).await?;
    let (kid, changed) = (proven.key().to_string(), done.changed);
    tracing::warn!(kid, changed, "the key {kid} proved itself compromised");
    Ok(Json(Blocked {
        kid,
        key_blocked: true,
        changed,
        position: done.position,
    }))
}
