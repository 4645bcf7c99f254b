//! Approvals: signed by the approver, for a level and a time; and the keys they are signed by.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use mcps_core::approval::{Approval, ApproverKey as Stated};
use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::key::KeyId;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::evidence::EvidenceView;
use super::extract::{Asked, JsonBody, Named, OnFile, Operator, may};
use super::foreseen::Foreseen;
use super::orders::How;
use super::view::{Jwk, raw_text};
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{ApproverKey, NewApproval};

/// Most keys that are listed.
const SHOWN: i64 = 200;
/// Longest life of an approval: the longest that anything it is for counts.
const LONGEST: Duration = Duration::from_secs(180 * 24 * 3600);

/// What an approver signs, with `ctx: "mcps-approval-v1"`.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is used; mcps_core::approval reads it"
)]
pub(super) struct ApprovalRequest {
    /// This authority's name.
    authority: String,
    /// The id of the operator who signs.
    approver: String,
    /// The evidence that is approved.
    #[schema(pattern = "^ev_[0-9a-f]{64}$")]
    evidence_id: String,
    /// What it is for: 4 for an audit; for an exception the level whose requirement it waives.
    #[schema(minimum = 2, maximum = 4)]
    level: u8,
    /// Until when; at most 180 days.
    #[schema(format = DateTime)]
    valid_until: String,
    /// 64 bytes `r‖s`, padded base64.
    #[schema(min_length = 88, max_length = 88)]
    signature: String,
}

/// That a key is the approver's, signed by that key with `ctx: "mcps-approver-key-v1"`.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "only the schema is used; mcps_core::approval reads it"
)]
pub(super) struct ApproverKeyRequest {
    /// This authority's name.
    authority: String,
    /// The id of the operator whose key it is.
    approver: String,
    /// The key.
    public_key: Jwk,
    /// 64 bytes `r‖s`, padded base64.
    #[schema(min_length = 88, max_length = 88)]
    signature: String,
}

/// A key that approvals are signed by.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApproverKeyView {
    /// RFC 7638 thumbprint.
    key_id: String,
    /// Whose it is.
    operator_id: String,
    /// The key.
    #[schema(value_type = Jwk)]
    public_key: Box<RawValue>,
    /// Since when.
    #[schema(format = DateTime)]
    added_at: String,
    /// Since when no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Who revoked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
}

/// The keys that approvals are signed by.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApproverKeys {
    /// This authority's name, which approvals state.
    authority: String,
    /// The id of whoever asks, which approvals state.
    approver: String,
    /// The newest first; at most 200.
    keys: Vec<ApproverKeyView>,
}

/// What came of revoking a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApproverKeyRevoked {
    /// Its thumbprint.
    key_id: String,
    /// How many levels fell with it; each is an event of the feed.
    fallen: usize,
}

impl TryFrom<ApproverKey> for ApproverKeyView {
    type Error = Error;

    fn try_from(key: ApproverKey) -> Result<Self, Error> {
        Ok(Self {
            key_id: key.key.key_id().to_string(),
            operator_id: key.operator_id,
            public_key: raw_text(&key.key.to_jwk())?,
            added_at: key.added_at.to_string(),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            revoked_by: key.revoked_by,
        })
    }
}

