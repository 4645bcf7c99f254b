//! `GET /metrics`, for operators here, and without a key on the listener that is named for it.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::Shared;
use super::extract::{Operator, may};
use crate::error::Error;
use crate::metrics::CONTENT_TYPE;
use crate::problem::Problem;

/// What this process has counted, for Prometheus
///
/// Requests by route and status, passports issued, orders, the feed's head and followers, how long
/// publishing takes, failures of signers, connections to the database: docs/operations.md. The
/// listener of `--metrics-listen` answers the same without a key.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health",
    security(("operator" = [])),
    responses(
        (status = OK, body = String, content_type = "application/openmetrics-text"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn metrics(
    _: Operator<may::LookEverywhere>,
    State(authority): State<Shared>,
) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], authority.measured())
}

async fn open(State(authority): State<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], authority.measured())
}

/// What the listener for metrics answers.
pub(super) fn router(authority: Shared) -> Router {
    Router::new()
        .route("/metrics", get(open))
        .fallback(async || Error::NoSuchRoute.into_response())
        .with_state(authority)
}
