//! `/v1/webhooks`: who is told of events, and what could not be delivered.

mod order;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::clock::Timestamp;
use mcps_core::random::hex16;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use order::WebhookOrder;

use super::Shared;
use super::extract::{Asked, Named, Operator, Strict};
use super::foreseen::Foreseen;
use super::orders::How;
use super::page::rows;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::DeliveryRecord;
use crate::subject::Tenant;
use crate::webhooks::{Endpoint, Form, Message};

/// How many of its newest deliveries are shown with an endpoint.
const SHOWN: i64 = 20;

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookView {
    /// `wh_` and 32 hex digits; of one that a dry run would add there is none.
    #[schema(pattern = "^wh_[0-9a-f]{32}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_id: Option<String>,
    /// Where messages are sent, or fetched.
    url: String,
    /// `standard` or `shared-signals`.
    form: &'static str,
    /// Whether tokens are fetched at `url`.
    polled: bool,
    /// `aud` of its tokens.
    audience: Option<String>,
    /// Only what is of this tenant.
    tenant: Option<String>,
    /// Only these types; all when there are none.
    events: Vec<String>,
    /// What they are signed with: `ed25519`, `hmac`, or `es256` by the authority's status key.
    signing: &'static str,
    /// What verifies them: `whpk_…`; of tokens a key of `/.well-known/jwks.json`.
    public_key: Option<String>,
    /// The secret that verifies them, `whsec_…`, or with which tokens are fetched; in the answer that adds
    /// it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Since when.
    #[schema(format = DateTime)]
    added_at: String,
    /// Since when it is told nothing, because it answered 410.
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
    /// Its newest deliveries, where one endpoint is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<Vec<DeliveryView>>,
}

/// A message to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// Its `webhook-id`, the same in every attempt.
    message_id: String,
    /// To whom.
    webhook_id: String,
    /// Its type.
    #[serde(rename = "type")]
    kind: String,
    /// When it was written.
    #[schema(format = DateTime)]
    at: String,
    /// `due`, `waiting` to be fetched, `sent` or `dead`.
    state: String,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// Why it was not taken the last time.
    last_error: Option<String>,
}

/// Every endpoint, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhooks {
    /// The endpoints.
    webhooks: Vec<WebhookView>,
}

/// What could not be delivered, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetters {
    /// The messages.
    dead_letters: Vec<DeliveryView>,
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Most {
    /// At most so many; 50 unless stated.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Which dead letters are tried again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayOrder {
    /// One message; all of the endpoint unless stated.
    #[serde(default)]
    #[schema(max_length = 128)]
    message_id: Option<String>,
}

/// How many are tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    /// So many.
    replayed: u64,
}

/// A message that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tested {
    /// Its `webhook-id`; what comes of it is among the endpoint's deliveries.
    message_id: String,
}

impl WebhookView {
    fn new(authority: &Shared, endpoint: Endpoint) -> Self {
        let (form, audience) = (endpoint.form.as_str(), endpoint.form.audience());
        let (audience, polled) = (
            audience.map(str::to_owned),
            matches!(endpoint.form, Form::Poll { .. }),
        );
        let issuer = authority.tokens().issuer();
        let (signing, public_key) = match &endpoint.form {
            Form::Standard(key) => (key.scheme(), key.public()),
            Form::Push { .. } | Form::Poll { .. } => ("es256", None),
        };
        Self {
            url: match polled {
                true => format!("{issuer}/v1/webhooks/{}/poll", endpoint.id),
                false => endpoint.url,
            },
            webhook_id: Some(endpoint.id),
            form,
            polled,
            audience,
            tenant: endpoint.tenant,
            events: endpoint.events,
            signing,
            public_key,
            secret: None,
            added_at: endpoint.added_at.to_string(),
            disabled_at: endpoint.disabled_at.map(|at| at.to_string()),
            deliveries: None,
        }
    }
}

impl From<DeliveryRecord> for DeliveryView {
    fn from(record: DeliveryRecord) -> Self {
        let instant = |ms| Timestamp::from_millis(ms).to_string();
        Self {
            message_id: record.message_id,
            webhook_id: record.webhook_id,
            kind: record.kind,
            at: instant(record.created_at),
            next_at: (record.state == "due").then(|| instant(record.next_at)),
            state: record.state,
            attempts: record.attempts,
            last_error: record.last_error,
        }
    }
}

/// List who is told of events
#[utoipa::path(
    get, path = "/v1/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    security(("operator" = [])),
    responses(
        (status = OK, body = Webhooks),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Operator,
    State(authority): State<Shared>,
) -> Result<Json<Webhooks>, Error> {
    let endpoints = authority.db().webhooks().await?.into_iter();
    let webhooks = endpoints
        .map(|one| WebhookView::new(&authority, one))
        .collect();
    Ok(Json(Webhooks { webhooks }))
}

