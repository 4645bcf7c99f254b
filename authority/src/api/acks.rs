//! Who enforces the feed, and how far: `/v1/feed/acks` and `/v1/feed/enforcement`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Cursor, UnprovenAck};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, JsonBody, Operator, may};
use crate::acks::Enforcement;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::FollowerRecord;

/// Most names in one list.
const MAX_NAMES: usize = 100;

/// Which position.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// `EPOCH:SEQ`, as the answer to an order states it; the newest unless stated.
    #[serde(default)]
    #[param(example = "1:41")]
    position: Option<String>,
}

/// How far a process enforces the feed, signed by the key of its passport (ctx `mcps-ack-v1`).
#[derive(ToSchema)]
#[schema(as = Ack)]
#[expect(dead_code, reason = "describes what is verified before it is read")]
pub(super) struct AckView {
    /// This authority's name.
    authority: String,
    /// The passport whose key signs.
    #[schema(pattern = "^asp_[0-9a-f]{32}$")]
    passport_id: String,
    /// Which of its processes.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    instance: String,
    /// The epoch of its position.
    #[schema(minimum = 1)]
    epoch: i64,
    /// Up to where everything is enforced.
    #[schema(minimum = 0)]
    seq: i64,
    /// Since when, by its clock.
    #[schema(format = DateTime)]
    enforced_at: String,
    /// When it said so, by its clock.
    #[schema(format = DateTime)]
    at: String,
    /// 88 characters of base64.
    signature: String,
}

/// A follower as it was last heard of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FollowerView {
    /// Its tenant.
    tenant: String,
    /// `agent`, `server` or `gateway`.
    kind: &'static str,
    /// Its name.
    name: String,
    /// The passport by which it signed last.
    passport_id: String,
    /// Which of its processes: 32 hexadecimal digits that it made for itself.
    instance: String,
    /// Up to where it enforces the feed.
    #[schema(example = "1:40")]
    position: String,
    /// When it was last heard of.
    #[schema(format = DateTime)]
    heard_at: String,
}

/// By when how many enforced it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ByView {
    /// Half of them.
    #[schema(format = DateTime)]
    p50: Option<String>,
    /// 99 of 100.
    #[schema(format = DateTime)]
    p99: Option<String>,
    /// All.
    #[schema(format = DateTime)]
    all: Option<String>,
}

/// How far a position of the feed is enforced.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EnforcementView {
    /// Which.
    #[schema(example = "1:41")]
    position: String,
    /// When its event was committed; none before the first, and when it is not kept any more.
    #[schema(format = DateTime)]
    committed_at: Option<String>,
    /// When this was counted.
    #[schema(format = DateTime)]
    counted_at: String,
    /// Followers that are alive: heard of within 60 s, with a passport that is good.
    followers: usize,
    /// How many of them enforce it.
    enforcing: usize,
    /// By when, of the followers that were known when it was committed and are alive: when the
    /// authority was told so, and so no later.
    enforced_by: ByView,
    /// How many are alive and do not enforce it.
    lagging_count: usize,
    /// Who, by name; at most 100.
    lagging: Vec<FollowerView>,
    /// How many were heard of within ten minutes, but not within 60 s.
    silent_count: usize,
    /// Who, by name; at most 100.
    silent: Vec<FollowerView>,
}

impl From<&FollowerRecord> for FollowerView {
    fn from(follower: &FollowerRecord) -> Self {
        Self {
            tenant: follower.id.tenant.clone(),
            kind: follower.id.kind.as_str(),
            name: follower.id.name.clone(),
            passport_id: follower.passport_id.to_string(),
            instance: follower.id.instance.clone(),
            position: follower.position.to_string(),
            heard_at: follower.heard_at.to_string(),
        }
    }
}

impl EnforcementView {
    fn new(found: &Enforcement, now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let views = |followers: &[FollowerRecord]| {
            let named = followers.iter().take(MAX_NAMES);
            named.map(FollowerView::from).collect()
        };
        Self {
            position: found.position.to_string(),
            committed_at: text(found.committed_at),
            counted_at: now.to_string(),
            followers: found.followers,
            enforcing: found.enforcing,
            enforced_by: ByView {
                p50: text(found.by.p50),
                p99: text(found.by.p99),
                all: text(found.by.all),
            },
            lagging_count: found.lagging.len(),
            lagging: views(&found.lagging),
            silent_count: found.silent.len(),
            silent: views(&found.silent),
        }
    }
}

/// Say how far the feed is enforced
///
/// By whoever follows it, signed by the key of its passport. docs/feed.md has the form.
#[utoipa::path(
    post, path = "/v1/feed/acks", operation_id = "feed_ack", tag = "feed",
    request_body = AckView,
    responses(
        (status = NO_CONTENT, description = "Written"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn acknowledge(
    State(authority): State<Shared>,
    JsonBody(bytes): JsonBody,
) -> Result<StatusCode, Error> {
    let now = authority.now();
    let ack = UnprovenAck::read(bytes).map_err(Error::AckForm)?;
    authority.acks()?.take(ack, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How far a position of the feed is enforced, by when, and who lags
#[utoipa::path(
    get, path = "/v1/feed/enforcement", operation_id = "feed_enforcement", tag = "feed",
    security(("operator" = [])),
    params(At),
    responses(
        (status = OK, body = EnforcementView),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enforcement(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(at): Asked<At>,
) -> Result<Json<EnforcementView>, Error> {
    let position = at.position.as_deref().map(Cursor::parse);
    let position = position.map(|at| at.ok_or(Error::Position)).transpose()?;
    let found = authority.enforcement(position, operator.tenants()).await?;
    Ok(Json(EnforcementView::new(&found, authority.now())))
}
