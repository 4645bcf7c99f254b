//! `/v1/servers/{id}/manifests`: which tools each version of a server may show, signed by the server.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mcps_core::digest::Digest;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use mcps_core::terminal::printable_json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Definitions, Operator, Server, may};
use super::page;
use super::servers::ManifestEntry;
use super::view::{JsonText, raw_text};
use crate::error::Error;
use crate::problem::Problem;
use crate::registry::diff::{self, ChangedTool, ManifestDiff, Tool};
use crate::registry::{Published, ServerId, live_publisher};
use crate::store::{ManifestRecord, Publication};
use crate::subject::ManifestVersion;

/// A manifest to be published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishRequest {
    /// The live passport of the server, whose key signed what follows.
    passport_id: String,
    /// `{server, tools: [{name, hash}], version, signature}`, as docs/registry.md has it.
    #[schema(value_type = Object)]
    manifest: Box<RawValue>,
    /// Every tool that the manifest names, each with its signature in `_meta`.
    #[schema(value_type = Vec<Object>)]
    tools: Vec<Box<RawValue>>,
}

/// A published manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestShown {
    /// The server's id.
    server_id: String,
    /// What lists say of it.
    #[serde(flatten)]
    entry: ManifestEntry,
    /// The manifest, byte for byte as it was signed.
    #[schema(value_type = Object)]
    manifest: Box<RawValue>,
    /// `{tools: […]}`: the tools, byte for byte as they were signed, in the order of their names.
    #[schema(value_type = Object)]
    definitions: Box<RawValue>,
}

impl TryFrom<ManifestRecord> for ManifestShown {
    type Error = Error;

    fn try_from(record: ManifestRecord) -> Result<Self, Error> {
        Ok(Self {
            server_id: record.server_id,
            entry: record.summary.into(),
            manifest: raw_text(&record.manifest)?,
            definitions: raw_text(&record.tools)?,
        })
    }
}

/// Which manifests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Only those before this number: that of the last one of the page before.
    #[param(minimum = 1)]
    before: Option<i64>,
}

/// Manifests of a server, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestPage {
    /// The manifests.
    manifests: Vec<ManifestEntry>,
}

/// Which two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// The version before.
    #[param(inline)]
    from: ManifestVersion,
    /// The version after.
    #[param(inline)]
    to: ManifestVersion,
    /// For programs, or for people.
    #[serde(default)]
    #[param(inline)]
    format: DiffFormat,
}

/// How a difference is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DiffFormat {
    /// As JSON.
    #[default]
    Json,
    /// As plain text.
    Text,
}

/// What changed between two versions. Characters that a terminal would obey or hide are escaped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DiffView {
    /// The server's id.
    server_id: String,
    /// The version before.
    from: ManifestEntry,
    /// The version after.
    to: ManifestEntry,
    /// Tools that were not there before.
    added: Vec<ToolView>,
    /// Tools that are not there any more.
    removed: Vec<ToolView>,
    /// Tools with another definition.
    changed: Vec<ChangedToolView>,
}

/// A tool on one side alone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToolView {
    /// Its name.
    name: String,
    /// SHA-256 of its definition.
    hash: String,
    /// Its definition.
    #[schema(value_type = Object)]
    definition: Box<RawValue>,
}

/// A tool on both sides.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedToolView {
    /// Its name.
    name: String,
    /// SHA-256 of its definition before.
    before: String,
    /// SHA-256 of its definition after.
    after: String,
    /// Member by member.
    changes: Vec<ChangeView>,
}

/// One member that is not as it was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeView {
    /// Where (RFC 6901): `/inputSchema/properties/path`. Empty is the whole definition.
    pointer: String,
    /// What stood there; absent when it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    before: Option<Box<RawValue>>,
    /// What stands there now; absent when it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    after: Option<Box<RawValue>>,
}

impl TryFrom<Tool> for ToolView {
    type Error = Error;

