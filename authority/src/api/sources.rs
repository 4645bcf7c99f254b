//! `/v1/sources`: who may report incidents, how they prove themselves, and what they may do.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use mcps_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Asked, Named, Operator, Report, Strict};
use super::foreseen::Foreseen;
use super::hooks::{Reported, reported};
use super::orders::How;
use super::view::raw_text;
use crate::error::Error;
use crate::hooks::adapter::Adapter;
use crate::hooks::authentication::Authentication;
use crate::hooks::mapping::Mapping;
use crate::hooks::poll::Poll;
use crate::hooks::secrets::Wish;
use crate::hooks::{Ceiling, Hook, PER_HOUR, ProfileError, REACH};
use crate::incidents::read_and_take;
use crate::problem::Problem;
use crate::store::PollRecord;
use crate::subject::{Name, Tenant};

/// How a source proves that a report is its own.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scheme {
    /// Standard Webhooks by an ed25519 key: give `public_key`.
    Ed25519,
    /// Standard Webhooks by a shared secret: give `secret`, or have one made.
    Hmac,
    /// PagerDuty's signature: give the subscription's `secret`.
    Pagerduty,
    /// Grafana's signature with its timestamp: give `secret`, or have one made.
    Grafana,
    /// Security event tokens: give `jwks`, `issuer` and `audience`.
    Tokens,
    /// A client certificate that the authority's `--client-ca` vouches for: give `certificate` or `san`.
    Mtls,
    /// A bearer token, which is made and shown once.
    Bearer,
    /// An address that nobody guesses, which is made and shown once.
    Url,
}

impl Scheme {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Hmac => "hmac",
            Self::Pagerduty => "pagerduty",
            Self::Grafana => "grafana",
            Self::Tokens => "tokens",
            Self::Mtls => "mtls",
            Self::Bearer => "bearer",
            Self::Url => "url",
        }
    }
}

/// A source as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceOrder {
    /// What its reports look like; our own form, or that of `mapping`, unless stated.
    #[serde(default)]
    adapter: Adapter,
    /// How it proves itself.
    authentication: Scheme,
    /// Of `ed25519`: `whpk_` and base64 of 32 bytes.
    #[serde(default)]
    public_key: Option<String>,
    /// Of `hmac` (`whsec_…`), `pagerduty` and `grafana`.
    #[serde(default)]
    secret: Option<String>,
    /// Of `tokens`: the key set that the transmitter publishes (RFC 7517).
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Box<RawValue>>,
    /// Of `tokens`: `iss` of every token.
    #[serde(default)]
    issuer: Option<String>,
    /// Of `tokens`: what `aud` of every token names.
    #[serde(default)]
    audience: Option<String>,
    /// Of `tokens`, where the transmitter does not push them: its address for polling (RFC 8936).
    #[serde(default)]
    #[schema(max_length = 2048)]
    poll_url: Option<String>,
    /// The bearer token that is shown there.
    #[serde(default)]
    #[schema(max_length = 4096)]
    poll_token: Option<String>,
    /// Of `mtls`: the certificate that it shows, in PEM.
    #[serde(default)]
    certificate: Option<String>,
    /// Of `mtls`: a URI or DNS name of the certificates that it shows.
    #[serde(default)]
    #[schema(max_length = 256)]
    san: Option<String>,
    /// The most that it may do; whatever asks for more gets this.
    ceiling: Ceiling,
    /// The only tenant that it reaches; all unless stated.
    #[serde(default)]
    tenant: Option<Tenant>,
    /// How many subjects one alert may reach; what reaches more is proposed.
    #[serde(default = "reach")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    reach: i64,
    /// How many subjects the alerts of an hour may reach; what reaches more is proposed.
    #[serde(default = "per_hour")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    per_hour: i64,
    /// How long its suspensions last, in seconds; until they are reinstated unless stated.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 31_536_000)]
    suspend_s: Option<u64>,
    /// How its reports are read, where that differs from the adapter: docs/incidents.md.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    mapping: Option<Box<RawValue>>,
}

const fn reach() -> i64 {
    REACH
}

