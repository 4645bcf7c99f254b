//! The life of the authority's own keys: `/v1/authority-keys`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::clock::Timestamp;
use mcps_core::trust::{KeyState, KeyUse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::extract::{AuthorityKeyId, Operator, Strict, may};
use crate::error::Error;
use crate::keys::{Changed, KeyOrder, SERVING, Step};
use crate::problem::Problem;
use crate::subject::Note;

/// What a key of the authority signs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UseView {
    /// Key sets.
    Root,
    /// Passports.
    Passport,
    /// Status answers.
    Status,
    /// Frames and snapshots of the feed.
    Feed,
    /// Records of what is changed.
    Audit,
}

impl From<UseView> for KeyUse {
    fn from(usage: UseView) -> Self {
        match usage {
            UseView::Root => Self::Root,
            UseView::Passport => Self::Passport,
            UseView::Status => Self::Status,
            UseView::Feed => Self::Feed,
            UseView::Audit => Self::Audit,
        }
    }
}

impl From<KeyUse> for UseView {
    fn from(usage: KeyUse) -> Self {
        match usage {
            KeyUse::Root => Self::Root,
            KeyUse::Passport => Self::Passport,
            KeyUse::Status => Self::Status,
            KeyUse::Feed => Self::Feed,
            KeyUse::Audit => Self::Audit,
        }
    }
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateView {
    /// Published; nothing it signs is good yet.
    Prepared,
    /// Signs, or will from `signs_from` on.
    Active,
    /// Signs no more; what it signed stays good.
    Tainted,
    /// Nothing it signed is good.
    Revoked,
}

impl From<KeyState> for StateView {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Prepared => Self::Prepared,
            KeyState::Active => Self::Active,
            KeyState::Tainted => Self::Tainted,
            KeyState::Revoked => Self::Revoked,
        }
    }
}

/// One key of the authority.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthorityKeyView {
    /// RFC 7638 thumbprint.
    kid: String,
    /// What it signs.
    #[serde(rename = "use")]
    usage: UseView,
    /// Where it stands.
    state: StateView,
    /// Whether it is the one that signs now; of root keys, the key set.
    signs: bool,
    /// Whether this replica has the private key of an active key; not said of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<bool>,
    /// Since when it stands there; not known of what the founding made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    since: Option<String>,
    /// From when on it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    signs_from: Option<String>,
    /// Who ordered that.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

/// The keys of the authority.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthorityKeys {
    /// The number of the key set.
    number: i64,
    /// Every key in it.
    keys: Vec<AuthorityKeyView>,
}

/// What is prepared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PrepareOrder {
    /// What it will sign. Of root keys, one at a time can be prepared.
    #[serde(rename = "use")]
    usage: UseView,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// How a key is activated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivateOrder {
    /// Whether it signs at once, though verifiers that have not fetched the key set yet refuse that
    /// for some minutes. Unless stated, it signs three minutes later.
    #[serde(default)]
    now: bool,
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// How a key is tainted or revoked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndOrder {
    /// In the operator's words; kept here, not told.
    #[serde(default)]
    note: Option<Note>,
}

/// Where a key stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedView {
    /// RFC 7638 thumbprint.
    kid: String,
    /// What it signs.
    #[serde(rename = "use")]
    usage: UseView,
    /// Where it stands.
    state: StateView,
    /// The number of the key set that says so.
    number: i64,
    /// From when on it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    signs_from: Option<String>,
    /// Whether the call changed anything; `false` when it was so already.
    changed: bool,
    /// The position of its event in the feed, `EPOCH:SEQ`.
    #[schema(example = "1:41")]
    position: Option<String>,
}

impl From<Changed> for ChangedView {
    fn from(changed: Changed) -> Self {
        Self {
            kid: changed.kid.to_string(),
            usage: changed.usage.into(),
            state: changed.state.into(),
            number: changed.number,
            signs_from: changed.signs_from.map(|from| from.to_string()),
            changed: changed.position.is_some(),
            position: changed.position.map(|at| at.cursor().to_string()),
        }
    }
}

