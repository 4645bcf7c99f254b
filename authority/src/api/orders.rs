//! What an operator orders against a target, whatever it reaches: `POST /v1/revocations`,
//! `/v1/suspensions`, `/v1/stops` and `/v1/reinstatements`.

use axum::Json;
use axum::extract::State;
use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Event, Lifts, Target};
use mcps_core::json::Document;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Once, Operator, Strict, may};
use super::target;
use super::view::raw_text;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Deed, Reason, Revocation};
use crate::subject::Note;

/// What is revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeOrder {
    /// As docs/feed.md has it: `{"kind": "agent", "tenant": "acme", "name": "crawler"}`.
    #[schema(schema_with = target::revocable)]
    target: Box<RawValue>,
    /// Why. `key_compromise`, of a key, blocks it wherever it signs.
    #[serde(default)]
    reason: Reason,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// What is stopped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopOrder {
    /// As docs/feed.md has it: `{"kind": "all"}`.
    #[schema(schema_with = target::stoppable)]
    target: Box<RawValue>,
    /// Why.
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
    #[schema(schema_with = target::suspendable)]
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
    #[schema(schema_with = target::any)]
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

/// Whether to carry it out.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// Say what would come of it, by the same path, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

impl How {
    /// Whether nothing is done.
    pub(super) const fn is_dry_run(self) -> bool {
        self.dry_run
    }
}

/// What an order did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderView {
    /// Under which id it is recorded, unless it is a dry run; `POST /v1/actions/{id}/undo` takes it back.
    #[schema(pattern = "^act_[0-9a-f]{32}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<String>,
    /// The type of the event.
    action: &'static str,
    /// What it is about.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// Whether it changed anything; `false` when it was so already.
    changed: bool,
    /// The position of its event in the feed, `EPOCH:SEQ`; none when there is no event.
    #[schema(example = "1:41")]
    position: Option<String>,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    /// How many passports that are neither revoked nor expired it reaches, or would. Absent where it is not
    /// about passports or about all of them, unless that is a dry run. Counted anew where an order is repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    reached: Option<u64>,
}

/// Revoke for good whatever a target reaches
///
/// One event, whether it is a key or a tenant. Repeating it changes nothing. Of a passport, what it
/// renewed and what renewed it goes too, unless it is `superseded`.
#[utoipa::path(
    post, path = "/v1/revocations", operation_id = "revoke", tag = "revocation",
    security(("operator" = [])),
    params(
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        How
    ),
    request_body = RevokeOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    operator: Operator<may::Respond>,
    once: Once,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<RevokeOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = read_target(&asked.target)?;
    operator.against(&target, asked.reason, &authority).await?;
    let action = match (&target, asked.reason) {
        (Target::Key(key), Reason::KeyCompromise) => Action::KeyBlock(key.clone()),
        (Target::Tool { .. }, _) => Action::ToolRevoke(target),
        _ => Action::Revoke(target),
    };
    let order = order(
        &authority,
        operator,
        (once, how),
        &action,
        (asked.reason, asked.note),
    )?;
    carry_out(&authority, &action, &order).await
}

/// Suspend whatever a target reaches, until it is reinstated or until an instant
#[utoipa::path(
    post, path = "/v1/suspensions", operation_id = "suspend", tag = "revocation",
    security(("operator" = [])),
    params(
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        How
    ),
    request_body = SuspendOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn suspend(
    operator: Operator<may::Respond>,
    once: Once,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<SuspendOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = read_target(&asked.target)?;
    operator.against(&target, asked.reason, &authority).await?;
    let now = authority.now();
    let until = asked.until.as_deref().map(|text| until(text, now));
    let until = until.transpose()?;
    let action = Action::Suspend { target, until };
    let order = order(
        &authority,
        operator,
        (once, how),
        &action,
        (asked.reason, asked.note),
    )?;
    carry_out(&authority, &action, &order).await
}

