//! What tenants decide at gateways: `/v1/tenants/{tenant}/policy`. The authority keeps texts and says
//! which are in force; what they mean, gateways know, and whoever pushes checks before.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::random::hex16;
use mcps_core::tenant::{self, PolicyText, TenantPolicy};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, IfMatch, OfTenant, Once, Operator, Texts, may, whole};
use super::page;
use super::view::raw_text;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{NewPolicy, PolicyVersion};
use crate::subject::Note;

/// One text, as somebody wrote it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TextView {
    /// What errors call it; its extension says what it is written in: `.toml`, `.cedar`, `.json` or
    /// `.yaml`.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    name: String,
    /// The text.
    text: String,
}

/// What a tenant is to decide by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyPush {
    /// The level from which on its callers may call anything; 0 unless stated.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 4)]
    min_level: Option<i64>,
    /// Whether the default pack is in force beside the texts; it is unless stated.
    #[serde(default = "yes")]
    default_policy: bool,
    /// The texts, in order.
    #[schema(max_items = 64)]
    policy: Vec<TextView>,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

const fn yes() -> bool {
    true
}

/// What a tenant decides by, as gateways read it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyDocument {
    /// Whether the default pack is in force beside the texts.
    default_policy: bool,
    /// The level from which on its callers may call anything.
    #[schema(minimum = 0, maximum = 4)]
    min_level: u8,
    /// The texts, in order.
    policy: Vec<TextView>,
}

/// One version: who put what in force, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyVersionView {
    /// The tenant.
    tenant: String,
    /// Counted from 1; quoted, that of the version in force is the `etag`.
    version: i64,
    /// SHA-256 of the document, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// In the operator's words.
    note: Option<String>,
    /// By which operator.
    pushed_by: String,
    /// When.
    #[schema(format = DateTime)]
    pushed_at: String,
    /// The position of its event in the feed, `EPOCH:SEQ`; none of a dry run.
    #[schema(example = "1:41")]
    position: Option<String>,
}

impl From<PolicyVersion> for PolicyVersionView {
    fn from(version: PolicyVersion) -> Self {
        Self {
            tenant: version.tenant,
            version: version.version,
            digest: version.digest,
            note: version.note,
            pushed_by: version.by_whom,
            pushed_at: Timestamp::from_millis(version.at).to_string(),
            position: Some(version.told_at),
        }
    }
}

/// What came of a push, or would.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PushView {
    /// The version in force then.
    version: PolicyVersionView,
    /// Whether it is a new one; `false` when the same was in force already.
    changed: bool,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// One version with its document.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyShown {
    /// Who put it in force, and when.
    version: PolicyVersionView,
    /// What it says.
    #[schema(value_type = PolicyDocument)]
    document: Box<RawValue>,
}

/// Versions of a tenant's policy, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyVersions {
    /// The versions.
    versions: Vec<PolicyVersionView>,
}

/// Whether to carry it out.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PushHow {
    /// Say what would come of it, by the same path, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PolicyQuery {
    /// Its number; the one in force unless stated.
    #[param(minimum = 1, pattern = "^[0-9]{1,18}$")]
    version: Option<i64>,
}

/// Which versions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionsQuery {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Only those before this number: that of the last one of the page before.
    #[param(minimum = 1)]
    before: Option<i64>,
}

