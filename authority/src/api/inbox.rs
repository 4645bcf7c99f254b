//! `/v1/inbox`: what was reported, what was made of it, and what waits for a decision.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::actions;
use super::extract::{Asked, Named, Operator, Strict, may};
use super::orders::{How, OrderView};
use super::page::Page;
use super::view::raw_text;
use crate::cursor::Listing;
use crate::error::Error;
use crate::incidents::{Incident, Made, aim, carry_out};
use crate::problem::Problem;
use crate::store::IncidentFilter;
use crate::subject::{Name, Note, Tenant};

/// One alert and what was made of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentView {
    /// Under which id it is in the inbox; none for a dry run.
    #[schema(pattern = "^inc_[0-9a-f]{32}$")]
    incident_id: Option<String>,
    /// Who reported it.
    source: String,
    /// The same for every delivery of it.
    event_id: String,
    /// When it came.
    #[schema(format = DateTime)]
    at: String,
    /// Whose it is, where it is somebody's.
    tenant: Option<String>,
    /// What was asked for: `observe`, `propose`, `suspend`, `revoke` or `resolve`.
    asked: String,
    /// What is to be done, at most as much as the source may: `observe`, `suspend`, `revoke` or
    /// `reinstate`.
    action: String,
    /// What it is about; none when it cannot be read.
    #[schema(value_type = Option<Object>)]
    target: Option<Box<RawValue>>,
    /// What was made of it.
    outcome: Made,
    /// Why that, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    /// In the reporter's words.
    note: Option<String>,
    /// How many subjects it reaches.
    reach: i64,
    /// How long a suspension lasts, in seconds; until it is reinstated when there is none.
    suspend_s: Option<i64>,
    /// The order that was given; `POST /v1/actions/{id}/undo` takes it back.
    #[schema(pattern = "^act_[0-9a-f]{32}$")]
    action_id: Option<String>,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
    /// The operator who decided on it.
    decided_by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    decided_at: Option<String>,
    /// When its source, or an operator, said that it is over.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl IncidentView {
    pub(super) fn new(incident: Incident, dry_run: bool) -> Self {
        Self {
            incident_id: (!dry_run).then_some(incident.id),
            source: incident.source,
            event_id: incident.event_id,
            at: incident.at.to_string(),
            tenant: incident.tenant,
            asked: incident.asked,
            action: incident.action,
            target: raw_text(&incident.target).ok(),
            outcome: incident.made,
            why: incident.why,
            note: incident.note,
            reach: incident.reach,
            suspend_s: incident.suspend_ms.map(|ms| ms / 1000),
            action_id: incident.order_id,
            position: incident.position,
            decided_by: incident.decided_by,
            decided_at: incident.decided_at.map(|at| at.to_string()),
            ended_at: incident.ended_at.map(|at| at.to_string()),
        }
    }
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those of one tenant.
    #[serde(default)]
    tenant: Option<Tenant>,
    /// Those of one source.
    #[serde(default)]
    source: Option<Name>,
    /// Those of which this was made: `proposed` waits for a decision.
    #[serde(default)]
    #[param(inline)]
    outcome: Option<Made>,
    /// At most so many; 50 unless stated.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// One page of incidents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Inbox {
    /// The incidents.
    incidents: Vec<IncidentView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What an operator decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Why, for whoever looks at it later.
    #[serde(default)]
    note: Option<Note>,
}

/// List what was reported, and what was made of it
#[utoipa::path(
    get, path = "/v1/inbox", operation_id = "list_incidents", tag = "incidents",
    security(("operator" = [])),
    params(Which),
    responses(
        (status = OK, body = Inbox),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(which): Asked<Which>,
) -> Result<Json<Inbox>, Error> {
    let filter = IncidentFilter {
        tenant: which.tenant.map(Tenant::into_string),
        source: which.source.map(Name::into_string),
        made: which.outcome,
        tenants: operator.tenants().clone(),
    };
    let text = format!(
        "{} {} {} {}",
        filter.tenant.as_deref().unwrap_or_default(),
        filter.source.as_deref().unwrap_or_default(),
        filter.made.map_or("", Made::as_str),
        filter.tenants.filter()
    );
    let listing = Listing {
        list: "inbox",
        filter: &text,
    };
    let page = Page::read(&authority, listing, which.limit, which.cursor.as_deref())?;
    let db = operator.db(&authority);
    let mut found = db.incidents(&filter, page.after(), page.rows()).await?;
    let next_cursor = page.cut(&authority, &mut found, |incident| &incident.id)?;
    let incidents = found.into_iter();
    Ok(Json(Inbox {
        incidents: incidents
            .map(|incident| IncidentView::new(incident, false))
            .collect(),
        next_cursor,
    }))
}