/// Stop whatever a target reaches: the kill switch
#[utoipa::path(
    post, path = "/v1/stops", operation_id = "stop", tag = "revocation",
    security(("operator" = [])),
    params(
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        How
    ),
    request_body = StopOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stop(
    operator: Operator<may::Respond>,
    once: Once,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<StopOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = read_target(&asked.target)?;
    operator.against(&target, asked.reason, &authority).await?;
    let action = Action::Stop(target);
    let order = order(
        &authority,
        operator,
        (once, how),
        &action,
        (asked.reason, asked.note),
    )?;
    carry_out(&authority, &action, &order).await
}

/// Take a suspension, a quarantine or a stop back
#[utoipa::path(
    post, path = "/v1/reinstatements", operation_id = "reinstate", tag = "revocation",
    security(("operator" = [])),
    params(
        ("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order"),
        How
    ),
    request_body = ReinstateOrder,
    responses(
        (status = OK, body = OrderView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn reinstate(
    operator: Operator<may::Respond>,
    once: Once,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<ReinstateOrder>,
) -> Result<Json<OrderView>, Error> {
    let target = read_target(&asked.target)?;
    operator.against(&target, asked.reason, &authority).await?;
    let lifts = match asked.lifts {
        LiftsView::Suspend => Lifts::Suspend,
        LiftsView::Quarantine => Lifts::Quarantine,
        LiftsView::Stop => Lifts::Stop,
    };
    let action = Action::Reinstate { target, lifts };
    let order = order(
        &authority,
        operator,
        (once, how),
        &action,
        (asked.reason, asked.note),
    )?;
    carry_out(&authority, &action, &order).await
}

pub(super) async fn carry_out(
    authority: &Shared,
    action: &Action,
    order: &Revocation,
) -> Result<Json<OrderView>, Error> {
    let reached = match (order.dry_run, action.target()) {
        (true, _) => authority.db().reached(action, order.at).await?,
        // Nothing waits for it that is to stop everything.
        (false, Some(Target::All) | None) => None,
        (false, Some(_)) => {
            let reached = authority.db().reached(action, order.at).await;
            // What is ordered is carried out, counted or not.
            reached
                .inspect_err(|error| tracing::warn!(error = %error, "it is not known how many passports an order reaches: {error}"))
                .unwrap_or_default()
        }
    };
    let done = authority.order(action, order).await?;
    let target = action.target().map(|target| target.to_json());
    let (kind, target) = (action.as_str(), target.unwrap_or_default());
    let (id, changed, position) = (done.id, done.changed, done.position);
    if !order.dry_run {
        tracing::info!(
            action_id = id,
            action = kind,
            changed,
            position,
            "{kind} {target}"
        );
    }
    Ok(Json(OrderView {
        // What was not recorded cannot be undone.
        action_id: (!order.dry_run).then_some(id),
        action: kind,
        target: raw_text(&target)?,
        changed,
        position,
        dry_run: order.dry_run,
        reached,
    }))
}

/// What was ordered, and by whom. The same under the same key is one order.
pub(super) fn order(
    authority: &Shared,
    operator: Operator<may::Respond>,
    (Once(key), how): (Once, How),
    action: &Action,
    (reason, note): (Reason, Option<Note>),
) -> Result<Revocation, Error> {
    let at = authority.now();
    // As it will be written, so that what no follower would understand is not ordered; at no time in
    // particular, so that it is the same when it is given again.
    let written = Event::new(1, Timestamp::from_millis(0), action, reason.as_str());
    let written = written.map_err(|_| Error::Invalid {
        member: "target",
        why: "cannot be ordered so; docs/feed.md says which kinds of target each order takes",
    })?;
    let body = written.canonical().as_bytes();
    Ok(Revocation {
        reason,
        note: note.map(Note::into_string),
        deed: Deed::new(&operator.id, key.as_deref(), body, authority.random())?,
        by: operator.id,
        at,
        dry_run: how.dry_run,
    })
}

fn read_target(raw: &RawValue) -> Result<Target, Error> {
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
