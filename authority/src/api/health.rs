//! Health, readiness, and the description of this interface.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use super::Shared;
use crate::error::Error;
use crate::problem::Problem;

/// That the service is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `ready`.
    status: &'static str,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "health",
    responses((status = OK, body = Health))
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the database answers and the keys sign
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "health",
    responses(
        (status = OK, body = Health),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(authority): State<Shared>) -> Result<Json<Health>, Error> {
    authority.ready().await?;
    Ok(Json(Health { status: "ready" }))
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "health",
    responses((status = OK, body = Object, description = "OpenAPI 3.1"))
)]
pub(super) async fn openapi() -> Json<OpenApi> {
    Json(super::openapi())
}
