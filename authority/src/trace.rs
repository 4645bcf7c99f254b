//! One span and one log line for each request: method, route, status and time, never a body, a
//! header or a query.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

/// Runs the request inside its span and logs how it ended.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The route, not the path: the log must not depend on what a caller writes there.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "-".to_owned());
    let span = tracing::info_span!("request", %method, route);
    async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let latency_ms = began.elapsed().as_millis() as u64;
        tracing::info!(status, latency_ms, "{status} in {latency_ms} ms");
        response
    }
    .instrument(span)
    .await
}