const fn per_hour() -> i64 {
    PER_HOUR
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceView {
    /// Its name.
    source: String,
    /// What its reports look like.
    adapter: Adapter,
    /// How it proves itself.
    authentication: &'static str,
    /// Of `mtls`: whose certificate, `sha256:…` or `san:…`.
    presents: Option<String>,
    /// The most that it may do.
    ceiling: Ceiling,
    /// The only tenant that it reaches.
    tenant: Option<String>,
    /// How many subjects one alert may reach.
    reach: i64,
    /// How many subjects the alerts of an hour may reach.
    per_hour: i64,
    /// How long its suspensions last, in seconds.
    suspend_s: Option<u64>,
    /// What its mapping changes of the adapter's.
    #[schema(value_type = Option<Object>)]
    mapping: Option<Box<RawValue>>,
    /// Where its tokens are fetched, and how that goes.
    poll: Option<PollView>,
    /// Since when nothing of it is believed.
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
    /// Where its reports go, below this authority's address; without the secret part of one.
    path: String,
    /// The secret that was made for it, in this answer alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// How a source is polled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PollView {
    /// Where.
    url: String,
    /// When it was last answered.
    #[schema(format = DateTime)]
    polled_at: Option<String>,
    /// How often it has failed since.
    failures: i64,
    /// Why.
    last_error: Option<String>,
}

impl PollView {
    fn new(poll: &Poll) -> Self {
        Self {
            url: poll.url().to_owned(),
            polled_at: None,
            failures: 0,
            last_error: None,
        }
    }
}

impl SourceView {
    /// With how polling goes.
    fn polled(self, records: &[PollRecord]) -> Self {
        let record = records.iter().find(|record| record.name == self.source);
        let poll = self.poll.map(|poll| match record {
            Some(record) => PollView {
                polled_at: record
                    .polled_at
                    .map(|at| Timestamp::from_millis(at).to_string()),
                failures: record.poll_failures,
                last_error: record.poll_error.clone(),
                ..poll
            },
            None => poll,
        });
        Self { poll, ..self }
    }

    fn new(hook: Hook, secret: Option<String>) -> Self {
        let mapping = hook.mapping.as_ref().map(Mapping::text);
        Self {
            path: format!("/v1/hooks/{}", hook.name),
            adapter: hook.adapter,
            authentication: hook.authentication.scheme(),
            presents: match &hook.authentication {
                Authentication::Certificate(proof) => Some(proof.text()),
                _ => None,
            },
            ceiling: hook.ceiling,
            tenant: hook.tenant,
            reach: hook.reach,
            per_hour: hook.per_hour,
            suspend_s: hook.suspend_for.map(|length| length.as_secs()),
            mapping: mapping.and_then(|text| raw_text(&text).ok()),
            poll: hook.poll.as_ref().map(PollView::new),
            disabled_at: hook.disabled_at.map(|at| at.to_string()),
            source: hook.name,
            secret,
        }
    }
}

/// Every source, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sources {
    /// The sources.
    sources: Vec<SourceView>,
}

/// List who may report incidents
#[utoipa::path(
    get, path = "/v1/sources", operation_id = "list_sources", tag = "incidents",
    security(("operator" = [])),
    responses(
        (status = OK, body = Sources),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Operator,
    State(authority): State<Shared>,
) -> Result<Json<Sources>, Error> {
    let polls = authority.db().polls().await?;
    let hooks = authority.db().hooks().await?.into_iter();
    let sources = hooks.map(|hook| SourceView::new(hook, None).polled(&polls));
    let sources = sources.collect();
    Ok(Json(Sources { sources }))
}