/// List the authority's keys
#[utoipa::path(
    get, path = "/v1/authority-keys", operation_id = "authority_keys", tag = "keys",
    security(("operator" = [])),
    responses(
        (status = OK, body = AuthorityKeys),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    _: Operator<may::LookEverywhere>,
    State(authority): State<Shared>,
) -> Result<Json<AuthorityKeys>, Error> {
    authority.keys().refresh().await?;
    let changes = authority.db().key_changes().await?;
    let (ring, now) = (authority.keys().ring(), authority.now());
    let view = |key: &mcps_core::trust::TrustedKey| {
        let id = key.public_key.key_id();
        let last = changes.iter().rev().find(|change| change.kid == *id);
        let active = key.state == KeyState::Active && SERVING.contains(&key.usage);
        AuthorityKeyView {
            kid: id.to_string(),
            usage: key.usage.into(),
            state: key.state.into(),
            signs: match key.usage {
                KeyUse::Root => id == ring.bundle().signer(),
                usage => active && ring.signing(usage, now) == Some(id),
            },
            here: active.then(|| ring.has(key.usage, id)),
            since: last.map(|change| change.at.to_string()),
            signs_from: last
                .and_then(|change| change.signs_from)
                .map(|from: Timestamp| from.to_string()),
            by: last.map(|change| change.by.clone()),
        }
    };
    Ok(Json(AuthorityKeys {
        number: ring.bundle().number(),
        keys: ring.bundle().keys().iter().map(view).collect(),
    }))
}

/// Prepare a key
///
/// Makes it where this process keeps its keys and publishes it; it signs nothing yet. Each of these
/// routes needs the root key, and answers `root-key-elsewhere` where it is not.
#[utoipa::path(
    post, path = "/v1/authority-keys", operation_id = "prepare_authority_key", tag = "keys",
    security(("operator" = [])),
    request_body = PrepareOrder,
    responses(
        (status = CREATED, body = ChangedView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn prepare(
    operator: Operator<may::Own>,
    State(authority): State<Shared>,
    Strict(asked): Strict<PrepareOrder>,
) -> Result<(StatusCode, Json<ChangedView>), Error> {
    let step = Step::Prepare(asked.usage.into());
    let view = take(&authority, operator, step, asked.note).await?;
    Ok((StatusCode::CREATED, view))
}

/// Activate a prepared key
///
/// A root key takes over at once: the present root signs its word on the new one, which signs the key
/// set from then on, and the present one is tainted. Both must be in reach.
#[utoipa::path(
    post, path = "/v1/authority-keys/{kid}/activate", operation_id = "activate_authority_key",
    tag = "keys", security(("operator" = [])),
    params(("kid" = String, Path, description = "The key's id", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")),
    request_body = ActivateOrder,
    responses(
        (status = OK, body = ChangedView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn activate(
    operator: Operator<may::Own>,
    AuthorityKeyId(key): AuthorityKeyId,
    State(authority): State<Shared>,
    Strict(asked): Strict<ActivateOrder>,
) -> Result<Json<ChangedView>, Error> {
    let now = asked.now;
    take(
        &authority,
        operator,
        Step::Activate { key, now },
        asked.note,
    )
    .await
}

/// Taint a key that signs no more
///
/// What it signed stays good.
#[utoipa::path(
    post, path = "/v1/authority-keys/{kid}/taint", operation_id = "taint_authority_key",
    tag = "keys", security(("operator" = [])),
    params(("kid" = String, Path, description = "The key's id", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")),
    request_body = EndOrder,
    responses(
        (status = OK, body = ChangedView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn taint(
    operator: Operator<may::Own>,
    AuthorityKeyId(key): AuthorityKeyId,
    State(authority): State<Shared>,
    Strict(asked): Strict<EndOrder>,
) -> Result<Json<ChangedView>, Error> {
    take(&authority, operator, Step::Taint(key), asked.note).await
}

/// Revoke a key
///
/// Nothing that it signed is good any more: of a passport key, no passport that it issued. Of a root
/// key that gave way to another, its word on that one stays good.
#[utoipa::path(
    post, path = "/v1/authority-keys/{kid}/revoke", operation_id = "revoke_authority_key",
    tag = "keys", security(("operator" = [])),
    params(("kid" = String, Path, description = "The key's id", pattern = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")),
    request_body = EndOrder,
    responses(
        (status = OK, body = ChangedView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    operator: Operator<may::Own>,
    AuthorityKeyId(key): AuthorityKeyId,
    State(authority): State<Shared>,
    Strict(asked): Strict<EndOrder>,
) -> Result<Json<ChangedView>, Error> {
    take(&authority, operator, Step::Revoke(key), asked.note).await
}

async fn take(
    authority: &Shared,
    operator: Operator<may::Own>,
    step: Step,
    note: Option<Note>,
) -> Result<Json<ChangedView>, Error> {
    let order = KeyOrder {
        step,
        by: operator.id,
        note: note.map(Note::into_string),
    };
    let changed = authority.change_key(&order).await?;
    let (kid, usage, state) = (&changed.kid, changed.usage.as_str(), changed.state.as_str());
    tracing::info!(%kid, usage, state, number = changed.number, "{usage} key {kid} is {state}");
    Ok(Json(changed.into()))
}
