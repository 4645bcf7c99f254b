//! `/v1/tenants`: which tenants there are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::feed::{Action, Lifts, Target};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, OfTenant, Operator, Strict, may};
use super::foreseen::Foreseen;
use super::orders::How;
use super::page::Page;
use crate::cursor::Listing;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Deed, Reason, Revocation, TenantRecord};
use crate::subject::{Note, Tenant};

/// A tenant to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantRequest {
    /// Its id, for good.
    tenant: Tenant,
    /// In the operator's words.
    #[serde(default)]
    note: Option<Note>,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantView {
    /// Its id.
    tenant: String,
    /// Whether its operators may act in it.
    disabled: bool,
    /// In an operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// When it was added; not known of one that came with the first thing in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    added_at: Option<String>,
    /// By which operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_by: Option<String>,
    /// Since when its operators may do nothing in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
    /// By which operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_by: Option<String>,
    /// The version of its policy that is in force; 0 before the first.
    policy_version: i64,
}

impl From<TenantRecord> for TenantView {
    fn from(record: TenantRecord) -> Self {
        Self {
            tenant: record.tenant,
            disabled: record.disabled_at.is_some(),
            note: record.note,
            added_at: record.added_at.map(|at| at.to_string()),
            added_by: record.added_by,
            disabled_at: record.disabled_at.map(|at| at.to_string()),
            disabled_by: record.disabled_by,
            policy_version: record.policy_version,
        }
    }
}

/// One page of tenants, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantPage {
    /// The tenants.
    tenants: Vec<TenantView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A tenant, and the event that told of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantChanged {
    /// The tenant.
    tenant: TenantView,
    /// The position of the event in the feed, `EPOCH:SEQ`; none where nothing changed, and none of a dry run.
    #[schema(example = "1:41")]
    position: Option<String>,
}

