//! The revocation feed: `/v1/feed` and what belongs to it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mcps_core::feed::Cursor;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Named};
use super::tag::Known;
use super::view::JsonText;
use crate::error::Error;
use crate::problem::Problem;

/// Longest wait of a long poll, in seconds.
pub(super) const MAX_WAIT_S: u64 = 25;
/// Where the long poll is.
pub(super) const FRAMES: &str = "/v1/feed/frames";
/// Most frames in one answer to a long poll.
const MAX_FRAMES: usize = 16;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// The position held, `EPOCH:SEQ`: `1:41`. `Last-Event-ID` comes before it.
    #[serde(default)]
    #[param(pattern = "^[1-9][0-9]{0,14}:(0|[1-9][0-9]{0,14})$")]
    after: Option<String>,
}

/// From where on, and how long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Poll {
    /// The position held, `EPOCH:SEQ`: `1:41`.
    #[serde(default)]
    #[param(pattern = "^[1-9][0-9]{0,14}:(0|[1-9][0-9]{0,14})$")]
    after: Option<String>,
    /// How long to wait for news, in seconds; 20 unless stated.
    #[serde(default)]
    #[param(maximum = 25)]
    wait_s: Option<u64>,
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Error> {
    let read = |text| Cursor::parse(text).ok_or(Error::Position);
    text.map(read).transpose()
}

/// One event of the stream (WHATWG HTML §9.2).
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is used; frames are sent as they were signed"
)]
pub(super) struct FrameEvent {
    /// The position at its end, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    id: String,
    /// The signed frame.
    data: String,
}

/// The feed as an endless stream
///
/// One event a frame: `id` is the position at its end, `data` the signed frame. The first comes at
/// once. docs/feed.md has the form of frames and what a follower does with them.
#[utoipa::path(
    get, path = "/v1/feed", operation_id = "feed", tag = "feed",
    params(From, ("Last-Event-ID" = Option<String>, Header, description = "The position held, `EPOCH:SEQ`", pattern = "^[1-9][0-9]{0,14}:(0|[1-9][0-9]{0,14})$")),
    responses(
        (status = OK, body = FrameEvent, content_type = "text/event-stream", description = "What is described is each of its events"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = GONE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stream(
    State(authority): State<Shared>,
    Asked(asked): Asked<From>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let last = headers.get("last-event-id").map(HeaderValue::to_str);
    let last = last.transpose().map_err(|_| Error::Position)?;
    // Each has to be one, whichever counts.
    let after = cursor(asked.after.as_deref())?;
    let at = cursor(last)?.or(after);
    let frames = authority.feed().follow(at).await?;
    let kind = (header::CONTENT_TYPE, "text/event-stream");
    // Some proxies hold a stream back until it ends, unless they are told not to.
    let flow = ("x-accel-buffering", "no");
    Ok(([kind], [flow], Body::from_stream(frames)).into_response())
}

/// The same frames by long poll
#[utoipa::path(
    get, path = "/v1/feed/frames", operation_id = "feed_frames", tag = "feed",
    params(Poll),
    responses(
        (status = OK, body = Object, description = "`{\"frames\": [frame, …]}`, the oldest first"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = GONE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn frames(
    State(authority): State<Shared>,
    Asked(asked): Asked<Poll>,
) -> Result<JsonText, Error> {
    let wait = asked.wait_s.unwrap_or(20);
    if wait > MAX_WAIT_S {
        let why = "must be 0 to 25 seconds";
        return Err(Error::Invalid {
            member: "wait_s",
            why,
        });
    }
    let at = cursor(asked.after.as_deref())?;
    let wait = Duration::from_secs(wait);
    let frames = authority.feed().poll(at, wait, MAX_FRAMES).await?;
    let mut json = String::from(r#"{"frames":["#);
    for (place, frame) in frames.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        json.push_str(frame.json());
    }
    json.push_str("]}");
    Ok(JsonText(json))
}

/// The newest snapshot: all that is in force at a position, signed
#[utoipa::path(
    get, path = "/v1/feed/snapshot", operation_id = "feed_snapshot", tag = "feed",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier answer")),
    responses(
        (status = OK, body = Object, description = "The signed snapshot (ctx mcps-snapshot-v1)"),
        (status = NOT_MODIFIED, description = "It is as it was"),
    )
)]
pub(super) async fn snapshot(
    known: Known,
    State(authority): State<Shared>,
) -> Result<Response, Error> {
    let text = authority.feed().snapshot().await?;
    Ok(known.or_send(text.to_string(), "no-cache"))
}

/// The root's statement on an epoch after the first
#[utoipa::path(
    get, path = "/v1/feed/epochs/{epoch}", operation_id = "feed_epoch", tag = "feed",
    params(("epoch" = u64, Path, description = "The epoch's number", minimum = 1)),
    responses(
        (status = OK, body = Object, description = "The statement (ctx mcps-epoch-v1)"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn epoch(
    State(authority): State<Shared>,
    Named(epoch): Named,
) -> Result<JsonText, Error> {
    let number: u64 = epoch.parse().map_err(|_| Error::EpochNotFound)?;
    let statement = authority.db().epoch(number).await?;
    statement.map(JsonText).ok_or(Error::EpochNotFound)
}
