//! What tenants' operators say of tools that gateways hold back: `/v1/tenants/{tenant}/verdicts`. The
//! authority does not know the definitions; it keeps who said what of which hash, and tells gateways.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::random::hex16;
use mcps_core::verdict::Verb;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, OfTenant, Once, Operator, Strict, may};
use super::page;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{NewVerdict, Ordered, VerdictOrder};
use crate::subject::{Name, Note, ToolName};

/// What is ordered.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerbView {
    /// This definition may be called.
    Promote,
    /// This definition may not be called.
    Reject,
    /// Nobody calls the tool, whatever its definition.
    Block,
    /// It stands as if it had not been blocked.
    Unblock,
}

impl VerbView {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Reject => "reject",
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }
}

/// What an operator says of a tool.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVerdictOrder {
    /// What is ordered.
    order: VerbView,
    /// The server, as gateways' configurations name it.
    server: Name,
    /// The tool, as its server calls it.
    tool: ToolName,
    /// Hash of the definition that was looked at: of `promote` and `reject`, and of no other.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: Option<String>,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    reason: Option<Note>,
}

/// One order: who said what of which definition, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictOrderView {
    /// The tenant.
    tenant: String,
    /// Counted from 1.
    version: i64,
    /// `promote`, `reject`, `block` or `unblock`.
    order: String,
    /// The server, as gateways' configurations name it.
    server: String,
    /// The tool, as its server calls it.
    tool: String,
    /// Hash of the definition; none of a block.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: Option<String>,
    /// In the operator's words.
    reason: Option<String>,
    /// By which operator.
    ordered_by: String,
    /// When.
    #[schema(format = DateTime)]
    ordered_at: String,
    /// SHA-256 of all that stood after it, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// The position of its event in the feed, `EPOCH:SEQ`; none of a dry run.
    #[schema(example = "1:41")]
    position: Option<String>,
}

impl From<VerdictOrder> for VerdictOrderView {
    fn from(order: VerdictOrder) -> Self {
        Self {
            tenant: order.tenant,
            version: order.version,
            order: order.verb,
            server: order.server,
            tool: order.tool,
            hash: order.hash,
            reason: order.reason,
            ordered_by: order.by_whom,
            ordered_at: Timestamp::from_millis(order.at).to_string(),
            digest: order.digest,
            position: Some(order.told_at),
        }
    }
}

/// What came of an order, or would.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictGiven {
    /// The order that says so; none where it was so without any.
    verdict: Option<VerdictOrderView>,
    /// Whether it is a new one; `false` when it was so already.
    changed: bool,
    /// Nobody has heard of the tenant before: perhaps its name is another.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new_tenant: bool,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// What stands, by server, tool and definition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictsView {
    /// The tenant.
    tenant: String,
    /// The number of its last order; 0 before the first.
    version: i64,
    /// The orders that stand.
    verdicts: Vec<VerdictOrderView>,
}

/// Orders, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictOrders {
    /// The orders.
    orders: Vec<VerdictOrderView>,
}

/// What stands, as gateways read it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictsDocument {
    /// By server, tool and definition.
    verdicts: Vec<VerdictEntry>,
}

/// One verdict, as gateways read it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictEntry {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Hash of the definition; none of a block.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// The server.
    server: String,
    /// The tool.
    tool: String,
    /// `promoted`, `rejected` or `blocked`.
    verdict: String,
    /// The number of its order.
    version: i64,
}

/// Whether to carry it out.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VerdictHow {
    /// Say what would come of it, by the same path, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OrdersQuery {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Only those before this number: that of the last one of the page before.
    #[param(minimum = 1)]
    before: Option<i64>,
}