/// Approve a piece of evidence
///
/// An audit counts once two operators approve who did not submit it, an exception once one does, each by a
/// key of their own. One that holds no longer than the one before changes nothing.
#[utoipa::path(
    post, path = "/v1/evidence/{id}/approvals", operation_id = "approve_evidence", tag = "trust",
    security(("operator" = [])),
    params(("id" = String, Path, description = "Its id", pattern = "^ev_[0-9a-f]{64}$")),
    request_body = ApprovalRequest,
    responses(
        (status = OK, body = EvidenceView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn approve(
    operator: Operator<may::Approve>,
    OnFile(id): OnFile,
    State(authority): State<Shared>,
    JsonBody(body): JsonBody,
) -> Result<Json<EvidenceView>, Error> {
    let store = operator.db(&authority);
    let found = store.evidence(&id).await?.ok_or(Error::EvidenceNotFound)?;
    operator.over(&found.content.subject.tenant, Error::EvidenceNotFound)?;
    if found.content.who == operator.id {
        return Err(Error::OwnEvidence);
    }
    let level = found.content.approved_for().ok_or(Error::NoApproval)?;
    let own = store.approver_key(&operator.id).await?;
    let own = own.ok_or(Error::ApproverKeyNotFound)?;
    let document = Document::parse(body)?;
    let said = Approval::verify(document.root(), &own.key).map_err(Error::Approval)?;
    let now = authority.now();
    let expected = Approval {
        authority: authority.name().to_owned(),
        approver: operator.id.clone(),
        evidence_id: id.as_str().to_owned(),
        level,
        valid_until: said.valid_until,
    };
    agrees(&said, &expected, now)?;
    let new = NewApproval {
        evidence: id,
        who: operator.id,
        key_id: own.key.key_id().clone(),
        valid_until: said.valid_until,
        statement: document.into_text(),
        at: now,
    };
    let told = store.approve_evidence(&new, authority.policy()).await?;
    authority.told(&told);
    let found = store.evidence(&new.evidence).await?;
    Ok(Json(found.ok_or(Error::EvidenceNotFound)?.into()))
}

/// Whether what was signed is what is approved.
fn agrees(said: &Approval, expected: &Approval, now: Timestamp) -> Result<(), Error> {
    let times = now < said.valid_until && said.valid_until <= now.plus(LONGEST);
    let members = [
        ("authority", said.authority == expected.authority),
        ("approver", said.approver == expected.approver),
        ("evidence_id", said.evidence_id == expected.evidence_id),
        ("level", said.level == expected.level),
        ("valid_until", times),
    ];
    match members.iter().find(|(_, same)| !same) {
        Some((member, _)) => Err(Error::OtherApproval(member)),
        None => Ok(()),
    }
}

/// Register the key to approve by
///
/// One at a time for each operator. The statement is signed by the key itself.
#[utoipa::path(
    post, path = "/v1/approver-keys", operation_id = "add_approver_key", tag = "trust",
    security(("operator" = [])),
    params(How),
    request_body = ApproverKeyRequest,
    responses(
        (status = CREATED, body = Foreseen<ApproverKeys>),
        (status = OK, body = Foreseen<ApproverKeys>, description = "A dry run"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add_key(
    operator: Operator<may::Approve>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    JsonBody(body): JsonBody,
) -> Result<(StatusCode, Json<Foreseen<ApproverKeys>>), Error> {
    let document = Document::parse(body)?;
    let said = Stated::verify(document.root()).map_err(Error::Approval)?;
    if said.authority != authority.name() {
        return Err(Error::OtherApproval("authority"));
    }
    if said.approver != operator.id {
        return Err(Error::OtherApproval("approver"));
    }
    let now = authority.now();
    let db = authority.db().rehearsing(how.is_dry_run());
    db.add_approver_key(&operator.id, &said.key, now).await?;
    let mut keys = keys(&authority, &operator).await?;
    if !how.is_dry_run() {
        return Ok((StatusCode::CREATED, Foreseen::of(keys, how)));
    }
    let new = ApproverKey {
        operator_id: operator.id,
        key: said.key,
        added_at: now,
        revoked_at: None,
        revoked_by: None,
    };
    let new = ApproverKeyView::try_from(new)?;
    if !keys.keys.iter().any(|known| known.key_id == new.key_id) {
        keys.keys.insert(0, new);
    }
    Ok((StatusCode::OK, Foreseen::of(keys, how)))
}

/// List the keys that approvals are signed by
///
/// And what an approver has to state: the authority's name and the operator's own id.
#[utoipa::path(
    get, path = "/v1/approver-keys", operation_id = "list_approver_keys", tag = "trust",
    security(("operator" = [])),
    responses(
        (status = OK, body = ApproverKeys),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list_keys(
    operator: Operator<may::Approve>,
    State(authority): State<Shared>,
) -> Result<Json<ApproverKeys>, Error> {
    Ok(Json(keys(&authority, &operator).await?))
}

async fn keys(
    authority: &Shared,
    operator: &Operator<may::Approve>,
) -> Result<ApproverKeys, Error> {
    // Keys are of no tenant: who approves in some sees its own.
    let everywhere = operator.tenants().is_all();
    let found = authority.db().approver_keys(SHOWN).await?.into_iter();
    let found = found.filter(|key| everywhere || key.operator_id == operator.id);
    let keys = found.map(ApproverKeyView::try_from);
    Ok(ApproverKeys {
        authority: authority.name().to_owned(),
        approver: operator.id.clone(),
        keys: keys.collect::<Result<_, _>>()?,
    })
}

/// Revoke a key that approvals are signed by
///
/// What was approved by it is void at once; every level that falls is told in the same transaction. Again,
/// it changes nothing.
#[utoipa::path(
    post, path = "/v1/approver-keys/{kid}/revoke", operation_id = "revoke_approver_key", tag = "trust",
    security(("operator" = [])),
    params(("kid" = String, Path, description = "Its thumbprint", min_length = 43, max_length = 43), How),
    responses(
        (status = OK, body = Foreseen<ApproverKeyRevoked>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke_key(
    operator: Operator<may::Approve>,
    Named(id): Named,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
) -> Result<Json<Foreseen<ApproverKeyRevoked>>, Error> {
    let id = KeyId::parse(&id).ok_or(Error::KeyId)?;
    let (store, now) = (authority.db(), authority.now());
    let own = store.approver_key(&operator.id).await?;
    if own.is_none_or(|own| *own.key.key_id() != id) {
        operator.everywhere()?;
    }
    let store = store.rehearsing(how.is_dry_run());
    let fallen = store.revoke_approver_key(&id, authority.policy(), &operator.id, now);
    let fallen = fallen.await?;
    for (_, told) in fallen.iter().filter(|_| !how.is_dry_run()) {
        authority.told(told);
    }
    let revoked = ApproverKeyRevoked {
        key_id: id.to_string(),
        fallen: fallen.len(),
    };
    Ok(Foreseen::of(revoked, how))
}
