//! `POST /v1/hooks/{source}`: what an incident response system reports and asks for.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mcps_core::feed::{Action, Target};
use mcps_core::json::{Document, Limits};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::actions::OutcomeView;
use super::extract::Asked;
use super::view::raw_text;
use super::{BODY_LIMIT, Shared};
use crate::error::Error;
use crate::hooks::mapping::Wanted;
use crate::hooks::signature::Headers;
use crate::hooks::{Ceiling, Hook};
use crate::problem::Problem;
use crate::store::{Deed, Outcome, Reason, Revocation};

/// The time in which a source may do only so much.
const HOUR: Duration = Duration::from_secs(3600);

/// How to take the report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct How {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What came of a report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reported {
    /// Under which id it is recorded; none for a dry run.
    #[schema(pattern = "^act_[0-9a-f]{32}$")]
    action_id: Option<String>,
    /// What was asked for, at most as much as the source may do.
    #[schema(example = "suspend")]
    action: &'static str,
    /// What it is about.
    #[schema(value_type = Object)]
    target: Box<RawValue>,
    /// What came of it; for a dry run, what would.
    outcome: OutcomeView,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
}

/// Report an incident
///
/// Signed by Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The
/// body is `{"action": "observe"|"suspend"|"revoke", "target": {…}, "reason"?, "note"?}`, or whatever
/// the source's mapping reads so. Answered after commit; the same id again is answered as the first
/// time.
#[utoipa::path(
    post, path = "/v1/hooks/{source}", operation_id = "report", tag = "incidents",
    params(
        ("source" = String, Path, description = "The source's name"),
        ("webhook-id" = String, Header, description = "The same for every delivery of one report"),
        ("webhook-timestamp" = String, Header, description = "Seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,…` or `v1a,…`"),
        How
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = OK, body = Reported, description = "Carried out, or so already"),
        (status = ACCEPTED, body = Reported, description = "Recorded; nothing was done"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report(
    State(authority): State<Shared>,
    Path(source): Path<String>,
    Asked(how): Asked<How>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let hook = authority.db().hook(&source).await?;
    let hook = hook.ok_or(Error::HookUnknown)?;
    let header = |name| {
        headers
            .get(name)
            .map(HeaderValue::to_str)
            .and_then(Result::ok)
    };
    let headers = Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let now = authority.now();
    // The bytes as they came, before anything is read from them.
    let id = hook.verifier.verify(headers, &body, now)?;
    let giver = format!("hook:{}", hook.name);
    let deed = Deed::new(&giver, Some(id), &body, authority.random())?;
    let limits = Limits {
        bytes: BODY_LIMIT,
        ..Limits::default()
    };
    let report = Document::parse_with(body.as_ref().to_vec(), limits)?;
    let wanted = Wanted::read(&report, hook.mapping.as_ref())?;
    let action = wanted.action.min(hook.ceiling);
    let answer = |id: Option<String>, outcome: Outcome, position| Reported {
        action_id: id,
        action: action.as_str(),
        target: raw_text(&wanted.target.to_json()).unwrap_or_default(),
        outcome: outcome.into(),
        position,
    };
    if let Some((done, outcome)) = authority.db().given(&deed).await? {
        return Ok(sent(answer(Some(done.id), outcome, done.position)));
    }
    let outcome = judge(&authority, &hook, &wanted, action, &giver).await?;
    if how.dry_run {
        return Ok(sent(answer(None, outcome, None)));
    }
    if outcome != Outcome::Done {
        let target = wanted.target.to_json();
        let noted = authority
            .db()
            .note_action(&deed, now, action.as_str(), &target, outcome, None);
        noted.await?;
        tracing::warn!(
            action_id = deed.id,
            source = hook.name,
            outcome = outcome.as_str(),
            "a report was recorded, and nothing was done"
        );
        return Ok(sent(answer(Some(deed.id), outcome, None)));
    }
    let order = Revocation {
        reason: wanted.reason,
        note: wanted.note.clone(),
        by: giver,
        at: now,
        deed,
        dry_run: false,
    };
    let done = authority.order(&ordered(&wanted, action), &order).await?;
    let outcome = done.outcome();
    tracing::info!(
        action_id = done.id,
        source = hook.name,
        action = action.as_str(),
        position = done.position,
        "a report was acted upon"
    );
    Ok(sent(answer(Some(done.id), outcome, done.position)))
}

/// What is to come of a report: [`Outcome::Done`] when it is to be carried out.
async fn judge(
    authority: &Shared,
    hook: &Hook,
    wanted: &Wanted,
    action: Ceiling,
    giver: &str,
) -> Result<Outcome, Error> {
    if matches!(
        wanted.target,
        Target::All | Target::Issuer(_) | Target::Tool { .. }
    ) {
        return Err(Error::OutOfReach);
    }
    let tenant = authority.db().known_tenant(&wanted.target).await?;
    let Some(tenant) = tenant else {
        return Ok(Outcome::NoMatch);
    };
    if hook.tenant.as_ref().is_some_and(|own| *own != tenant) {
        return Err(Error::OutOfReach);
    }
    if action == Ceiling::Observe {
        return Ok(Outcome::Observed);
    }
    let since = authority.now().minus(HOUR);
    let lately = authority.db().carried_out(giver, since).await?;
    Ok(if lately < hook.per_hour {
        Outcome::Done
    } else {
        Outcome::Held
    })
}

fn ordered(wanted: &Wanted, action: Ceiling) -> Action {
    let target = wanted.target.clone();
    match (action, &target, wanted.reason) {
        (Ceiling::Revoke, Target::Key(key), Reason::KeyCompromise) => Action::KeyBlock(key.clone()),
        (Ceiling::Revoke, _, _) => Action::Revoke(target),
        (Ceiling::Suspend | Ceiling::Observe, _, _) => Action::Suspend {
            target,
            until: None,
        },
    }
}

fn sent(reported: Reported) -> Response {
    let status = match reported.outcome {
        OutcomeView::Done | OutcomeView::Unchanged => StatusCode::OK,
        OutcomeView::Observed | OutcomeView::NoMatch | OutcomeView::Held => StatusCode::ACCEPTED,
    };
    (status, Json(reported)).into_response()
}
