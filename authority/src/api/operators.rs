//! `/v1/operators`: who may do what, and in which tenant.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Named, Operator, Strict, may};
use super::foreseen::Foreseen;
use super::orders::How;
use super::page::Page;
use crate::access::{Grant, Grants, MOST_GRANTS, NoGrant};
use crate::cursor::Listing;
use crate::error::Error;
use crate::operator_key::OperatorKey;
use crate::problem::Problem;
use crate::store::{Credential, NewOperator, OperatorShown};
use crate::subject::Note;

/// Longest name in a certificate.
const LONGEST_NAME: usize = 256;

/// A role, and where it is held: `responder@acme`, or `owner@*`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(
    value_type = String,
    pattern = "^(viewer|operator|issuer|responder|auditor|approver|owner)@([*]|[a-z0-9][a-z0-9-]{0,62})$",
    example = "responder@acme"
)]
pub(super) struct Held(Grant);

impl TryFrom<String> for Held {
    type Error = NoGrant;

    fn try_from(text: String) -> Result<Self, NoGrant> {
        text.parse().map(Self)
    }
}

/// An operator to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorRequest {
    /// For people: whom it is for.
    name: Note,
    /// What is held, each as `ROLE@TENANT`, or `ROLE@*` for every tenant. Roles are viewer, operator,
    /// issuer, responder, auditor, approver and owner.
    #[schema(min_items = 1, max_items = 64)]
    roles: Vec<Held>,
    /// Until when; for good unless stated.
    #[serde(default)]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// The name in the client certificate by which it proves itself, instead of by a key: a URI or DNS
    /// name that stands there as an alternative name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    certificate: Option<String>,
}

/// An operator.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatorView {
    /// `op_` and 32 hex digits; of one that a dry run would add there is none.
    #[schema(pattern = "^op_[0-9a-f]{32}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_id: Option<String>,
    /// For people.
    name: String,
    /// What is held: `ROLE@TENANT`.
    roles: Vec<String>,
    /// How it proves itself: `key`, `certificate` or `oidc`.
    credential: String,
    /// The name that somebody else vouches for; of a key there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    presents: Option<String>,
    /// Since when.
    #[schema(format = DateTime)]
    added_at: String,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_by: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Since when it may do nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    disabled_at: Option<String>,
}

impl From<OperatorShown> for OperatorView {
    fn from(shown: OperatorShown) -> Self {
        Self {
            operator_id: Some(shown.operator_id),
            name: shown.name,
            roles: shown.grants.iter().map(ToString::to_string).collect(),
            credential: shown.credential,
            presents: shown.presents,
            added_at: shown.created_at.to_string(),
            added_by: shown.added_by,
            expires_at: shown.expires_at.map(|at| at.to_string()),
            disabled_at: shown.disabled_at.map(|at| at.to_string()),
        }
    }
}

/// An operator with the key that only this answer shows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatorMade {
    /// The key, to be presented as `authorization: Bearer mcps_op_…`; none for who has a certificate, and none
    /// of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^mcps_op_[A-Za-z0-9_-]{43}$")]
    key: Option<String>,
    /// The operator.
    #[serde(flatten)]
    view: OperatorView,
}

