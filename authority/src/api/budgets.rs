//! Which requests are counted, and against whose budget.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

use super::Shared;
use super::caller::principal;
use super::signals::Receiver;
use crate::budget::{Budget, Caller, seconds};
use crate::error::Error;
use crate::listener::Peer;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What issues, or prepares to.
const ISSUE: [&str; 5] = [
    "/v1/challenges",
    "/v1/passports",
    "/v1/passports/{id}/renew",
    "/v1/passports/{id}/rotate",
    "/v1/enrolment-tokens",
];
/// What cuts off, or takes that back.
const ORDER: [&str; 21] = [
    "/v1/revocations",
    "/v1/suspensions",
    "/v1/stops",
    "/v1/reinstatements",
    "/v1/actions/{id}/undo",
    "/v1/passports/{id}/revoke",
    "/v1/enrolment-tokens/{id}/withdraw",
    "/v1/key-compromises",
    "/v1/hooks/{source}",
    "/v1/hooks/{source}/{address}",
    "/v1/inbox/{id}/approve",
    "/v1/inbox/{id}/dismiss",
    "/v1/inbox/{id}/undo",
    "/v1/authority-keys/{kid}/taint",
    "/v1/authority-keys/{kid}/revoke",
    "/v1/tenants/{tenant}/verdicts",
    "/v1/tenants/{tenant}/disable",
    "/v1/tenants/{tenant}/scanners/{scanner}/revoke",
    "/v1/approver-keys/{kid}/revoke",
    "/v1/operators/{id}/disable",
    "/v1/sources/{name}/disable",
];
/// What fetches tokens.
const FETCH: &str = "/v1/webhooks/{id}/poll";

/// Lets through what is within the caller's budget for requests of its kind, and says how much is
/// left.
pub(super) async fn within_budget(
    State(authority): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let Some(budget) = budget(&authority, &request) else {
        return next.run(request).await;
    };
    let (caller, request) = match caller(&authority, request).await {
        Ok(told) => told,
        Err(error) => return error.into_response(),
    };
    let spent = budget.spend(caller, Instant::now());
    let mut response = match spent.allowed {
        true => next.run(request).await,
        false => Error::RateLimited {
            wait_s: seconds(spent.wait),
        }
        .into_response(),
    };
    let headers = [(POLICY, budget.policy()), (LIMIT, budget.state(spent))];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Says of every operation that is counted what comes of too many.
pub(super) fn document(api: &mut OpenApi) {
    for route in ISSUE.iter().chain(&ORDER).chain([&FETCH]) {
        let item = api.paths.paths.get_mut(*route);
        let Some(operation) = item.and_then(|item| item.post.as_mut()) else {
            continue;
        };
        let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
        let refused = ResponseBuilder::new()
            .description(
                "More than the caller's budget allows; `retry-after` says how long to wait",
            )
            .content("application/problem+json", problem.build());
        let responses = &mut operation.responses.responses;
        responses.insert("429".to_owned(), RefOr::T(refused.build()));
    }
}

fn budget<'a>(authority: &'a Shared, request: &Request) -> Option<&'a Budget> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    if request.method() != Method::POST {
        None
    } else if ISSUE.contains(&route) {
        Some(authority.issue_budget())
    } else if ORDER.contains(&route) {
        Some(authority.order_budget())
    } else if route == FETCH {
        Some(authority.fetch_budget())
    } else {
        None
    }
}

/// Whose budget it is: that of an operator whose key is good, or of a webhook whose token is shown, else
/// that of the address it comes from. Whoever makes keys up pays for all of them.
async fn caller(authority: &Shared, request: Request) -> Result<(Caller, Request), Error> {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>();
    let known = match route.is_some_and(|route| route.as_str() == FETCH) {
        true => receiver(authority, &mut parts).await?,
        false => operator(authority, &mut parts).await?,
    };
    let caller = known.unwrap_or_else(|| {
        let from = parts.extensions.get::<ConnectInfo<Peer>>();
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Caller::at(from.map_or(unknown, |ConnectInfo(peer)| peer.from.ip()))
    });
    Ok((caller, Request::from_parts(parts, body)))
}

async fn operator(authority: &Shared, parts: &mut Parts) -> Result<Option<Caller>, Error> {
    let found = match principal(parts, authority).await {
        // Said by the handler, and counted here: whoever makes tokens up pays for them.
        Err(Error::Oidc(_)) => None,
        found => found?,
    };
    Ok(found.map(|principal| {
        let caller = Caller::Operator(principal.id.clone());
        // The handler need not look again.
        parts.extensions.insert(principal);
        caller
    }))
}

async fn receiver(authority: &Shared, parts: &mut Parts) -> Result<Option<Caller>, Error> {
    match Receiver::from_request_parts(parts, authority).await {
        Ok(receiver) => {
            let caller = Caller::Receiver(receiver.id.clone());
            parts.extensions.insert(receiver);
            Ok(Some(caller))
        }
        Err(Error::ReceiverUnknown) => Ok(None),
        Err(error) => Err(error),
    }
}
