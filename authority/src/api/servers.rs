//! `/v1/servers`: which servers there are, and who answers for them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::random::hex16;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, IfMatch, Once, Operator, Server, Strict, may};
use super::page::Page;
use crate::cursor::Listing;
use crate::error::Error;
use crate::problem::Problem;
use crate::registry::{ServerId, ServerState};
use crate::store::{
    ManifestSummary, NewServer, RefusedManifest, ServerChange, ServerFilter, ServerRecord,
};
use crate::subject::{Name, Origin, Owner, Tenant};

/// Most attempts that are shown with a server.
const SHOWN_REFUSALS: i64 = 20;

/// What is registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerRequest {
    /// The tenant; `default` unless stated.
    #[serde(default)]
    tenant: Tenant,
    /// The server's name, as in its passports: one server of that name in a tenant.
    name: Name,
    /// Where it lives, as in its passports; absent for one over stdio.
    #[serde(default)]
    origin: Option<Origin>,
    /// Who answers for it, as in its passports.
    owner: Owner,
}

/// Whether a server takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateView {
    /// It may publish manifests.
    Active,
    /// It may not, until an operator says so.
    Disabled,
    /// It never will again; its name and origin are free for another.
    Retired,
}

impl From<ServerState> for StateView {
    fn from(state: ServerState) -> Self {
        match state {
            ServerState::Active => Self::Active,
            ServerState::Disabled => Self::Disabled,
            ServerState::Retired => Self::Retired,
        }
    }
}

impl From<StateView> for ServerState {
    fn from(state: StateView) -> Self {
        match state {
            StateView::Active => Self::Active,
            StateView::Disabled => Self::Disabled,
            StateView::Retired => Self::Retired,
        }
    }
}

/// What is changed of a server.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerPatch {
    /// Another state.
    #[serde(default)]
    state: Option<StateView>,
    /// Another owner. Its passports have to name that one from then on.
    #[serde(default)]
    owner: Option<Owner>,
}

/// Which servers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only of this tenant.
    tenant: Option<Tenant>,
    /// Only of this name.
    name: Option<Name>,
    /// Only of this owner.
    owner: Option<Owner>,
    /// Only in this state.
    #[param(inline)]
    state: Option<StateView>,
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A registered server.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerView {
    /// Its id, for good.
    #[schema(pattern = "^srv_[0-9a-f]{32}$")]
    server_id: String,
    /// The tenant.
    tenant: String,
    /// Its name.
    name: String,
    /// Where it lives.
    origin: Option<String>,
    /// Who answers for it.
    owner: String,
    /// Whether it takes part.
    state: StateView,
    /// Counts its changes; quoted it is the `etag`.
    revision: i64,
    /// How many manifests it has published.
    manifests: i64,
    /// When it was registered.
    #[schema(format = DateTime)]
    added_at: String,
    /// By which operator.
    added_by: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    changed_at: String,
    /// By which operator.
    changed_by: String,
}

impl From<ServerRecord> for ServerView {
    fn from(record: ServerRecord) -> Self {
        Self {
            server_id: record.id.to_string(),
            tenant: record.tenant,
            name: record.name,
            origin: record.origin,
            owner: record.owner,
            state: record.state.into(),
            revision: record.revision,
            manifests: record.manifests,
            added_at: record.added_at.to_string(),
            added_by: record.added_by,
            changed_at: record.changed_at.to_string(),
            changed_by: record.changed_by,
        }
    }
}

/// A manifest in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestEntry {
    /// The version.
    pub(super) version: String,
    /// In the order of publication, from 1; the newest is the current one.
    pub(super) number: i64,
    /// SHA-256 of what it says, in hex.
    pub(super) digest: String,
    /// How many tools it names.
    pub(super) tools: i64,
    /// The passport whose key signed it.
    pub(super) passport_id: String,
    /// When.
    #[schema(format = DateTime)]
    pub(super) published_at: String,
}

impl From<ManifestSummary> for ManifestEntry {
    fn from(summary: ManifestSummary) -> Self {
        Self {
            version: summary.version,
            number: summary.number,
            digest: summary.digest,
            tools: summary.tool_count,
            passport_id: summary.passport_id,
            published_at: Timestamp::from_millis(summary.published_at).to_string(),
        }
    }
}

/// Something else that was said under a version that was published before.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusalView {
    /// The version.
    version: String,
    /// SHA-256 of what was said, in hex.
    digest: String,
    /// The passport whose key signed it.
    passport_id: String,
    /// For the first time.
    #[schema(format = DateTime)]
    first_at: String,
    /// And the last.
    #[schema(format = DateTime)]
    last_at: String,
    /// How often.
    times: i64,
}

impl From<RefusedManifest> for RefusalView {
    fn from(refused: RefusedManifest) -> Self {
        Self {
            version: refused.version,
            digest: refused.digest,
            passport_id: refused.passport_id,
            first_at: Timestamp::from_millis(refused.first_at).to_string(),
            last_at: Timestamp::from_millis(refused.last_at).to_string(),
            times: refused.times,
        }
    }
}

/// A server, its current manifest, and what was refused under its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerShown {
    /// The server.
    server: ServerView,
    /// The newest manifest.
    current: Option<ManifestEntry>,
    /// Attempts to say something else under a published version, the newest first; at most 20.
    refused: Vec<RefusalView>,
}

/// One page of servers, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerPage {
    /// The servers.
    servers: Vec<ServerView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

fn with_etag(record: ServerRecord) -> impl IntoResponse {
    let etag = format!("\"{}\"", record.revision);
    ([(header::ETAG, etag)], Json(ServerView::from(record)))
}

