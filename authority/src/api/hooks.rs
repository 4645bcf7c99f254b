//! `POST /v1/hooks/{source}`: what an incident response system reports and asks for.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mcps_core::feed::Cursor;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Addressed, Asked, ByClient, Report};
use super::inbox::IncidentView;
use crate::error::Error;
use crate::hooks::Hook;
use crate::hooks::adapter::Adapter;
use crate::hooks::authentication::{HeaderLookup, Incoming};
use crate::incidents::{Incident, Made, read_and_take};
use crate::problem::Problem;
use crate::signals::told;

/// Where a security event token's position in the feed is told: its answer has no body (RFC 8935 §2.2).
const POSITION: HeaderName = HeaderName::from_static("mcps-position");

/// How to take the report.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What came of a report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reported {
    /// What was made of each of its alerts, in their order.
    incidents: Vec<IncidentView>,
    /// The newest position of an event that it led to in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// Why a security event token was not taken (RFC 8935 §2.3).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenRefusal {
    /// A registered code, as `invalid_issuer`.
    err: &'static str,
    /// In words.
    description: String,
}

/// Request headers, to be looked up by how a source proves itself.
#[derive(Debug)]
struct Sent(HeaderMap);

impl HeaderLookup for Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(HeaderValue::to_str)?.ok()
    }
}

/// Report an incident
///
/// Proven as the source was set up: by a signature over the bytes (Standard Webhooks 1.0.0, PagerDuty,
/// Grafana), as a security event token (RFC 8935), by the client certificate of the connection, or by a
/// bearer token. The body is
/// `{"action": "observe"|"propose"|"suspend"|"revoke", "target": {…}, "id"?, "reason"?, "note"?}`, or
/// whatever the source's adapter and mapping read so. Answered after commit; the same alert again is
/// answered as the first time.
#[utoipa::path(
    post, path = "/v1/hooks/{source}", operation_id = "report", tag = "incidents",
    params(
        ("source" = String, Path, description = "The source's name"),
        ("webhook-id" = Option<String>, Header, description = "The same for every delivery of one report"),
        ("webhook-timestamp" = Option<String>, Header, description = "Seconds since 1970"),
        ("webhook-signature" = Option<String>, Header, description = "`v1,…` or `v1a,…`"),
        How
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = OK, body = Reported, description = "Something was carried out, or so already"),
        (status = ACCEPTED, body = Reported, description = "Recorded; nothing was done"),
        (status = BAD_REQUEST, content(
            (Problem = "application/problem+json"), (TokenRefusal = "application/json"))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report(
    State(authority): State<Shared>,
    to: Addressed,
    Asked(how): Asked<How>,
    client: ByClient,
    headers: HeaderMap,
    Report(body): Report,
) -> Result<Response, Error> {
    let hook = authority.db().hook(&to.source).await?;
    let hook = hook.filter(|hook| hook.disabled_at.is_none());
    let hook = hook.ok_or(Error::HookUnknown)?;
    let incoming = Incoming {
        address: to.address.as_deref(),
        headers: &Sent(headers),
        client: client.shown(authority.now()),
        body: &body,
    };
    let taken = received(&authority, &hook, incoming, how).await;
    match hook.adapter {
        Adapter::SharedSignals => token_answer(taken),
        _ => Ok(answer(taken?, how)),
    }
}

/// Report an incident to an address that nobody guesses
///
/// As [`report`], for senders that can neither sign nor send a token. The last part of the path is the
/// secret.
#[utoipa::path(
    post, path = "/v1/hooks/{source}/{address}", operation_id = "report_to_address", tag = "incidents",
    params(
        ("source" = String, Path, description = "The source's name"),
        ("address" = String, Path, description = "What was shown once when the source was set up"),
        How
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = OK, body = Reported, description = "Something was carried out, or so already"),
        (status = ACCEPTED, body = Reported, description = "Recorded; nothing was done"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report_to_address(
    state: State<Shared>,
    to: Addressed,
    how: Asked<How>,
    client: ByClient,
    headers: HeaderMap,
    body: Report,
) -> Result<Response, Error> {
    report(state, to, how, client, headers, body).await
}

async fn received(
    authority: &Shared,
    hook: &Hook,
    incoming: Incoming<'_>,
    how: How,
) -> Result<Vec<Incident>, Error> {
    // The bytes as they came, before anything is read from them.
    let believed = hook.authentication.believe(incoming, authority.now())?;
    read_and_take(authority, hook, (believed.id, believed.text), how.dry_run).await
}

fn answer(taken: Vec<Incident>, how: How) -> Response {
    let acted = |incident: &Incident| matches!(incident.made, Made::Done | Made::Unchanged);
    let status = match taken.iter().any(acted) {
        true => StatusCode::OK,
        false => StatusCode::ACCEPTED,
    };
    (status, Json(reported(taken, how.dry_run))).into_response()
}

pub(super) fn reported(taken: Vec<Incident>, dry_run: bool) -> Reported {
    let position = newest(&taken);
    let incidents = taken
        .into_iter()
        .map(|incident| IncidentView::new(incident, dry_run));
    Reported {
        incidents: incidents.collect(),
        position,
        dry_run,
    }
}

fn newest(taken: &[Incident]) -> Option<String> {
    let positions = taken
        .iter()
        .filter_map(|incident| incident.position.as_deref());
    let positions = positions.filter_map(Cursor::parse);
    positions.max().map(|position| position.to_string())
}

/// RFC 8935: 202 without a body for what is taken, whatever was made of it; 400 with a code for what is
/// not believed.
fn token_answer(taken: Result<Vec<Incident>, Error>) -> Result<Response, Error> {
    let refused = match told(taken)? {
        Ok(taken) => {
            let position = newest(&taken).and_then(|text| HeaderValue::try_from(text).ok());
            let mut response = StatusCode::ACCEPTED.into_response();
            let headers = response.headers_mut();
            headers.extend(position.map(|position| (POSITION, position)));
            return Ok(response);
        }
        Err(refused) => refused,
    };
    let language = (header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    let refusal = Json(TokenRefusal {
        err: refused.err,
        description: refused.description,
    });
    Ok((StatusCode::BAD_REQUEST, [language], refusal).into_response())
}
