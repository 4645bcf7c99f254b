//! `/v1/enrolment-tokens`: the right to one passport, for whoever will have the key.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mcps_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Operator, Strict, may};
use super::issue::capabilities;
use super::page::Page;
use super::view::SubjectKind;
use crate::cursor::Listing;
use crate::enrolment::{EnrolmentToken, Grant, Named, level, validity};
use crate::error::Error;
use crate::issue::life;
use crate::problem::Problem;
use crate::store::{NewToken, TokenRecord, TokenState};
use crate::subject::{Capability, Name, Origin, Owner, Tenant};

/// What the token is to entitle to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// The tenant; `default` unless stated.
    #[serde(default)]
    tenant: Tenant,
    /// What kind of subject.
    kind: SubjectKind,
    /// The subject's name; either this or `name_prefix`.
    #[serde(default)]
    name: Option<Name>,
    /// What the subject's name has to begin with.
    #[serde(default)]
    name_prefix: Option<Name>,
    /// Who answers for it.
    owner: Owner,
    /// What the subject may say that it can do.
    #[serde(default)]
    #[schema(max_items = 64)]
    capabilities: Vec<Capability>,
    /// Where it lives.
    #[serde(default)]
    origin: Option<Origin>,
    /// The highest level it may have stated: 1 unless stated; 3 and 4 need evidence.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2, default = 1)]
    trust_level: Option<i64>,
    /// The longest life of its passport in seconds: an hour for agents, a day for servers and
    /// gateways unless stated.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 7776000)]
    ttl_s: Option<i64>,
    /// How long the token may be redeemed, in seconds: ten minutes unless stated.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604800, default = 600)]
    valid_for_s: Option<i64>,
}

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenStanding {
    /// May be redeemed.
    Open,
    /// Was redeemed.
    Used,
    /// Was not redeemed in time.
    Lapsed,
    /// An operator took it back.
    Withdrawn,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    /// `enr_` and 32 hex digits.
    #[schema(pattern = "^enr_[0-9a-f]{32}$")]
    token_id: String,
    /// Where it stands.
    status: TokenStanding,
    /// The tenant.
    tenant: String,
    /// What kind of subject.
    kind: SubjectKind,
    /// The subject's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What the subject's name has to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_prefix: Option<String>,
    /// Who answers for it.
    owner: String,
    /// What the subject may say that it can do.
    capabilities: Vec<String>,
    /// Where it lives.
    origin: Option<String>,
    /// The highest level it may have stated.
    #[schema(minimum = 0, maximum = 2)]
    trust_level: u8,
    /// The longest life of its passport, in seconds.
    ttl_s: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// By which operator.
    created_by: String,
    /// Until when it may be redeemed.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When it was redeemed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    used_at: Option<String>,
    /// For which passport.
    #[serde(skip_serializing_if = "Option::is_none")]
    passport_id: Option<String>,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    withdrawn_at: Option<String>,
}

impl TokenView {
    fn new(record: TokenRecord, now: Timestamp) -> Self {
        let status = match record.state(now) {
            TokenState::Open => TokenStanding::Open,
            TokenState::Used => TokenStanding::Used,
            TokenState::Lapsed => TokenStanding::Lapsed,
            TokenState::Withdrawn => TokenStanding::Withdrawn,
        };
        let grant = record.grant;
        let (name, name_prefix) = match grant.named {
            Named::Exactly(name) => (Some(name), None),
            Named::Beginning(prefix) => (None, Some(prefix)),
        };
        Self {
            token_id: record.id,
            status,
            tenant: grant.tenant,
            kind: grant.kind.into(),
            name,
            name_prefix,
            owner: grant.owner,
            capabilities: grant.capabilities,
            origin: grant.origin,
            trust_level: grant.trust_level.number(),
            ttl_s: grant.life.as_secs(),
            created_at: record.created_at.to_string(),
            created_by: record.created_by,
            expires_at: record.expires_at.to_string(),
            used_at: record.used_at.map(|at| at.to_string()),
            passport_id: record.passport_id,
            withdrawn_at: record.withdrawn_at.map(|at| at.to_string()),
        }
    }
}

/// A new token. Nobody can show it again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewTokenView {
    /// The token: to be presented as `authorization: Bearer mcps_et_…` to `POST /v1/passports`.
    #[schema(pattern = "^mcps_et_[A-Za-z0-9_-]{43}$")]
    token: String,
    /// Where it stands, and what it entitles to.
    #[serde(flatten)]
    view: TokenView,
}