/// Which tenants to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTenants {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Add a tenant
///
/// An operator of every tenant may issue and register in one that nobody added, too; then it is there with
/// the first thing in it.
#[utoipa::path(
    post, path = "/v1/tenants", operation_id = "add_tenant", tag = "access",
    security(("operator" = [])),
    params(How),
    request_body = TenantRequest,
    responses(
        (status = CREATED, body = Foreseen<TenantView>),
        (status = OK, body = Foreseen<TenantView>, description = "It had been added, or it is a dry run"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    operator: Operator<may::Own>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<TenantRequest>,
) -> Result<(StatusCode, Json<Foreseen<TenantView>>), Error> {
    let (tenant, note) = (
        asked.tenant.into_string(),
        asked.note.map(Note::into_string),
    );
    let now = authority.now();
    let db = operator.db(&authority).rehearsing(how.is_dry_run());
    let new = db.add_tenant(&tenant, note.as_deref(), &operator.id, now);
    let new = new.await?;
    if new && how.is_dry_run() {
        let before = found(&operator, &authority, &tenant).await?;
        let view = TenantRecord {
            note,
            added_at: Some(now),
            added_by: Some(operator.id),
            ..before.unwrap_or_else(|| TenantRecord::of(&tenant))
        };
        return Ok((StatusCode::OK, Foreseen::of(view.into(), how)));
    }
    let status = match new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let view = known(&operator, &authority, &tenant).await?;
    Ok((status, Foreseen::of(view.into(), how)))
}

/// List tenants
///
/// Those in which the caller holds something.
#[utoipa::path(
    get, path = "/v1/tenants", operation_id = "list_tenants", tag = "access",
    security(("operator" = [])),
    params(ListTenants),
    responses(
        (status = OK, body = TenantPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListTenants>,
) -> Result<Json<TenantPage>, Error> {
    let asked_for = operator.tenants().filter();
    let listing = Listing {
        list: "tenants",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, asked.limit, asked.cursor.as_deref())?;
    let (db, among) = (operator.db(&authority), operator.tenants());
    let mut tenants = db.tenants(among, None, page.after(), page.rows()).await?;
    let next_cursor = page.cut(&authority, &mut tenants, |record| &record.tenant)?;
    Ok(Json(TenantPage {
        tenants: tenants.into_iter().map(TenantView::from).collect(),
        next_cursor,
    }))
}

/// Show a tenant
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", operation_id = "show_tenant", tag = "access",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, body = TenantView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    State(authority): State<Shared>,
) -> Result<Json<TenantView>, Error> {
    Ok(Json(known(&operator, &authority, &tenant).await?.into()))
}

/// Disable a tenant
///
/// All of it is suspended, and whoever is an operator of it alone may do nothing any more, until it is
/// enabled again.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/disable", operation_id = "disable_tenant", tag = "access",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), How),
    responses(
        (status = OK, body = Foreseen<TenantChanged>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn disable(
    operator: Operator<may::Own>,
    OfTenant(tenant): OfTenant,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
) -> Result<Json<Foreseen<TenantChanged>>, Error> {
    let before = known(&operator, &authority, &tenant).await?;
    let target = Target::Tenant(tenant.clone());
    // First of all whatever is of it stops.
    let suspend = Action::Suspend {
        target,
        until: None,
    };
    let position = ordered(&operator, &authority, &suspend, how).await?;
    let now = authority.now();
    let db = operator.db(&authority).rehearsing(how.is_dry_run());
    let changed = db.disable_tenant(&tenant, true, &operator.id, now).await?;
    let tenant = match how.is_dry_run() {
        true if changed => TenantRecord {
            disabled_at: Some(now),
            disabled_by: Some(operator.id),
            ..before
        },
        true => before,
        false => {
            tracing::warn!(tenant, position, "tenant {tenant} disabled");
            known(&operator, &authority, &tenant).await?
        }
    };
    let tenant = tenant.into();
    Ok(Foreseen::of(TenantChanged { tenant, position }, how))
}

/// Enable a tenant again
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/enable", operation_id = "enable_tenant", tag = "access",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), How),
    responses(
        (status = OK, body = Foreseen<TenantChanged>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enable(
    operator: Operator<may::Own>,
    OfTenant(tenant): OfTenant,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
) -> Result<Json<Foreseen<TenantChanged>>, Error> {
    let record = known(&operator, &authority, &tenant).await?;
    let mut position = None;
    if record.disabled_at.is_some() {
        let reinstate = Action::Reinstate {
            target: Target::Tenant(tenant.clone()),
            lifts: Lifts::Suspend,
        };
        position = ordered(&operator, &authority, &reinstate, how).await?;
        let now = authority.now();
        let db = operator.db(&authority).rehearsing(how.is_dry_run());
        db.disable_tenant(&tenant, false, &operator.id, now).await?;
        if !how.is_dry_run() {
            tracing::info!(tenant, position, "tenant {tenant} enabled");
        }
    }
    let tenant = match how.is_dry_run() {
        true => TenantRecord {
            disabled_at: None,
            disabled_by: None,
            ..record
        },
        false => known(&operator, &authority, &tenant).await?,
    };
    let tenant = tenant.into();
    Ok(Foreseen::of(TenantChanged { tenant, position }, how))
}

async fn ordered(
    operator: &Operator<may::Own>,
    authority: &Shared,
    action: &Action,
    how: How,
) -> Result<Option<String>, Error> {
    let order = Revocation {
        reason: Reason::Policy,
        note: None,
        deed: Deed::new(&operator.id, None, b"", authority.random())?,
        by: operator.id.clone(),
        at: authority.now(),
        dry_run: how.is_dry_run(),
    };
    Ok(authority.order(action, &order).await?.position)
}

async fn known<R: may::Right>(
    operator: &Operator<R>,
    authority: &Shared,
    tenant: &str,
) -> Result<TenantRecord, Error> {
    let found = found(operator, authority, tenant).await?;
    found.ok_or(Error::TenantNotFound)
}

async fn found<R: may::Right>(
    operator: &Operator<R>,
    authority: &Shared,
    tenant: &str,
) -> Result<Option<TenantRecord>, Error> {
    let db = operator.db(authority);
    let found = db.tenants(operator.tenants(), Some(tenant), "", 1).await?;
    Ok(found.into_iter().next())
}
