//! `POST /v1/challenges`: the first step of proving a key.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::key::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::extract::Strict;
use crate::error::Error;
use crate::problem::Problem;
use crate::proof;
use crate::store::{Binding, Challenge as Stored};
use crate::subject::{Name, Tenant};

/// How long a challenge may be answered.
const LIFE: Duration = Duration::from_secs(60);
/// How many may be open at once; each is a row that anybody can cause.
const MOST_OPEN: i64 = 10_000;

/// What the challenge is to be bound to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeRequest {
    /// The tenant; `default` unless stated.
    #[serde(default)]
    tenant: Tenant,
    /// The name of the subject to be certified.
    subject: Name,
    /// RFC 7638 thumbprint of the key to be certified.
    #[schema(pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
    kid: String,
    /// For exchanging a key: RFC 7638 thumbprint of the key that it replaces.
    #[serde(default)]
    #[schema(min_length = 43, max_length = 43)]
    previous_kid: Option<String>,
    /// This authority's name.
    audience: String,
}

/// A challenge, to be answered once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Challenge {
    /// 256 random bits, base64url.
    #[schema(min_length = 43, max_length = 43)]
    challenge: String,
    /// Until when it may be answered.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Ask for a challenge
///
/// The key to be certified then signs `{audience, challenge, kid, subject, tenant}` with
/// `ctx: "mcps-pop-v1"`; for exchanging a key both sign the same with `previous_kid` and
/// `ctx: "mcps-rotation-v1"`. Single use, 60 seconds, good for nothing but what it names.
#[utoipa::path(
    post, path = "/v1/challenges", operation_id = "open_challenge", tag = "passports",
    request_body = ChallengeRequest,
    responses(
        (status = CREATED, body = Challenge),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn open(
    State(authority): State<Shared>,
    Strict(asked): Strict<ChallengeRequest>,
) -> Result<(StatusCode, Json<Challenge>), Error> {
    if asked.audience != authority.name() {
        return Err(Error::WrongAudience);
    }
    let why = "must be the RFC 7638 thumbprint of the key, 43 characters of base64url";
    let key_id = |member, text: &String| {
        let kid = KeyId::parse(text).ok_or(Error::Invalid { member, why });
        kid.map(|kid| kid.to_string())
    };
    let previous = asked.previous_kid.as_ref();
    let previous = previous.map(|kid| key_id("previous_kid", kid));
    let binding = Binding {
        tenant: asked.tenant.into_string(),
        subject: asked.subject.into_string(),
        kid: key_id("kid", &asked.kid)?,
        previous_kid: previous.transpose()?,
        audience: asked.audience,
    };
    let challenge = proof::new_challenge(authority.random())?;
    let now = authority.now();
    let expires_at = now.plus(LIFE);
    let opened = Stored {
        challenge: challenge.clone(),
        binding,
        expires_at,
    };
    let stored = authority.gathered().open(opened, now, MOST_OPEN);
    if !stored.await? {
        return Err(Error::TooManyChallenges);
    }
    let expires_at = expires_at.to_string();
    Ok((
        StatusCode::CREATED,
        Json(Challenge {
            challenge,
            expires_at,
        }),
    ))
}
