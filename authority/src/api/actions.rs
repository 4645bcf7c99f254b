//! What was ordered: `/v1/actions`, and taking it back.

use axum::Json;
use axum::extract::State;
use mcps_core::feed::{Action, Lifts, Target};
use mcps_core::json::Document;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Named, Once, Operator, may};
use super::orders::{How, OrderView, carry_out, order};
use super::page::Page;
use super::view::raw_text;
use crate::cursor::Listing;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{ActionRecord, Outcome, Reason};

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeView {
    /// Carried out.
    Done,
    /// It was so already.
    Unchanged,
    /// Recorded only.
    Observed,
    /// Nobody of that name or id is known.
    NoMatch,
    /// Of before there was an inbox: a source had done as much as it might in an hour.
    Held,
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Observed => Self::Observed,
            Outcome::NoMatch => Self::NoMatch,
            Outcome::Held => Self::Held,
        }
    }
}

impl From<OutcomeView> for Outcome {
    fn from(outcome: OutcomeView) -> Self {
        match outcome {
            OutcomeView::Done => Self::Done,
            OutcomeView::Unchanged => Self::Unchanged,
            OutcomeView::Observed => Self::Observed,
            OutcomeView::NoMatch => Self::NoMatch,
            OutcomeView::Held => Self::Held,
        }
    }
}

/// Which actions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Those of one outcome.
    #[serde(default)]
    #[param(inline)]
    outcome: Option<OutcomeView>,
    /// At most so many; 50 unless stated.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// One recorded order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActionView {
    /// `act_` and 32 hex digits.
    action_id: String,
    /// An operator's id, or `hook:` and the name of a source.
    given_by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The type of its event, or `observe`.
    action: String,
    /// What it is about.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// What came of it.
    outcome: OutcomeView,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    position: Option<String>,
}

impl TryFrom<ActionRecord> for ActionView {
    type Error = Error;

    fn try_from(record: ActionRecord) -> Result<Self, Error> {
        Ok(Self {
            action_id: record.id,
            given_by: record.giver,
            at: record.at.to_string(),
            action: record.action,
            target: raw_text(&record.target)?,
            outcome: record.outcome.into(),
            position: record.position,
        })
    }
}

/// One page of actions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Actions {
    /// The actions.
    actions: Vec<ActionView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List what was ordered, by operators and by webhooks
#[utoipa::path(
    get, path = "/v1/actions", operation_id = "list_actions", tag = "revocation",
    security(("operator" = [])),
    params(Which),
    responses(
        (status = OK, body = Actions),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(which): Asked<Which>,
) -> Result<Json<Actions>, Error> {
    let outcome = which.outcome.map(Outcome::from);
    let asked_for = format!(
        "{}\n{}",
        outcome.map_or("", Outcome::as_str),
        operator.tenants().filter()
    );
    let listing = Listing {
        list: "actions",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, which.limit, which.cursor.as_deref())?;
    let tenants = operator.tenants();
    let db = operator.db(&authority);
    let records = db.actions(tenants, outcome, page.after(), page.rows());
    let mut records = records.await?;
    let next_cursor = page.cut(&authority, &mut records, |record| &record.id)?;
    let actions: Result<Vec<_>, _> = records.into_iter().map(ActionView::try_from).collect();
    Ok(Json(Actions {
        actions: actions?,
        next_cursor,
    }))
}

/// Undo a suspension, a quarantine or a stop
///
/// Appends a reinstatement; nothing that was told is untold. A revocation is for good.
#[utoipa::path(
    post, path = "/v1/actions/{id}/undo", operation_id = "undo_action", tag = "revocation",
    security(("operator" = [])),
    params(
        ("id" = String, Path, description = "The action's id", pattern = "^act_[0-9a-f]{32}$"),
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
    take_back(&authority, operator, &id, how).await
}

/// Takes back what an action did.
///
/// # Errors
/// [`Error::ActionNotFound`], [`Error::NotUndone`], and those of an order.
pub(super) async fn take_back(
    authority: &Shared,
    operator: Operator<may::Respond>,
    id: &str,
    how: How,
) -> Result<Json<OrderView>, Error> {
    let record = operator.db(authority).action(id).await?;
    let record = record.ok_or(Error::ActionNotFound)?;
    operator.over(&record.tenant, Error::ActionNotFound)?;
    if record.outcome != Outcome::Done {
        return Err(Error::NotUndone(
            "it changed nothing, so there is nothing to undo",
        ));
    }
    let lifts = match record.action.as_str() {
        "suspend" => Lifts::Suspend,
        "quarantine" => Lifts::Quarantine,
        "stop" => Lifts::Stop,
        "reinstate" => {
            let why = "a reinstatement is undone by suspending again";
            return Err(Error::NotUndone(why));
        }
        _ => return Err(Error::NotUndone("a revocation is for good; issue anew")),
    };
    let document = Document::parse(record.target).map_err(mcps_core::feed::FeedError::Json)?;
    let target = Target::read(document.root())?;
    let action = Action::Reinstate { target, lifts };
    // Undone twice, it must not lift what was ordered in between.
    let once = Once(Some(format!("undo:{id}")));
    let why = (Reason::Unspecified, None);
    let order = order(authority, operator, (once, how), &action, why)?;
    carry_out(authority, &action, &order).await
}