/// Promote, reject, block or unblock a tool that gateways hold back
///
/// Gateways that follow the tenant's quarantine hear of it over the feed. A definition is named by the
/// hash that `mcps quarantine show` prints at a gateway; of one definition the last word stands, and a
/// block counts over all of them. What is so already changes nothing.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/verdicts", operation_id = "give_verdict", tag = "quarantine",
    security(("operator" = [])),
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        VerdictHow
    ),
    request_body = NewVerdictOrder,
    responses(
        (status = OK, body = VerdictGiven),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn give(
    operator: Operator<may::Judge>,
    OfTenant(tenant): OfTenant,
    Once(once): Once,
    Asked(how): Asked<VerdictHow>,
    State(authority): State<Shared>,
    Strict(asked): Strict<NewVerdictOrder>,
) -> Result<Json<VerdictGiven>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let (db, among) = (operator.db(&authority), operator.tenants());
    let known = db.tenants(among, Some(&tenant), "", 1).await?;
    let new = NewVerdict {
        tenant,
        verb: verb(&asked)?,
        server: asked.server.into_string(),
        tool: asked.tool.into_string(),
        reason: asked.reason.map(Note::into_string),
        at: authority.now(),
        by: operator.id,
        once: once.map_or_else(|| hex16(authority.random()), Ok)?,
        dry_run: how.dry_run,
    };
    let Ordered { order, changed } = authority.order_verdict(&new).await?;
    let mut verdict = order.map(VerdictOrderView::from);
    if let Some(verdict) = verdict.as_mut().filter(|_| how.dry_run && changed) {
        // Nothing was told.
        verdict.position = None;
    }
    let dry_run = how.dry_run;
    Ok(Json(VerdictGiven {
        verdict,
        changed,
        new_tenant: known.is_empty(),
        dry_run,
    }))
}

/// Show what a tenant's operators have said of tools, as far as it stands
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/verdicts", operation_id = "show_verdicts", tag = "quarantine",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, body = VerdictsView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    State(authority): State<Shared>,
) -> Result<Json<VerdictsView>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let version = operator.db(&authority).verdict_version(&tenant).await?;
    let mut standing = operator.db(&authority).verdicts(&tenant, version).await?;
    standing.sort_by(|one, other| {
        (&one.server, &one.tool, &one.hash).cmp(&(&other.server, &other.tool, &other.hash))
    });
    let verdicts = standing.into_iter().map(VerdictOrderView::from).collect();
    Ok(Json(VerdictsView {
        tenant,
        version,
        verdicts,
    }))
}

/// List who said what of a tenant's tools, and when
///
/// Newest first. None is ever removed.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/verdicts/orders", operation_id = "list_verdict_orders", tag = "quarantine",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), OrdersQuery),
    responses(
        (status = OK, body = VerdictOrders),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn orders(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    Asked(asked): Asked<OrdersQuery>,
    State(authority): State<Shared>,
) -> Result<Json<VerdictOrders>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let limit = page::rows(asked.limit)?;
    let before = asked.before.unwrap_or(i64::MAX);
    if before < 1 {
        let (member, why) = ("before", "must be the number of an order: 1 or more");
        return Err(Error::Invalid { member, why });
    }
    let found = operator
        .db(&authority)
        .verdict_orders(&tenant, before, limit)
        .await?;
    let orders = found.into_iter().map(VerdictOrderView::from).collect();
    Ok(Json(VerdictOrders { orders }))
}

/// Get what stands of a tenant's tools by the digest that the feed told
///
/// Public, like the feed: gateways compare the digest. The bytes are the same for ever.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/verdicts/documents/{digest}", operation_id = "verdicts_by_digest", tag = "quarantine",
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("digest" = String, Path, description = "SHA-256 in hex", pattern = "^[0-9a-f]{64}$"),
    ),
    responses(
        (status = OK, body = VerdictsDocument, headers(("etag" = String), ("cache-control" = String))),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_digest(
    OfTenant(tenant): OfTenant,
    path: Path<(String, String)>,
    State(authority): State<Shared>,
) -> Result<impl IntoResponse, Error> {
    let Path((_, digest)) = path;
    let digest = Digest::from_hex(&digest).ok_or(Error::VerdictsNotFound)?;
    let found = authority.db().verdicts_document(&tenant, &digest).await?;
    let document = found.ok_or(Error::VerdictsNotFound)?;
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

fn verb(asked: &NewVerdictOrder) -> Result<Verb, Error> {
    let member = "hash";
    let hash = asked.hash.as_deref().map(|hash| {
        let why = "must be 64 lower-case hex digits";
        Digest::from_hex(hash).ok_or(Error::Invalid { member, why })
    });
    let verb = Verb::parse(asked.order.as_str(), hash.transpose()?);
    verb.ok_or(Error::Invalid {
        member,
        why: "is of the definition that is promoted or rejected; a block is of none",
    })
}
