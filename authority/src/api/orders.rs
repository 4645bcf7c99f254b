//! What an operator orders against a target, whatever it reaches: `POST /v1/revocations`,
//! `/v1/suspensions`, `/v1/stops` and `/v1/reinstatements`.

use axum::Json;
use axum::extract::State;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Event, Lifts, Target};
use mcps_core::json::Document;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Operator, Strict};
use super::view::raw_text;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Reason, Revocation};
use crate::subject::Note;

/// What is revoked or stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// As docs/feed.md has it: `{"kind": "agent", "tenant": "acme", "name": "crawler"}`.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// Why. `key_compromise`, of a key, blocks it wherever it signs.
    #[serde(default)]
    reason: Reason,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// What is suspended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuspendOrder {
    /// As docs/feed.md has it: `{"kind": "agent", "tenant": "acme", "name": "crawler"}`.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// Until when (RFC 3339, UTC); until it is reinstated unless stated.
    #[serde(default)]
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Why.
    #[serde(default)]
    reason: Reason,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// What is taken back.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LiftsView {
    /// A suspension.
    #[default]
    Suspend,
    /// A quarantine.
    Quarantine,
    /// A stop.
    Stop,
}

/// What is reinstated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReinstateOrder {
    /// The very same target as was suspended, quarantined or stopped.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// What is taken back: a suspension unless stated. A revocation is for good.
    #[serde(default)]
    lifts: LiftsView,
    /// Why.
    #[serde(default)]
    reason: Reason,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// What an order did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderView {
    /// The type of the event.
    action: &'static str,
    /// What it is about.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// Whether it changed anything; `false` when it was so already.
    changed: bool,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
}

/// Revoke for good whatever a target reaches
///
/// One event, whether it is a passport or a tenant. Repeating it changes nothing. A passport alone
/// is meant; `POST /v1/passports/{id}/revoke` takes its renewals along.
#[utoipa::path(
    post, path = "/v1/revocations", operation_id = "revoke", tag = "revocation",
    security(("operator" = [])),
    request_body = Order,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    operator: Operator,
    State(authority): State<Shared>,
    Strict(asked): Strict<Order>,
) -> Result<Json<OrderView>, Error> {
    let target = target(&asked.target)?;
    let order = order(&authority, operator, asked.reason, asked.note);
    let action = match (&target, asked.reason) {
        (Target::Key(key), Reason::KeyCompromise) => Action::KeyBlock(key.clone()),
        (Target::Tool { .. }, _) => Action::ToolRevoke(target),
        _ => Action::Revoke(target),
    };
    carry_out(&authority, &action, &order).await
}

/// Suspend whatever a target reaches, until it is reinstated or until an instant
#[utoipa::path(
    post, path = "/v1/suspensions", operation_id = "suspend", tag = "revocation",
    security(("operator" = [])),
    request_body = SuspendOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn suspend(
    operator: Operator,
    State(authority): State<Shared>,
    Strict(asked): Strict<SuspendOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = target(&asked.target)?;
    let order = order(&authority, operator, asked.reason, asked.note);
    let until = asked.until.as_deref().map(|text| until(text, order.at));
    let until = until.transpose()?;
    carry_out(&authority, &Action::Suspend { target, until }, &order).await
}

/// Stop whatever a target reaches: the kill switch
#[utoipa::path(
    post, path = "/v1/stops", operation_id = "stop", tag = "revocation",
    security(("operator" = [])),
    request_body = Order,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stop(
    operator: Operator,
    State(authority): State<Shared>,
    Strict(asked): Strict<Order>,
) -> Result<Json<OrderView>, Error> {
    let target = target(&asked.target)?;
    let order = order(&authority, operator, asked.reason, asked.note);
    carry_out(&authority, &Action::Stop(target), &order).await
}

/// Take a suspension, a quarantine or a stop back
#[utoipa::path(
    post, path = "/v1/reinstatements", operation_id = "reinstate", tag = "revocation",
    security(("operator" = [])),
    request_body = ReinstateOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reinstate(
    operator: Operator,
    State(authority): State<Shared>,
    Strict(asked): Strict<ReinstateOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = target(&asked.target)?;
    let lifts = match asked.lifts {
        LiftsView::Suspend => Lifts::Suspend,
        LiftsView::Quarantine => Lifts::Quarantine,
        LiftsView::Stop => Lifts::Stop,
    };
    let order = order(&authority, operator, asked.reason, asked.note);
    carry_out(&authority, &Action::Reinstate { target, lifts }, &order).await
}

async fn carry_out(
    authority: &Shared,
    action: &Action,
    order: &Revocation,
) -> Result<Json<OrderView>, Error> {
    // As it will be written, so that what no follower would understand is not ordered.
    Event::new(1, order.at, action, order.reason.as_str()).map_err(|_| Error::Invalid {
        member: "target",
        why: "cannot be ordered so; docs/feed.md says which kinds of target each order takes",
    })?;
    let done = authority.order(action, order).await?;
    let target = action.target().map(|target| target.to_json());
    let (kind, target) = (action.as_str(), target.unwrap_or_default());
    let (changed, position) = (done.changed, done.position);
    tracing::info!(action = kind, changed, position, "{kind} {target}");
    Ok(Json(OrderView {
        action: kind,
        target: raw_text(&target)?,
        changed,
        position,
    }))
}

fn order(authority: &Shared, operator: Operator, reason: Reason, note: Option<Note>) -> Revocation {
    Revocation {
        reason,
        note: note.map(Note::into_string),
        by: operator.id,
        at: authority.now(),
    }
}

fn target(raw: &RawValue) -> Result<Target, Error> {
    let document = Document::parse(raw.get())?;
    Target::read(document.root()).map_err(|_| Error::Invalid {
        member: "target",
        why: "is not one of the targets of docs/feed.md, as {\"kind\":\"agent\",\"tenant\":…,\"name\":…}",
    })
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let until = Timestamp::parse_rfc3339(text).filter(|until| *until > now);
    until.ok_or(Error::Invalid {
        member: "until",
        why: "must be an instant to come: RFC 3339 in UTC, as 2026-11-21T12:00:00.000Z",
    })
}