/// Put a tenant's policy in force
///
/// Gateways hear of it over the feed. Nothing of the versions before is lost: what one of them said is
/// pushed again to go back to it. What is in force already changes nothing. Texts are not validated
/// here: `mcps policy push` does it before, and every gateway before it decides by them.
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}/policy", operation_id = "push_policy", tag = "policies",
    security(("operator" = [])),
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("if-match" = String, Header, description = "The `etag` of the version that it follows, `\"0\"` for the first, or `*`"),
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        PushHow
    ),
    request_body = PolicyPush,
    responses(
        (status = OK, body = PushView, headers(("etag" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PRECONDITION_FAILED, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json", description = "More than 524288 bytes"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = PRECONDITION_REQUIRED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn push(
    operator: Operator<may::Manage>,
    OfTenant(tenant): OfTenant,
    IfMatch(expected): IfMatch,
    Once(once): Once,
    Asked(how): Asked<PushHow>,
    State(authority): State<Shared>,
    Texts(asked): Texts<PolicyPush>,
) -> Result<impl IntoResponse, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let note = asked.note.clone().map(Note::into_string);
    let document = document(asked)?;
    let digest = tenant::digest(&document);
    // Neither a tenant nor a note has a line end.
    let ordered = format!("{tenant}\n{digest}\n{}", note.as_deref().unwrap_or(""));
    let pushed = NewPolicy {
        tenant,
        document,
        digest,
        note,
        expected,
        at: authority.now(),
        by: operator.id,
        once: once.map_or_else(|| hex16(authority.random()), Ok)?,
        body: Digest::of(ordered.as_bytes()),
        dry_run: how.dry_run,
    };
    let pushed = authority.push_policy(&pushed).await?;
    let etag = format!("\"{}\"", pushed.version.version);
    let mut version = PolicyVersionView::from(pushed.version);
    // Nothing was told.
    version.position = version
        .position
        .filter(|_| !(how.dry_run && pushed.changed));
    let view = PushView {
        version,
        changed: pushed.changed,
        dry_run: how.dry_run,
    };
    Ok(([(header::ETAG, etag)], Json(view)))
}

/// Show what a tenant decides by
///
/// The version in force, or another.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/policy", operation_id = "show_policy", tag = "policies",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), PolicyQuery),
    responses(
        (status = OK, body = PolicyShown, headers(("etag" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    Asked(asked): Asked<PolicyQuery>,
    State(authority): State<Shared>,
) -> Result<impl IntoResponse, Error> {
    operator.over(&tenant, Error::PolicyNotFound)?;
    if asked.version.is_some_and(|version| version < 1) {
        let (member, why) = ("version", "must be 1 or more");
        return Err(Error::Invalid { member, why });
    }
    let found = operator
        .db(&authority)
        .policy(&tenant, asked.version)
        .await?;
    let (version, document) = found.ok_or(Error::PolicyNotFound)?;
    let etag = format!("\"{}\"", version.version);
    let shown = PolicyShown {
        version: version.into(),
        document: raw_text(&document)?,
    };
    Ok(([(header::ETAG, etag)], Json(shown)))
}

/// List the versions of a tenant's policy: who changed it, and when
///
/// Newest first. None is ever removed.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/policy/versions", operation_id = "list_policy_versions", tag = "policies",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), VersionsQuery),
    responses(
        (status = OK, body = PolicyVersions),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn versions(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    Asked(asked): Asked<VersionsQuery>,
    State(authority): State<Shared>,
) -> Result<Json<PolicyVersions>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let limit = page::rows(asked.limit)?;
    let before = asked.before.unwrap_or(i64::MAX);
    if before < 1 {
        let (member, why) = ("before", "must be the number of a version: 1 or more");
        return Err(Error::Invalid { member, why });
    }
    let found = operator
        .db(&authority)
        .policy_versions(&tenant, before, limit)
        .await?;
    let versions = found.into_iter().map(PolicyVersionView::from).collect();
    Ok(Json(PolicyVersions { versions }))
}

/// Get a tenant's policy by the digest that the feed told
///
/// Public, like the feed: gateways compare the digest. The bytes are the same for ever.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/policy/documents/{digest}", operation_id = "policy_by_digest", tag = "policies",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("digest" = String, Path, description = "SHA-256 in hex", pattern = "^[0-9a-f]{64}$"),
    ),
    responses(
        (status = OK, body = PolicyDocument, headers(("etag" = String), ("cache-control" = String))),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_digest(
    OfTenant(tenant): OfTenant,
    path: Path<(String, String)>,
    State(authority): State<Shared>,
) -> Result<impl IntoResponse, Error> {
    let Path((_, digest)) = path;
    let digest = Digest::from_hex(&digest).ok_or(Error::PolicyNotFound)?;
    let found = authority.db().policy_document(&tenant, &digest).await?;
    let document = found.ok_or(Error::PolicyNotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::ETAG, format!("\"{digest}\"")),
        (
            header::CACHE_CONTROL,
            "public, max-age=31536000, immutable".to_owned(),
        ),
    ];
    Ok((headers, document))
}

/// As gateways will read it.
fn document(asked: PolicyPush) -> Result<String, Error> {
    let level = TrustLevel::from_number(asked.min_level.unwrap_or(0));
    let texts = asked.policy.into_iter().map(|one| PolicyText {
        name: one.name,
        text: one.text,
    });
    let policy = TenantPolicy {
        min_level: level.ok_or(Error::Invalid {
            member: "min_level",
            why: "must be 0, 1, 2, 3 or 4",
        })?,
        default_policy: asked.default_policy,
        texts: texts.collect(),
    };
    Ok(policy.document()?)
}