    fn try_from(tool: Tool) -> Result<Self, Error> {
        Ok(Self {
            name: tool.name,
            hash: tool.hash.to_string(),
            definition: raw_text(&tool.definition)?,
        })
    }
}

impl TryFrom<ChangedTool> for ChangedToolView {
    type Error = Error;

    fn try_from(tool: ChangedTool) -> Result<Self, Error> {
        let raw = |json: Option<String>| json.map(|json| raw_text(&json)).transpose();
        let changes = tool.changes.into_iter().map(|change| {
            Ok::<_, Error>(ChangeView {
                pointer: change.pointer,
                before: raw(change.before)?,
                after: raw(change.after)?,
            })
        });
        Ok(Self {
            name: tool.name,
            before: tool.before.to_string(),
            after: tool.after.to_string(),
            changes: changes.collect::<Result<_, _>>()?,
        })
    }
}

/// Publish a manifest
///
/// By the key of the server's own passport; no operator is needed. A version is published once: the
/// same content again is answered as the first time, other content is refused and recorded.
#[utoipa::path(
    post, path = "/v1/servers/{id}/manifests", operation_id = "publish_manifest", tag = "registry",
    params(("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$")),
    request_body = PublishRequest,
    responses(
        (status = CREATED, body = ManifestEntry),
        (status = OK, body = ManifestEntry, description = "Published before"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn publish(
    Server(id): Server,
    State(authority): State<Shared>,
    Definitions(asked): Definitions<PublishRequest>,
) -> Result<(StatusCode, Json<ManifestEntry>), Error> {
    let store = authority.db();
    let server = store.server(&id).await?.ok_or(Error::ServerNotFound)?;
    let passport_id = PassportId::parse(&asked.passport_id).ok_or(Error::PassportId)?;
    let publisher = live_publisher(&authority, &server, &passport_id).await?;
    let tools: Vec<&str> = asked.tools.iter().map(|tool| tool.get()).collect();
    let published = Published::verify(asked.manifest.get(), &tools, &publisher)?;
    let version = published.version.as_str();
    let policy = authority.policy();
    let (outcome, told) = store
        .publish(&id, &published, policy, authority.now())
        .await?;
    authority.told(&told);
    match outcome {
        Publication::Published(summary) => {
            authority.manifest_told();
            tracing::info!(
                server_id = id.as_str(),
                version,
                "manifest {version} published"
            );
            Ok((StatusCode::CREATED, Json(summary.into())))
        }
        Publication::Known(summary) => Ok((StatusCode::OK, Json(summary.into()))),
        Publication::OtherContent(known) => {
            let offered = published.digest.to_string();
            let (server_id, passport_id) = (id.as_str(), passport_id.as_str());
            tracing::warn!(
                server_id,
                version,
                passport_id,
                offered,
                "other content under version {version}, refused"
            );
            Err(Error::OtherContent {
                version: known.version,
                digest: known.digest,
            })
        }
    }
}

/// List the manifests of a server
///
/// Newest first. None is ever removed.
#[utoipa::path(
    get, path = "/v1/servers/{id}/manifests", operation_id = "list_manifests", tag = "registry",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$"), ListQuery),
    responses(
        (status = OK, body = ManifestPage),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    Server(id): Server,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<ManifestPage>, Error> {
    let limit = page::rows(asked.limit)?;
    let store = operator.db(&authority);
    let server = store.server(&id).await?.ok_or(Error::ServerNotFound)?;
    operator.over(&server.tenant, Error::ServerNotFound)?;
    let before = asked.before.unwrap_or(i64::MAX);
    let manifests = store.manifests(&id, before, limit).await?;
    Ok(Json(ManifestPage {
        manifests: manifests.into_iter().map(ManifestEntry::from).collect(),
    }))
}

/// Show one version of a server's manifest
#[utoipa::path(
    get, path = "/v1/servers/{id}/manifests/{version}", operation_id = "show_manifest", tag = "registry",
    security(("operator" = [])),
    params(
        ("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$"),
        ("version" = String, Path, description = "The version"),
    ),
    responses(
        (status = OK, body = ManifestShown),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    path: Path<(String, String)>,
    State(authority): State<Shared>,
) -> Result<Json<ManifestShown>, Error> {
    let Path((id, version)) = path;
    let id = ServerId::parse(&id).ok_or(Error::ServerId)?;
    let version = ManifestVersion::try_from(version).map_err(|_| Error::ManifestNotFound)?;
    Ok(Json(
        version_of(&operator, &authority, &id, &version)
            .await?
            .try_into()?,
    ))
}

/// Of a server of another tenant there are as few versions as of one that there is not.
async fn version_of(
    operator: &Operator<may::Look>,
    authority: &Shared,
    id: &ServerId,
    version: &ManifestVersion,
) -> Result<ManifestRecord, Error> {
    let server = operator.db(authority).server(id).await?;
    let server = server.ok_or(Error::ManifestNotFound)?;
    operator.over(&server.tenant, Error::ManifestNotFound)?;
    let found = operator
        .db(authority)
        .manifest(id, version.as_str())
        .await?;
    found.ok_or(Error::ManifestNotFound)
}

/// Get a manifest by the digest of what it says
///
/// Public, and the same for ever.
#[utoipa::path(
    get, path = "/v1/manifests/{digest}", operation_id = "manifest_by_digest", tag = "registry",
    params(("digest" = String, Path, description = "SHA-256 in hex", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = OK, body = ManifestShown, headers(("etag" = String), ("cache-control" = String))),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_digest(
    Path(digest): Path<String>,
    State(authority): State<Shared>,
) -> Result<impl IntoResponse, Error> {
    let digest = Digest::from_hex(&digest).ok_or(Error::ManifestNotFound)?;
    let found = authority.db().manifest_by_digest(&digest).await?;
    let shown = ManifestShown::try_from(found.ok_or(Error::ManifestNotFound)?)?;
    let headers = [
        (header::ETAG, format!("\"{digest}\"")),
        (
            header::CACHE_CONTROL,
            "public, max-age=31536000, immutable".to_owned(),
        ),
    ];
    Ok((headers, Json(shown)))
}

/// Say what changed between two versions
///
/// Which tools came, went or changed, and which member of each, with what stood there and what
/// stands there now.
#[utoipa::path(
    get, path = "/v1/servers/{id}/diff", operation_id = "diff_manifests", tag = "registry",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The server's id", pattern = "^srv_[0-9a-f]{32}$"), DiffQuery),
    responses(
        (status = OK, body = DiffView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn diff(
    operator: Operator<may::Look>,
    Server(id): Server,
    State(authority): State<Shared>,
    Asked(asked): Asked<DiffQuery>,
) -> Result<Response, Error> {
    let from = version_of(&operator, &authority, &id, &asked.from).await?;
    let to = version_of(&operator, &authority, &id, &asked.to).await?;
    let found = diff::manifests(&from.tools, &to.tools).map_err(Error::Stored)?;
    Ok(match asked.format {
        DiffFormat::Json => {
            let unreadable = |_| Error::Stored(Refusal::Passport("not JSON"));
            let json = serde_json::to_string(&view(from, to, found)?).map_err(unreadable)?;
            JsonText(printable_json(&json)).into_response()
        }
        DiffFormat::Text => {
            let text = found.to_text(&from.summary.version, &to.summary.version);
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            ([(header::CONTENT_TYPE, plain)], text).into_response()
        }
    })
}

fn view(from: ManifestRecord, to: ManifestRecord, found: ManifestDiff) -> Result<DiffView, Error> {
    let tools = |tools: Vec<Tool>| -> Result<Vec<ToolView>, Error> {
        tools.into_iter().map(ToolView::try_from).collect()
    };
    let changed = found.changed.into_iter().map(ChangedToolView::try_from);
    Ok(DiffView {
        server_id: to.server_id,
        from: from.summary.into(),
        to: to.summary.into(),
        added: tools(found.added)?,
        removed: tools(found.removed)?,
        changed: changed.collect::<Result<_, _>>()?,
    })
}