/// One page of tokens, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tokens {
    /// The tokens.
    tokens: Vec<TokenView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which tokens to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTokens {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Make an enrolment token
///
/// Whoever has it gets one passport without an operator, exactly once, and nothing beyond what is
/// stated here. Only its SHA-256 is kept.
#[utoipa::path(
    post, path = "/v1/enrolment-tokens", operation_id = "create_enrolment_token", tag = "enrolment",
    security(("operator" = [])),
    request_body = TokenRequest,
    responses(
        (status = CREATED, body = NewTokenView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    operator: Operator<may::Issue>,
    State(authority): State<Shared>,
    Strict(asked): Strict<TokenRequest>,
) -> Result<(StatusCode, Json<NewTokenView>), Error> {
    operator.over(asked.tenant.as_str(), Error::TenantNotFound)?;
    let named = match (asked.name, asked.name_prefix) {
        (Some(name), None) => Named::Exactly(name.into_string()),
        (None, Some(prefix)) => Named::Beginning(prefix.into_string()),
        _ => {
            return Err(Error::Invalid {
                member: "name",
                why: "or else `name_prefix` must be stated, and not both",
            });
        }
    };
    let kind = asked.kind.into();
    let grant = Grant {
        tenant: asked.tenant.into_string(),
        kind,
        named,
        owner: asked.owner.into_string(),
        capabilities: capabilities(asked.capabilities)?,
        origin: asked.origin.map(Origin::into_string),
        trust_level: level(asked.trust_level)?,
        life: life(kind, asked.ttl_s)?,
    };
    let validity = validity(asked.valid_for_s)?;
    let (now, random) = (authority.now(), authority.random());
    let token = EnrolmentToken::generate(random)?;
    let new = NewToken::new(&token, grant, &operator.id, (now, validity), random)?;
    operator.db(&authority).add_token(&new).await?;
    tracing::info!(token_id = new.id, "enrolment token {} made", new.id);
    let record = TokenRecord {
        id: new.id,
        grant: new.grant,
        created_at: new.created_at,
        created_by: new.created_by,
        expires_at: new.expires_at,
        used_at: None,
        passport_id: None,
        withdrawn_at: None,
    };
    let view = NewTokenView {
        token: token.reveal().to_owned(),
        view: TokenView::new(record, now),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// List enrolment tokens
#[utoipa::path(
    get, path = "/v1/enrolment-tokens", operation_id = "list_enrolment_tokens", tag = "enrolment",
    security(("operator" = [])),
    params(ListTokens),
    responses(
        (status = OK, body = Tokens),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListTokens>,
) -> Result<Json<Tokens>, Error> {
    let asked_for = operator.tenants().filter();
    let listing = Listing {
        list: "enrolment-tokens",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, asked.limit, asked.cursor.as_deref())?;
    let now = authority.now();
    let (db, tenants) = (operator.db(&authority), operator.tenants());
    let mut records = db.tokens(tenants, page.after(), page.rows()).await?;
    let next_cursor = page.cut(&authority, &mut records, |record| &record.id)?;
    let tokens = records.into_iter();
    let tokens = tokens.map(|record| TokenView::new(record, now)).collect();
    Ok(Json(Tokens {
        tokens,
        next_cursor,
    }))
}

/// Withdraw an enrolment token
///
/// Nobody redeems it any more. What it was used for before stays: revoke that passport.
#[utoipa::path(
    post, path = "/v1/enrolment-tokens/{id}/withdraw", operation_id = "withdraw_enrolment_token", tag = "enrolment",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The token's id", pattern = "^enr_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = TokenView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn withdraw(
    operator: Operator<may::Withdraw>,
    State(authority): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, Error> {
    let known = operator.db(&authority).token(&id).await?;
    let known = known.ok_or(Error::TokenNotFound)?;
    operator.over(&known.grant.tenant, Error::TokenNotFound)?;
    let now = authority.now();
    let record = operator
        .db(&authority)
        .withdraw_token(&id, &operator.id, now)
        .await?;
    let record = record.ok_or(Error::TokenNotFound)?;
    if let Some(passport) = record.passport_id {
        return Err(Error::TokenUsed { passport });
    }
    tracing::info!(token_id = id, "enrolment token {id} withdrawn");
    Ok(Json(TokenView::new(record, now)))
}
