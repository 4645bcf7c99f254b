//! Shared Signals: what there is to know of us as a transmitter, and tokens for those who fetch them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Named, Strict, bearer};
use crate::error::Error;
use crate::problem::Problem;
use crate::signals::issuing::{HOLD, Telling, UNTOLD};
use crate::webhooks::{Endpoint, Form};

/// Most tokens in one answer.
const MOST: i64 = 100;
/// Most tokens that one request may answer for.
const ANSWERED: usize = 200;
/// How often it is looked for news while somebody waits.
const LOOK: Duration = Duration::from_millis(500);
/// Most of what a receiver says of a token that is kept.
const KEPT: usize = 200;

/// What we are as a transmitter (OpenID Shared Signals Framework 1.0 §6.1).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Configuration {
    /// The framework's version.
    spec_version: &'static str,
    /// `iss` of every token.
    issuer: String,
    /// The keys that tokens are verified with.
    jwks_uri: String,
    /// Pushed (RFC 8935) and fetched (RFC 8936).
    delivery_methods_supported: [&'static str; 2],
    /// A receiver is told of every subject that its stream is for.
    default_subjects: &'static str,
    /// How who fetches proves itself.
    authorization_schemes: [Scheme; 1],
}

/// How somebody proves itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Scheme {
    /// By a bearer token (RFC 6750).
    spec_urn: &'static str,
}

/// What a receiver asks for, and what became of what it was given (RFC 8936 §2.2).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fetch {
    /// At most so many tokens; none for who only acknowledges.
    #[serde(default)]
    max_events: Option<u32>,
    /// Whether to answer now, whatever there is; else after 8 seconds at most. Two requests of an endpoint
    /// may wait at once; any other is answered now.
    #[serde(default)]
    return_immediately: bool,
    /// Tokens that were taken, by `jti`.
    #[serde(default)]
    ack: Vec<String>,
    /// Tokens that were refused, by `jti`, and why.
    #[serde(default)]
    set_errs: BTreeMap<String, SetError>,
}

/// Why a token was refused.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SetError {
    /// A registered code, as `invalid_issuer`.
    err: String,
    /// In words.
    #[serde(default)]
    description: String,
}

/// Tokens (RFC 8936 §2.3).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fetched {
    /// By `jti`.
    sets: BTreeMap<String, String>,
    /// Whether there are more now.
    more_available: bool,
}

/// An endpoint that fetches, by the token it shows.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) id: String,
    audience: String,
}

impl FromRequestParts<Shared> for Receiver {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, authority: &Shared) -> Result<Self, Error> {
        const NOBODY: Error = Error::ReceiverUnknown;
        // Its budget was looked for before.
        if let Some(found) = parts.extensions.remove::<Self>() {
            return Ok(found);
        }
        let shown = Digest::of(bearer(parts).ok_or(NOBODY)?.as_bytes());
        let Ok(Named(id)) = Named::from_request_parts(parts, authority).await;
        let endpoint = authority.db().webhook(&id).await?;
        let Some(Endpoint {
            id,
            form: Form::Poll { audience, token },
            disabled_at: None,
            ..
        }) = endpoint
        else {
            return Err(NOBODY);
        };
        // Digests are compared in the same time whatever they are.
        let own = shown.is_same(&token);
        own.then_some(Self { id, audience }).ok_or(NOBODY)
    }
}

/// What we are as a transmitter of Shared Signals
#[utoipa::path(
    get, path = "/.well-known/ssf-configuration", operation_id = "ssf_configuration", tag = "webhooks",
    responses((status = OK, body = Configuration))
)]
pub(super) async fn configuration(State(authority): State<Shared>) -> Json<Configuration> {
    let issuer = authority.tokens().issuer().to_owned();
    Json(Configuration {
        spec_version: "1_0",
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
        delivery_methods_supported: ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
        default_subjects: "ALL",
        authorization_schemes: [Scheme {
            spec_urn: "urn:ietf:rfc:6750",
        }],
    })
}

/// Fetch security event tokens
///
/// By the bearer token that was shown when the endpoint was added (RFC 8936). A token comes again until
/// it is acknowledged or refused; what is not within 7 days is a dead letter.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/poll", operation_id = "fetch_tokens", tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id", pattern = "^wh_[0-9a-f]{32}$")),
    request_body = Fetch,
    responses(
        (status = OK, body = Fetched),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn fetch(
    receiver: Receiver,
    State(authority): State<Shared>,
    Strict(asked): Strict<Fetch>,
) -> Result<Json<Fetched>, Error> {
    if asked.ack.len() + asked.set_errs.len() > ANSWERED {
        let (member, why) = ("ack", "and `setErrs` have more than 200 tokens together");
        return Err(Error::Invalid { member, why });
    }
    // No message has it in its id, and PostgreSQL takes no text with it.
    let sound = |id: &String| !id.contains('\0');
    let taken: Vec<String> = asked.ack.into_iter().filter(sound).collect();
    let refused = asked.set_errs.into_iter().filter(|(id, _)| sound(id));
    let refused: Vec<_> = refused.map(|(id, error)| (id, error.words())).collect();
    let (db, now) = (authority.db(), authority.now());
    db.answered_for(&receiver.id, &taken, &refused, now).await?;
    let most = asked.max_events.map_or(MOST, |most| MOST.min(most.into()));
    if most == 0 {
        return given(&authority, &receiver, 0).await.map(Json);
    }
    let until = Instant::now() + HOLD;
    let held = match asked.return_immediately {
        true => None,
        false => authority.tokens().hold(&receiver.id),
    };
    loop {
        let fetched = given(&authority, &receiver, most).await?;
        let over = Instant::now() >= until || authority.feed().is_stopping();
        if !fetched.sets.is_empty() || held.is_none() || over {
            return Ok(Json(fetched));
        }
        sleep(LOOK).await;
    }
}

/// The tokens that wait, at most so many.
async fn given(authority: &Shared, receiver: &Receiver, most: i64) -> Result<Fetched, Error> {
    let (db, id) = (authority.db(), receiver.id.as_str());
    let mut waiting = db.waiting(id, most + 1).await?;
    let most = usize::try_from(most).unwrap_or_default();
    let more_available = waiting.len() > most;
    waiting.truncate(most);
    let (mut sets, mut untold) = (BTreeMap::new(), Vec::new());
    for one in waiting {
        let token = authority.tokens().token(Telling {
            id: &one.message_id,
            stream: id,
            audience: &receiver.audience,
            at: Timestamp::from_millis(one.created_at),
            body: &one.body,
        })?;
        match token {
            Some(token) => sets.extend([(one.message_id, token)]),
            // Nobody else is to wait behind it.
            None => untold.push((one.message_id, UNTOLD.to_owned())),
        }
    }
    db.answered_for(id, &[], &untold, authority.now()).await?;
    let ids: Vec<&str> = sets.keys().map(String::as_str).collect();
    db.given_out(id, &ids).await?;
    Ok(Fetched {
        sets,
        more_available,
    })
}

impl SetError {
    /// For the operator: what a receiver says is not believed to be of any form.
    fn words(&self) -> String {
        let words = format!("{}: {}", self.err, self.description);
        let printed = words.chars().filter(|one| !one.is_control());
        printed.take(KEPT).collect()
    }
}