/// Register a server
///
/// With an `Idempotency-Key` the same order again is answered with the server that it made.
#[utoipa::path(
    post, path = "/v1/servers", operation_id = "add_server", tag = "registry",
    security(("operator" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "The same for every repetition of one order")),
    request_body = ServerRequest,
    responses(
        (status = CREATED, body = ServerView, headers(("etag" = String), ("location" = String))),
        (status = OK, body = ServerView, description = "Made by the same order before"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    operator: Operator<may::Manage>,
    Once(once): Once,
    State(authority): State<Shared>,
    Strict(asked): Strict<ServerRequest>,
) -> Result<impl IntoResponse, Error> {
    operator.over(asked.tenant.as_str(), Error::TenantNotFound)?;
    let random = authority.random();
    let parts = [
        asked.tenant.as_str(),
        asked.name.as_str(),
        asked.origin.as_ref().map_or("", Origin::as_str),
        asked.owner.as_str(),
    ];
    let new = NewServer {
        id: ServerId::generate(random)?,
        // None of them has a line end.
        body: Digest::of(parts.join("\n").as_bytes()),
        once: once.map_or_else(|| hex16(random), Ok)?,
        tenant: asked.tenant.into_string(),
        name: asked.name.into_string(),
        origin: asked.origin.map(Origin::into_string),
        owner: asked.owner.into_string(),
        at: authority.now(),
        by: operator.id.clone(),
    };
    let (record, fresh) = operator.db(&authority).add_server(&new).await?;
    let status = if fresh {
        tracing::info!(
            server_id = record.id.as_str(),
            "server {} registered",
            record.name
        );
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = [(header::LOCATION, format!("/v1/servers/{}", record.id))];
    Ok((status, location, with_etag(record)))
}

/// List servers
///
/// Newest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/servers", operation_id = "list_servers", tag = "registry",
    security(("operator" = [])),
    params(ListQuery),
    responses(
        (status = OK, body = ServerPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<ServerPage>, Error> {
    let state = asked.state.map(ServerState::from);
    let tenant = asked.tenant.map(Tenant::into_string).unwrap_or_default();
    let name = asked.name.map(Name::into_string).unwrap_or_default();
    let owner = asked.owner.map(Owner::into_string).unwrap_or_default();
    // None of them has control characters.
    let asked_for = format!(
        "{tenant}\n{name}\n{owner}\n{}\n{}",
        state.map_or("", ServerState::as_str),
        operator.tenants().filter()
    );
    let listing = Listing {
        list: "servers",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, asked.limit, asked.cursor.as_deref())?;
    let filter = ServerFilter {
        tenants: operator.tenants().clone(),
        tenant,
        name,
        owner,
        state,
        after: ServerId::parse(page.after()),
        limit: page.rows(),
    };
    let mut records = operator.db(&authority).servers(&filter).await?;
    let next_cursor = page.cut(&authority, &mut records, |record| record.id.as_str())?;
    Ok(Json(ServerPage {
        servers: records.into_iter().map(ServerView::from).collect(),
        next_cursor,
    }))
}

/// Show a server
///
/// With its current manifest, and with what was refused under its published versions.
#[utoipa::path(
    get, path = "/v1/servers/{id}", operation_id = "show_server", tag = "registry",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = ServerShown, headers(("etag" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    Server(id): Server,
    State(authority): State<Shared>,
) -> Result<impl IntoResponse, Error> {
    let store = operator.db(&authority);
    let record = store.server(&id).await?.ok_or(Error::ServerNotFound)?;
    operator.over(&record.tenant, Error::ServerNotFound)?;
    let current = store.manifests(&id, i64::MAX, 1).await?.pop();
    let refused = store.refused_manifests(&id, SHOWN_REFUSALS).await?;
    let etag = format!("\"{}\"", record.revision);
    let shown = ServerShown {
        server: record.into(),
        current: current.map(ManifestEntry::from),
        refused: refused.into_iter().map(RefusalView::from).collect(),
    };
    Ok(([(header::ETAG, etag)], Json(shown)))
}

/// Change state or owner of a server
///
/// `If-Match` says which revision is meant. A retired server stays as it is.
#[utoipa::path(
    patch, path = "/v1/servers/{id}", operation_id = "change_server", tag = "registry",
    security(("operator" = [])),
    params(
        ("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$"),
        ("if-match" = String, Header, description = "The `etag` of what is changed, or `*`"),
    ),
    request_body = ServerPatch,
    responses(
        (status = OK, body = ServerView, headers(("etag" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PRECONDITION_FAILED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = PRECONDITION_REQUIRED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    operator: Operator<may::Manage>,
    Server(id): Server,
    IfMatch(expected): IfMatch,
    State(authority): State<Shared>,
    Strict(asked): Strict<ServerPatch>,
) -> Result<impl IntoResponse, Error> {
    let known = operator.db(&authority).server(&id).await?;
    let known = known.ok_or(Error::ServerNotFound)?;
    operator.over(&known.tenant, Error::ServerNotFound)?;
    let change = ServerChange {
        state: asked.state.map(ServerState::from),
        owner: asked.owner.map(Owner::into_string),
        expected,
        at: authority.now(),
        by: operator.id.clone(),
    };
    let policy = authority.policy();
    let (record, told) = operator
        .db(&authority)
        .change_server(&id, &change, policy)
        .await?;
    authority.told(&told);
    let (revision, state) = (record.revision, record.state.as_str());
    tracing::info!(
        server_id = id.as_str(),
        revision,
        state,
        "server {id} is {state}"
    );
    Ok(with_etag(record))
}
