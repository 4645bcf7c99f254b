//! The HTTP interface: one list of routes, one file a noun.

mod acks;
mod actions;
mod approvals;
mod audit;
mod authority_keys;
mod budgets;
mod ca;
mod caller;
mod challenges;
mod compromises;
mod document;
mod draft;
mod enrolments;
mod evidence;
mod extract;
mod feed;
mod foreseen;
mod health;
mod hooks;
mod inbox;
mod issue;
mod keys;
mod manifests;
mod metrics;
mod operators;
mod orders;
mod page;
mod passports;
mod policies;
mod reports;
mod revoke;
mod rotate;
mod scanners;
mod servers;
mod signals;
mod sources;
mod status;
mod status_lists;
mod tag;
mod target;
mod tenants;
mod trust;
mod verdicts;
mod view;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Info, License, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Authority;
use crate::error::Error;
use crate::metrics as count;
use crate::trace;

/// Largest request body.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Largest report: an alerting system tells of many alerts at once.
pub const REPORT_LIMIT: usize = 256 * 1024;
/// Longest time for one request, its body included, beside the time that a long poll waits.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handlers share.
type Shared = Arc<Authority>;

fn all_routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(head())
        .routes(routes!(challenges::open))
        .routes(routes!(issue::issue, passports::list))
        .routes(routes!(enrolments::create, enrolments::list))
        .routes(routes!(enrolments::withdraw))
        .routes(routes!(passports::show))
        .routes(routes!(issue::renew))
        .routes(routes!(rotate::rotate))
        .routes(routes!(revoke::revoke))
        .routes(routes!(status::status))
        .routes(routes!(status_lists::status_list))
        .routes(routes!(compromises::report))
        .routes(routes!(orders::revoke))
        .routes(routes!(orders::suspend))
        .routes(routes!(orders::stop))
        .routes(routes!(orders::reinstate))
        .routes(routes!(actions::list))
        .routes(routes!(actions::undo))
        .routes(routes!(hooks::report))
        .routes(routes!(hooks::report_to_address))
        .routes(routes!(sources::list))
        .routes(routes!(sources::show, sources::set))
        .routes(routes!(sources::disable))
        .routes(routes!(sources::enable))
        .routes(routes!(sources::test))
        .routes(routes!(inbox::list))
        .routes(routes!(inbox::show))
        .routes(routes!(inbox::approve))
        .routes(routes!(inbox::dismiss))
        .routes(routes!(inbox::undo))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::remove))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::replay))
        .routes(routes!(webhooks::dead))
        .routes(routes!(signals::fetch))
        .routes(routes!(signals::configuration))
        .routes(routes!(audit::records))
        .routes(routes!(audit::lane))
        .routes(routes!(audit::checkpoints))
        .routes(routes!(feed::stream))
        .routes(routes!(feed::frames))
        .routes(routes!(feed::snapshot))
        .routes(routes!(feed::epoch))
        .routes(routes!(acks::acknowledge))
        .routes(routes!(acks::enforcement))
        .routes(routes!(servers::add, servers::list))
        .routes(routes!(servers::show, servers::change))
        .routes(routes!(manifests::publish, manifests::list))
        .routes(routes!(manifests::show))
        .routes(routes!(manifests::by_digest))
        .routes(routes!(manifests::diff))
        .routes(routes!(policies::push, policies::show))
        .routes(routes!(policies::versions))
        .routes(routes!(policies::by_digest))
        .routes(routes!(verdicts::give, verdicts::show))
        .routes(routes!(verdicts::orders))
        .routes(routes!(verdicts::by_digest))
        .routes(routes!(trust::explain))
        .routes(routes!(trust::attest))
        .routes(routes!(trust::challenge))
        .routes(routes!(trust::check))
        .routes(routes!(evidence::file))
        .routes(routes!(evidence::show))
        .routes(routes!(reports::submit))
        .routes(routes!(reports::show))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::add_key, approvals::list_keys))
        .routes(routes!(approvals::revoke_key))
        .routes(routes!(scanners::add, scanners::list))
        .routes(routes!(scanners::revoke))
        .routes(routes!(authority_keys::list, authority_keys::prepare))
        .routes(routes!(authority_keys::activate))
        .routes(routes!(authority_keys::taint))
        .routes(routes!(authority_keys::revoke))
        .routes(routes!(keys::trust))
        .routes(routes!(keys::jwks))
        .routes(routes!(draft::verify))
        .routes(routes!(draft::passport))
        .routes(routes!(draft::crl))
        .routes(routes!(draft::staple))
        .routes(routes!(draft::public_key))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::openapi))
        .routes(routes!(metrics::metrics))
        .routes(routes!(operators::add, operators::list))
        .routes(routes!(operators::show))
        .routes(routes!(operators::disable))
        .routes(routes!(operators::rotate))
        .routes(routes!(tenants::add, tenants::list))
        .routes(routes!(tenants::show))
        .routes(routes!(tenants::disable))
        .routes(routes!(tenants::enable))
}

/// The whole service.
pub fn router(authority: Shared) -> Router {
    let (routes, _) = all_routes().split_for_parts();
    let counted = middleware::from_fn_with_state(Arc::clone(&authority), count::request);
    routes
        .fallback(async || Error::NoSuchRoute.into_response())
        .method_not_allowed_fallback(async || Error::Method.into_response())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&authority),
            budgets::within_budget,
        ))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(within_time))
        .layer(counted)
        .layer(middleware::from_fn(trace::request))
        .with_state(authority)
}

/// What is answered to whoever reaches the listener for metrics.
pub fn metrics_router(authority: Shared) -> Router {
    metrics::router(authority)
}

/// The OpenAPI 3.1 document of [`router`].
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = all_routes().into_openapi();
    budgets::document(&mut document);
    document::complete(document)
}

/// [`openapi`] as it is committed, printed and served.
///
/// # Errors
/// When it cannot be written as JSON, which it always can.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    openapi().to_pretty_json().map(|json| json + "\n")
}

fn head() -> OpenApi {
    let mut info = Info::new("MCPS trust authority", env!("CARGO_PKG_VERSION"));
    info.description = Some("Issues, renews and revokes passports, answers for them, and feeds whoever follows with what is revoked.".into());
    info.license = Some(License::new("Apache-2.0"));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An operator's API key, `mcps_op_…`"))
        .build();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An enrolment token, `mcps_et_…`"))
        .build();
    let mut components = Components::new();
    components.add_security_scheme("operator", SecurityScheme::Http(bearer));
    components.add_security_scheme("enrolment_token", SecurityScheme::Http(token));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// Ends a request that takes too long, and keeps caches from holding what may change.
async fn within_time(request: Request, next: Next) -> Response {
    let limit = match request.uri().path() {
        // It waits for news.
        feed::FRAMES => REQUEST_TIMEOUT + Duration::from_secs(feed::MAX_WAIT_S),
        _ => REQUEST_TIMEOUT,
    };
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| Error::Timeout.into_response());
    let headers = response.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
