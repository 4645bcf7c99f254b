//! What is counted and measured, for Prometheus. Labels are routes, kinds and states of our own;
//! never a name, an id or anything else that a caller writes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use mcps_core::feed::Cursor;
use mcps_core::passport::Kind;
use mcps_core::trust::KeyUse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::authority::Authority;
use crate::store::Db;

/// The type of what [`Metrics::text`] gives: OpenMetrics 1.0.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds, from what a good day needs to what no follower should wait for.
const SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAction {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKey {
    usage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

/// What one process has counted since its start.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    answered: Histogram,
    issued: Family<OfKind, Counter>,
    orders: Family<OfAction, Counter>,
    epoch: Gauge<u64, AtomicU64>,
    seq: Gauge<u64, AtomicU64>,
    fresh: Gauge,
    followers: Gauge,
    publishing: Histogram,
    signer_failures: Family<OfKey, Counter>,
    connections: Family<OfState, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mcps_authority");
        let requests = Family::default();
        let answered = Histogram::new(SECONDS);
        let issued = Family::default();
        let orders = Family::default();
        let (epoch, seq) = (Gauge::default(), Gauge::default());
        let (fresh, followers) = (Gauge::default(), Gauge::default());
        let publishing = Histogram::new(SECONDS);
        let signer_failures = Family::default();
        let connections = Family::default();
        registry.register("requests", "Requests answered", Family::clone(&requests));
        registry.register_with_unit(
            "request_duration",
            "From a request to the head of its answer",
            Unit::Seconds,
            answered.clone(),
        );
        registry.register(
            "passports_issued",
            "Passports issued",
            Family::clone(&issued),
        );
        registry.register(
            "orders",
            "Orders carried out that changed something",
            Family::clone(&orders),
        );
        registry.register("feed_epoch", "The epoch of the feed", epoch.clone());
        registry.register(
            "feed_head",
            "The number of the last event that this process has published",
            seq.clone(),
        );
        registry.register(
            "feed_fresh",
            "Whether what is published here is as young as followers expect",
            fresh.clone(),
        );
        registry.register(
            "feed_followers",
            "Followers connected here",
            followers.clone(),
        );
        registry.register_with_unit(
            "feed_publish",
            "From an order to its frame being where followers find it",
            Unit::Seconds,
            publishing.clone(),
        );
        registry.register(
            "signer_failures",
            "Signatures that a key of the authority could not make",
            Family::clone(&signer_failures),
        );
        registry.register(
            "database_connections",
            "Connections to the database, beside those of the feed",
            Family::clone(&connections),
        );
        Self {
            registry,
            requests,
            answered,
            issued,
            orders,
            epoch,
            seq,
            fresh,
            followers,
            publishing,
            signer_failures,
            connections,
        }
    }
}

impl Metrics {
    /// A passport was issued.
    pub fn issued(&self, kind: Kind) {
        let kind = kind.as_str();
        self.issued.get_or_create(&OfKind { kind }).inc();
    }

    /// An order changed something.
    pub fn ordered(&self, action: &'static str) {
        self.orders.get_or_create(&OfAction { action }).inc();
    }

    /// A frame is published, so many milliseconds after its first event was ordered.
    pub fn published(&self, after_ms: i64) {
        let after = Duration::from_millis(u64::try_from(after_ms).unwrap_or(0));
        self.publishing.observe(after.as_secs_f64());
    }

    /// A key could not sign.
    pub fn signer_failed(&self, usage: KeyUse) {
        let usage = usage.as_str();
        self.signer_failures.get_or_create(&OfKey { usage }).inc();
    }

    /// Where the feed stands now.
    pub fn measure_feed(&self, at: Option<Cursor>, fresh: bool, followers: usize) {
        if let Some(at) = at {
            self.epoch.set(at.epoch);
            self.seq.set(at.seq);
        }
        self.fresh.set(i64::from(fresh));
        self.followers
            .set(i64::try_from(followers).unwrap_or(i64::MAX));
    }

    /// How the connections to the database stand now.
    pub fn measure_database(&self, db: &Db) {
        let (open, idle) = db.connections();
        let busy = i64::from(open) - idle;
        for (state, count) in [("idle", idle), ("in_use", busy.max(0))] {
            self.connections
                .get_or_create(&OfState { state })
                .set(count);
        }
    }

    /// All of it as text, in the form of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing into memory does not fail; half an answer would be taken for a whole one.
            Err(_) => String::new(),
        }
    }

    fn answered(&self, method: &Method, route: Option<&MatchedPath>, status: StatusCode) {
        let asked = Asked {
            method: name(method),
            // The route, not the path: a caller must not be able to make up labels.
            route: route.map_or("-", MatchedPath::as_str).to_owned(),
            status: class(status),
        };
        self.requests.get_or_create(&asked).inc();
    }
}

/// Methods that a route may have; whatever else somebody makes up is one.
const fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

/// Counts a request and how it was answered.
pub(crate) async fn request(
    State(authority): State<Arc<Authority>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let metrics = authority.metrics();
    metrics.answered(&method, route.as_ref(), response.status());
    metrics.answered.observe(began.elapsed().as_secs_f64());
    response
}
