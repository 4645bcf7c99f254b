//! `/v1/tenants/{tenant}/scanners`: whose scans a tenant believes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mcps_core::json::Document;
use mcps_core::key::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Asked, OfTenant, Operator, Strict, may};
use super::foreseen::Foreseen;
use super::orders::How;
use super::reports::FormatName;
use super::view::{Jwk, raw_text};
use crate::error::Error;
use crate::levels::{OPERATOR, Scanner, ScannerError};
use crate::problem::Problem;
use crate::report::Format;
use crate::subject::{Name, Note};

/// A scanner to be believed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScannerRequest {
    /// What to call it. `operator` is what operators say or bring unsigned: it is there from the beginning,
    /// has neither key nor formats, and may come back after it was revoked.
    name: Name,
    /// The key that signs its reports.
    #[serde(default)]
    #[schema(value_type = Option<Jwk>)]
    public_key: Option<Box<RawValue>>,
    /// In what it may report.
    #[serde(default)]
    #[schema(max_items = 16)]
    formats: Vec<FormatName>,
}

/// A scanner that a tenant believes, or did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScannerView {
    /// Its name in the tenant.
    name: String,
    /// `active` or `revoked`.
    state: &'static str,
    /// RFC 7638 thumbprint of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// The key that signs its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Jwk>)]
    public_key: Option<Box<RawValue>>,
    /// In what it may report.
    formats: Vec<&'static str>,
    /// Since when it is on the list; missing for `operator` while nobody changed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    added_at: Option<String>,
    /// Who put it there.
    added_by: String,
    /// When it was revoked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The scanners of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScannersView {
    /// By name, the revoked ones too.
    scanners: Vec<ScannerView>,
}

/// Why it is revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeScanner {
    /// For people, in the trail.
    #[serde(default)]
    reason: Option<Note>,
}

/// What came of revoking a scanner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScannerRevoked {
    /// Its name.
    name: String,
    /// How many levels fell with it; each is an event of the feed.
    fallen: usize,
}

impl TryFrom<Scanner> for ScannerView {
    type Error = Error;

    fn try_from(scanner: Scanner) -> Result<Self, Error> {
        let key = scanner.key.as_ref();
        let jwk = key.map(|key| raw_text(&key.to_jwk())).transpose()?;
        Ok(Self {
            state: if scanner.active { "active" } else { "revoked" },
            key_id: key.map(|key| key.key_id().to_string()),
            public_key: jwk,
            formats: scanner.formats.into_iter().map(Format::as_str).collect(),
            name: scanner.name,
            added_at: Some(scanner.added_at.to_string()),
            added_by: scanner.added_by,
            revoked_at: scanner.revoked_at.map(|at| at.to_string()),
            revoked_by: scanner.revoked_by,
            reason: scanner.reason,
        })
    }
}

impl ScannerView {
    /// As it is before anybody changed it.
    fn operator() -> Self {
        Self {
            name: OPERATOR.to_owned(),
            state: "active",
            key_id: None,
            public_key: None,
            formats: Vec::new(),
            added_at: None,
            added_by: "authority".to_owned(),
            revoked_at: None,
            revoked_by: None,
            reason: None,
        }
    }
}

/// Have a tenant believe a scanner
///
/// From now on its signed reports count for L3. A name or key that was revoked does not come back.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/scanners", operation_id = "add_scanner", tag = "trust",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id"), How),
    request_body = ScannerRequest,
    responses(
        (status = CREATED, body = Foreseen<ScannerView>),
        (status = OK, body = Foreseen<ScannerView>, description = "A dry run"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    operator: Operator<may::Manage>,
    OfTenant(tenant): OfTenant,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<ScannerRequest>,
) -> Result<(StatusCode, Json<Foreseen<ScannerView>>), Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let key = asked.public_key.map(|jwk| {
        let (member, why) = ("public_key", "must be a P-256 public key as a JWK");
        let document = Document::parse(jwk.get())?;
        PublicKey::from_jwk(document.root()).map_err(|_| Error::Invalid { member, why })
    });
    let mut formats: Vec<Format> = asked.formats.into_iter().map(Format::from).collect();
    formats.sort_unstable();
    formats.dedup();
    let new = Scanner {
        name: asked.name.into_string(),
        key: key.transpose()?,
        formats,
        active: true,
        added_at: authority.now(),
        added_by: operator.id.clone(),
        revoked_at: None,
        revoked_by: None,
        reason: None,
    };
    let db = operator.db(&authority).rehearsing(how.is_dry_run());
    db.add_scanner(&tenant, &new).await?;
    let status = match how.is_dry_run() {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Foreseen::of(new.try_into()?, how)))
}

/// List whose scans a tenant believes, and did
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/scanners", operation_id = "list_scanners", tag = "trust",
    security(("operator" = [])),
    params(("tenant" = String, Path, description = "The tenant's id")),
    responses(
        (status = OK, body = ScannersView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    OfTenant(tenant): OfTenant,
    State(authority): State<Shared>,
) -> Result<Json<ScannersView>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let found = operator.db(&authority).scanners(&tenant).await?.into_iter();
    let views = found.map(ScannerView::try_from);
    let mut scanners = views.collect::<Result<Vec<_>, _>>()?;
    if !scanners.iter().any(|one| one.name == OPERATOR) {
        scanners.insert(0, ScannerView::operator());
    }
    Ok(Json(ScannersView { scanners }))
}

/// Revoke a scanner
///
/// All that leans on it is void at once: what passed by it raises nobody any more, and what it found
/// stands. Every level that falls is told in the same transaction. Again, it changes nothing.
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/scanners/{scanner}/revoke", operation_id = "revoke_scanner", tag = "trust",
    security(("operator" = [])),
    params(
        ("tenant" = String, Path, description = "The tenant's id"),
        ("scanner" = String, Path, description = "Its name", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length = 128),
        How,
    ),
    request_body = RevokeScanner,
    responses(
        (status = OK, body = Foreseen<ScannerRevoked>),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    operator: Operator<may::Manage>,
    OfTenant(tenant): OfTenant,
    path: Path<(String, String)>,
    Asked(how): Asked<How>,
    State(authority): State<Shared>,
    Strict(asked): Strict<RevokeScanner>,
) -> Result<Json<Foreseen<ScannerRevoked>>, Error> {
    operator.over(&tenant, Error::TenantNotFound)?;
    let Path((_, name)) = path;
    let name = Name::try_from(name).map_err(|_| ScannerError::Unknown)?;
    let reason = asked.reason.map(Note::into_string);
    let (name, dry_run) = (name.into_string(), how.is_dry_run());
    let fallen = authority.revoke_scanner(&tenant, &name, reason.as_deref(), &operator.id, dry_run);
    let fallen = fallen.await?;
    if !dry_run {
        tracing::warn!(tenant, scanner = name, fallen, "a scanner is revoked");
    }
    Ok(Foreseen::of(ScannerRevoked { name, fallen }, how))
}