/// Look at one source
#[utoipa::path(
    get, path = "/v1/sources/{name}", operation_id = "show_source", tag = "incidents",
    security(("operator" = [])),
    params(("name" = String, Path, description = "The source's name")),
    responses(
        (status = OK, body = SourceView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    _: Operator,
    State(authority): State<Shared>,
    Named(name): Named,
) -> Result<Json<SourceView>, Error> {
    let hook = find(&authority, &name).await?;
    let polls = authority.db().polls().await?;
    Ok(Json(SourceView::new(hook, None).polled(&polls)))
}

async fn find(authority: &Shared, name: &str) -> Result<Hook, Error> {
    authority.db().hook(name).await?.ok_or(Error::HookNotFound)
}

/// Add a source, or change the one of that name
///
/// Refused where its authentication does not bear what it may do. The secret of the one before is good
/// for nothing any more.
#[utoipa::path(
    put, path = "/v1/sources/{name}", operation_id = "set_source", tag = "incidents",
    security(("operator" = [])),
    params(("name" = String, Path, description = "The source's name, the last part of its URL"), How),
    request_body = SourceOrder,
    responses(
        (status = OK, body = Foreseen<SourceView>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set(
    operator: Operator,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(name): Named,
    Strict(order): Strict<SourceOrder>,
) -> Result<Json<Foreseen<SourceView>>, Error> {
    let name = Name::try_from(name).map_err(|why| Error::Invalid {
        member: "name",
        why,
    })?;
    let transmitter = order.jwks.as_ref().map(|jwks| {
        let (issuer, audience) = (&order.issuer, &order.audience);
        serde_json::json!({"issuer": issuer, "audience": audience, "jwks": jwks}).to_string()
    });
    let wish = Wish {
        scheme: order.authentication.as_str().to_owned(),
        public_key: order.public_key,
        secret: order.secret,
        transmitter,
        certificate: order.certificate,
        san: order.san,
    };
    let (authentication, secret) = wish.grant(authority.random())?;
    let mapping = order.mapping.map(|mapping| Mapping::parse(mapping.get()));
    let mapping = mapping.transpose().map_err(ProfileError::from)?;
    let poll = match (order.poll_url, order.poll_token) {
        (Some(url), Some(token)) => {
            let poll = Poll::new(url, &token).map_err(ProfileError::from)?;
            authority.outbound().check(poll.url()).await?;
            Some(poll)
        }
        (None, None) => None,
        _ => {
            let (member, why) = ("poll_token", "and `poll_url` belong together");
            return Err(Error::Invalid { member, why });
        }
    };
    let hook = Hook {
        name: name.into_string(),
        adapter: order.adapter,
        authentication,
        ceiling: order.ceiling,
        tenant: order.tenant.map(Tenant::into_string),
        reach: order.reach,
        per_hour: order.per_hour,
        suspend_for: order.suspend_s.map(Duration::from_secs),
        mapping,
        poll,
        disabled_at: None,
    };
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    db.set_hook(&hook, &operator.id, now).await?;
    let secret = secret.filter(|_| !how.is_dry_run());
    Ok(Foreseen::of(SourceView::new(hook, secret), how))
}

/// Have nothing of a source believed any more
#[utoipa::path(
    post, path = "/v1/sources/{name}/disable", operation_id = "disable_source", tag = "incidents",
    security(("operator" = [])),
    params(("name" = String, Path, description = "The source's name"), How),
    responses(
        (status = OK, body = Foreseen<SourceView>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn disable(
    operator: Operator,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(name): Named,
) -> Result<Json<Foreseen<SourceView>>, Error> {
    switch(&authority, &operator, &name, (true, how)).await
}

/// Have a source believed again
#[utoipa::path(
    post, path = "/v1/sources/{name}/enable", operation_id = "enable_source", tag = "incidents",
    security(("operator" = [])),
    params(("name" = String, Path, description = "The source's name"), How),
    responses(
        (status = OK, body = Foreseen<SourceView>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enable(
    operator: Operator,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(name): Named,
) -> Result<Json<Foreseen<SourceView>>, Error> {
    switch(&authority, &operator, &name, (false, how)).await
}

async fn switch(
    authority: &Shared,
    operator: &Operator,
    name: &str,
    (disabled, how): (bool, How),
) -> Result<Json<Foreseen<SourceView>>, Error> {
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    let changed = db.disable_hook(name, disabled, &operator.id, now).await?;
    if !changed {
        return Err(Error::HookNotFound);
    }
    let mut hook = find(authority, name).await?;
    if how.is_dry_run() {
        hook.disabled_at = disabled.then(|| hook.disabled_at.unwrap_or(now));
    }
    Ok(Foreseen::of(SourceView::new(hook, None), how))
}

/// Say what would be made of a report
///
/// The body is a report as its sender would send it, or the claims of a token; it takes the same path,
/// but for the proof, and nothing is done.
#[utoipa::path(
    post, path = "/v1/sources/{name}/test", operation_id = "test_source", tag = "incidents",
    security(("operator" = [])),
    params(("name" = String, Path, description = "The source's name")),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = OK, body = Reported),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn test(
    _: Operator,
    State(authority): State<Shared>,
    Named(name): Named,
    Report(body): Report,
) -> Result<Json<Reported>, Error> {
    let hook = find(&authority, &name).await?;
    let taken = read_and_take(&authority, &hook, (None, body.to_vec()), true).await?;
    Ok(Json(reported(taken, true)))
}
