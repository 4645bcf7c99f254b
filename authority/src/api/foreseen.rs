//! What an order did, or, with `?dry_run=true`, would have done.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::orders::How;

/// What came of an order, or would.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Foreseen<T> {
    /// What there is now, or would be.
    #[serde(flatten)]
    what: T,
    /// Nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

impl<T> Foreseen<T> {
    /// What came of it.
    pub(super) const fn of(what: T, how: How) -> Json<Self> {
        let dry_run = how.is_dry_run();
        Json(Self { what, dry_run })
    }
}