/// Have an endpoint told of events
///
/// By Standard Webhooks 1.0.0, or as security event tokens that are pushed (RFC 8935) or fetched (RFC
/// 8936), from now on. The address is resolved now and at every delivery, and must be a public one each
/// time; no redirect is followed.
#[utoipa::path(
    post, path = "/v1/webhooks", operation_id = "add_webhook", tag = "webhooks",
    security(("operator" = [])),
    params(How),
    request_body = WebhookOrder,
    responses(
        (status = CREATED, body = Foreseen<WebhookView>),
        (status = OK, body = Foreseen<WebhookView>, description = "A dry run"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    operator: Operator,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(order): Strict<WebhookOrder>,
) -> Result<(StatusCode, Json<Foreseen<WebhookView>>), Error> {
    let events = order.told()?;
    let url = order.address()?;
    if let Some(url) = &url {
        authority.outbound().check(url).await?;
    }
    let id = format!("wh_{}", hex16(authority.random())?);
    let (form, secret) = order.made(&id, authority.random())?;
    let endpoint = Endpoint {
        id,
        url: url.unwrap_or_default(),
        tenant: order.tenant.map(Tenant::into_string),
        events,
        form,
        added_at: authority.now(),
        disabled_at: None,
    };
    let db = authority.db().rehearsing(how.is_dry_run());
    db.add_webhook(&endpoint, &operator.id).await?;
    if how.is_dry_run() {
        // Neither id nor key is that of the endpoint which there may be.
        let id = endpoint.id.clone();
        let without = |text: String| text.replace(&id, "wh_…");
        let view = WebhookView::new(&authority, endpoint);
        let view = WebhookView {
            webhook_id: None,
            public_key: None,
            url: without(view.url),
            audience: view.audience.map(without),
            ..view
        };
        return Ok((StatusCode::OK, Foreseen::of(view, how)));
    }
    let view = WebhookView {
        secret,
        ..WebhookView::new(&authority, endpoint)
    };
    Ok((StatusCode::CREATED, Foreseen::of(view, how)))
}

async fn find(authority: &Shared, id: &str) -> Result<Endpoint, Error> {
    let found = authority.db().webhook(id).await?;
    found.ok_or(Error::WebhookNotFound)
}

/// Look at one endpoint and its newest deliveries
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", operation_id = "show_webhook", tag = "webhooks",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The endpoint's id", pattern = "^wh_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = WebhookView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    _: Operator,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<WebhookView>, Error> {
    let endpoint = find(&authority, &id).await?;
    let newest = authority.db().deliveries(&id, SHOWN).await?;
    let deliveries = Some(newest.into_iter().map(DeliveryView::from).collect());
    Ok(Json(WebhookView {
        deliveries,
        ..WebhookView::new(&authority, endpoint)
    }))
}

/// Have an endpoint told nothing any more
///
/// What was still to be delivered to it goes with it.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", operation_id = "remove_webhook", tag = "webhooks",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The endpoint's id", pattern = "^wh_[0-9a-f]{32}$"), How),
    responses(
        (status = OK, body = Foreseen<WebhookView>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    operator: Operator,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<Foreseen<WebhookView>>, Error> {
    let endpoint = find(&authority, &id).await?;
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    let removed = db.remove_webhook(&id, &operator.id, now).await?;
    removed
        .then(|| Foreseen::of(WebhookView::new(&authority, endpoint), how))
        .ok_or(Error::WebhookNotFound)
}

/// Send an endpoint a message of type `test`
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The endpoint's id", pattern = "^wh_[0-9a-f]{32}$")),
    responses(
        (status = ACCEPTED, body = Tested),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn test(
    _: Operator,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<(StatusCode, Json<Tested>), Error> {
    let now = authority.now();
    let message_id = format!("tst_{}", hex16(authority.random())?);
    let message = Message::new(message_id.clone(), "test", None, now, "{}");
    let sent = authority.db().send_to(&id, &message, now).await?;
    let tested = sent.then_some(Tested { message_id });
    let tested = tested.ok_or(Error::WebhookNotFound)?;
    Ok((StatusCode::ACCEPTED, Json(tested)))
}

/// Have an endpoint's dead letters delivered after all
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", operation_id = "replay_webhook", tag = "webhooks",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The endpoint's id", pattern = "^wh_[0-9a-f]{32}$")),
    request_body = ReplayOrder,
    responses(
        (status = OK, body = Replayed),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replay(
    operator: Operator,
    State(authority): State<Shared>,
    Named(id): Named,
    Strict(order): Strict<ReplayOrder>,
) -> Result<Json<Replayed>, Error> {
    find(&authority, &id).await?;
    let (db, now) = (authority.db(), authority.now());
    let message = order.message_id.as_deref();
    let replayed = db.replay(&id, message, (&operator.id, now)).await?;
    Ok(Json(Replayed { replayed }))
}

/// List what could not be delivered
#[utoipa::path(
    get, path = "/v1/dead-letters", operation_id = "list_dead_letters", tag = "webhooks",
    security(("operator" = [])),
    params(Most),
    responses(
        (status = OK, body = DeadLetters),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn dead(
    _: Operator,
    State(authority): State<Shared>,
    Asked(most): Asked<Most>,
) -> Result<Json<DeadLetters>, Error> {
    let dead = authority.db().dead_letters(rows(most.limit)?).await?;
    let dead_letters = dead.into_iter().map(DeliveryView::from).collect();
    Ok(Json(DeadLetters { dead_letters }))
}