/// The incident, if it is the caller's to see. One that is about nobody who is known is of no one tenant.
async fn find<R: may::Right>(
    authority: &Shared,
    operator: &Operator<R>,
    id: &str,
) -> Result<Incident, Error> {
    let found = operator.db(authority).incident(id).await?;
    let found = found.ok_or(Error::IncidentNotFound)?;
    match &found.tenant {
        Some(tenant) => operator.over(tenant, Error::IncidentNotFound)?,
        None => operator.everywhere()?,
    }
    Ok(found)
}

/// Look at one incident
#[utoipa::path(
    get, path = "/v1/inbox/{id}", operation_id = "show_incident", tag = "incidents",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The incident's id", pattern = "^inc_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = IncidentView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<IncidentView>, Error> {
    let incident = find(&authority, &operator, &id).await?;
    Ok(Json(IncidentView::new(incident, false)))
}

/// Carry a proposal out
#[utoipa::path(
    post, path = "/v1/inbox/{id}/approve", operation_id = "approve_incident", tag = "incidents",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The incident's id", pattern = "^inc_[0-9a-f]{32}$")),
    request_body = Decision,
    responses(
        (status = OK, body = IncidentView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn approve(
    operator: Operator<may::Respond>,
    State(authority): State<Shared>,
    Named(id): Named,
    Strict(decision): Strict<Decision>,
) -> Result<Json<IncidentView>, Error> {
    let note = decision.note.as_ref().map(Note::as_str);
    let (target, reason) = aim(&find(&authority, &operator, &id).await?)?;
    operator.against(&target, reason, &authority).await?;
    let mut incident = decide(&authority, &operator, &id, Made::Pending, note).await?;
    let key = format!("approve:{id}");
    carry_out(&authority, &mut incident, (&operator.id, &key), false).await?;
    Ok(Json(IncidentView::new(incident, false)))
}

/// Dismiss a proposal
#[utoipa::path(
    post, path = "/v1/inbox/{id}/dismiss", operation_id = "dismiss_incident", tag = "incidents",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The incident's id", pattern = "^inc_[0-9a-f]{32}$")),
    request_body = Decision,
    responses(
        (status = OK, body = IncidentView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn dismiss(
    operator: Operator<may::Respond>,
    State(authority): State<Shared>,
    Named(id): Named,
    Strict(decision): Strict<Decision>,
) -> Result<Json<IncidentView>, Error> {
    let note = decision.note.as_ref().map(Note::as_str);
    let incident = decide(&authority, &operator, &id, Made::Dismissed, note).await?;
    Ok(Json(IncidentView::new(incident, false)))
}

async fn decide(
    authority: &Shared,
    operator: &Operator<may::Respond>,
    id: &str,
    made: Made,
    note: Option<&str>,
) -> Result<Incident, Error> {
    let before = find(authority, operator, id).await?;
    let (db, now) = (operator.db(authority), authority.now());
    let decided = db.decide(&before, made, (&operator.id, note), now);
    if !decided.await? {
        let outcome = before.made.as_str();
        return Err(Error::NotProposed { outcome });
    }
    find(authority, operator, id).await
}

/// Take back what was done for an incident
///
/// As undoing its order: a reinstatement is appended. A revocation is for good.
#[utoipa::path(
    post, path = "/v1/inbox/{id}/undo", operation_id = "undo_incident", tag = "incidents",
    security(("operator" = [])),
    params(
        ("id" = String, Path, description = "The incident's id", pattern = "^inc_[0-9a-f]{32}$"),
        How
    ),
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn undo(
    operator: Operator<may::Respond>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<OrderView>, Error> {
    let incident = find(&authority, &operator, &id).await?;
    let order = incident.order_id.ok_or(Error::NotUndone(
        "nothing was done for it, so there is nothing to undo",
    ))?;
    let undone = actions::take_back(&authority, operator, &order, how).await?;
    if !how.is_dry_run() {
        authority.db().end_incident(&id, authority.now()).await?;
    }
    Ok(undone)
}