/// One page of operators, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperatorPage {
    /// The operators.
    operators: Vec<OperatorView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which operators to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListOperators {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Add an operator
///
/// By an owner of every tenant in which it is to hold something. Only the SHA-256 of its key is kept.
#[utoipa::path(
    post, path = "/v1/operators", operation_id = "add_operator", tag = "access",
    security(("operator" = [])),
    params(How),
    request_body = OperatorRequest,
    responses(
        (status = CREATED, body = Foreseen<OperatorMade>, headers(("location" = String, description = "The operator's path"))),
        (status = OK, body = Foreseen<OperatorMade>, description = "A dry run"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    operator: Operator<may::Appoint>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<OperatorRequest>,
) -> Result<impl IntoResponse, Error> {
    let (now, random) = (authority.now(), authority.random());
    let grants = grants(asked.roles)?;
    for grant in grants.iter() {
        match grant.tenant() {
            "*" => operator.everywhere()?,
            tenant => operator.over(tenant, Error::TenantNotFound)?,
        }
    }
    let expires_at = asked.expires_at.as_deref().map(|text| until(text, now));
    let key = OperatorKey::generate(random)?;
    let name = asked.name.into_string();
    let mut new = NewOperator::new(&name, &key, random)?
        .holding(grants)
        .until(expires_at.transpose()?);
    let by_key = asked.certificate.is_none();
    if let Some(name) = asked.certificate {
        // Whoever is vouched for by a name may be anybody's; only who has everything says whose it is.
        operator.everywhere()?;
        new = new.presenting(certificate(name)?);
        if authority
            .db()
            .operator_by_key(&new.key_hash)
            .await?
            .is_some()
        {
            let taken =
                "an operator proves itself by that certificate already; see: mcps operator list";
            return Err(Error::OperatorUnchanged(taken));
        }
    }
    let db = authority.db().rehearsing(how.is_dry_run());
    db.add_operator(&new, &operator.id, now).await?;
    if how.is_dry_run() {
        let view = OperatorView {
            operator_id: None,
            ..new.shown(&operator.id, now).into()
        };
        let foreseen = Foreseen::of(OperatorMade { key: None, view }, how);
        return Ok((StatusCode::OK, foreseen).into_response());
    }
    let id = new.operator_id;
    tracing::info!(operator_id = id, "operator {id} added");
    let view = shown(&operator, &authority, &id).await?.into();
    let key = by_key.then(|| key.reveal().to_owned());
    let location = [(header::LOCATION, format!("/v1/operators/{id}"))];
    let made = Foreseen::of(OperatorMade { key, view }, how);
    Ok((StatusCode::CREATED, location, made).into_response())
}

/// List operators
///
/// Those all of whose roles are held in tenants of the caller's.
#[utoipa::path(
    get, path = "/v1/operators", operation_id = "list_operators", tag = "access",
    security(("operator" = [])),
    params(ListOperators),
    responses(
        (status = OK, body = OperatorPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Appoint>,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListOperators>,
) -> Result<Json<OperatorPage>, Error> {
    let asked_for = operator.tenants().filter();
    let listing = Listing {
        list: "operators",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, asked.limit, asked.cursor.as_deref())?;
    let (db, within) = (authority.db(), operator.tenants());
    let mut operators = db
        .operators(within, None, page.after(), page.rows())
        .await?;
    let next_cursor = page.cut(&authority, &mut operators, |shown| &shown.operator_id)?;
    Ok(Json(OperatorPage {
        operators: operators.into_iter().map(OperatorView::from).collect(),
        next_cursor,
    }))
}

/// Show an operator
#[utoipa::path(
    get, path = "/v1/operators/{id}", operation_id = "show_operator", tag = "access",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The operator's id", pattern = "^op_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = OperatorView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Appoint>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<OperatorView>, Error> {
    Ok(Json(shown(&operator, &authority, &id).await?.into()))
}

/// Disable an operator
///
/// For good: its key opens nothing from then on, nobody redeems an enrolment token that it made, and what it
/// approved counts no more; every level that falls with that is told in the same transaction.
#[utoipa::path(
    post, path = "/v1/operators/{id}/disable", operation_id = "disable_operator", tag = "access",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The operator's id", pattern = "^op_[0-9a-f]{32}$"), How),
    responses(
        (status = OK, body = Foreseen<OperatorView>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn disable(
    operator: Operator<may::Appoint>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<Foreseen<OperatorView>>, Error> {
    let known = shown(&operator, &authority, &id).await?;
    if known.operator_id == operator.id {
        let own = "nobody disables itself: another owner has to, so that one is left";
        return Err(Error::OperatorUnchanged(own));
    }
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    let policy = authority.policy();
    let ended = db.disable_operator(&known, policy, &operator.id, now);
    let fallen = ended.await?;
    if how.is_dry_run() {
        let disabled_at = known.disabled_at.or(Some(now));
        let view = OperatorShown {
            disabled_at,
            ..known
        };
        return Ok(Foreseen::of(view.into(), how));
    }
    if let Some(fallen) = fallen {
        tracing::info!(operator_id = id, "operator {id} disabled");
        for (_, told) in &fallen {
            authority.told(told);
        }
    }
    let view = shown(&operator, &authority, &id).await?.into();
    Ok(Foreseen::of(view, how))
}

/// Give an operator another key
///
/// The one before opens nothing from then on.
#[utoipa::path(
    post, path = "/v1/operators/{id}/rotate", operation_id = "rotate_operator", tag = "access",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The operator's id", pattern = "^op_[0-9a-f]{32}$"), How),
    responses(
        (status = OK, body = Foreseen<OperatorMade>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rotate(
    operator: Operator<may::Appoint>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Named(id): Named,
) -> Result<Json<Foreseen<OperatorMade>>, Error> {
    let known = shown(&operator, &authority, &id).await?;
    let key = OperatorKey::generate(authority.random())?;
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    if !db.rotate_operator(&known, &key, &operator.id, now).await? {
        let why = "it is disabled, or proves itself by something else than a key; add another";
        return Err(Error::OperatorUnchanged(why));
    }
    let mut made = OperatorMade {
        key: None,
        view: known.into(),
    };
    if !how.is_dry_run() {
        tracing::info!(operator_id = id, "operator {id} has another key");
        made.key = Some(key.reveal().to_owned());
    }
    Ok(Foreseen::of(made, how))
}

/// The operator of that id, if all that it holds is held in tenants of the caller's.
async fn shown(
    operator: &Operator<may::Appoint>,
    authority: &Shared,
    id: &str,
) -> Result<OperatorShown, Error> {
    if id.is_empty() {
        return Err(Error::OperatorNotFound);
    }
    let found = authority
        .db()
        .operators(operator.tenants(), Some(id), "", 1)
        .await?;
    found.into_iter().next().ok_or(Error::OperatorNotFound)
}

fn grants(roles: Vec<Held>) -> Result<Grants, Error> {
    let member = "roles";
    if roles.is_empty() || roles.len() > MOST_GRANTS {
        let why = "has 1 to 64 items, each as ROLE@TENANT: whoever holds nothing may do nothing";
        return Err(Error::Invalid { member, why });
    }
    Ok(Grants::new(roles.into_iter().map(|Held(grant)| grant)))
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let until = Timestamp::parse_rfc3339(text).filter(|until| *until > now);
    until.ok_or(Error::Invalid {
        member: "expires_at",
        why: "must be an instant to come: RFC 3339 in UTC, as 2026-11-21T12:00:00.000Z",
    })
}

fn certificate(name: String) -> Result<Credential, Error> {
    let sound = (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    sound
        .then_some(Credential::Certificate(name))
        .ok_or(Error::Invalid {
            member: "certificate",
            why: "is 1 to 256 bytes without control characters: a name as it stands in the certificate",
        })
}
