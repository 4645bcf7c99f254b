//! Reports of scanners: taken in, and given back as they came.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::digest::Digest;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::evidence::{EvidenceView, instant};
use super::extract::{Asked, Known, OnFile, Operator, may, whole_body};
use super::view::{JsonText, SubjectKind};
use crate::error::Error;
use crate::levels::Evidence;
use crate::problem::Problem;
use crate::report::{Format, MAX_BYTES, Submission};

/// What a report may be written in.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FormatName {
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX with `vulnerabilities`.
    Cyclonedx,
    /// Cisco's `mcp-scanner --format raw`.
    McpScanner,
    /// `snyk-agent-scan scan --json`.
    SnykAgentScan,
    /// The in-toto predicate `vulns`, signed.
    InTotoVulns,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Sarif => Self::Sarif,
            FormatName::Cyclonedx => Self::CycloneDx,
            FormatName::McpScanner => Self::McpScanner,
            FormatName::SnykAgentScan => Self::SnykAgentScan,
            FormatName::InTotoVulns => Self::InTotoVulns,
        }
    }
}

/// What is said of a report beside it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// Digest of the manifest that was scanned, which must be the registered one. A signed report states
    /// it itself.
    #[param(pattern = "^[0-9a-f]{64}$")]
    manifest: Option<String>,
    /// What it is written in; found out unless stated.
    #[param(inline)]
    format: Option<FormatName>,
    /// When the scan was made. Where the report says so, the earlier of the two counts.
    #[param(format = DateTime)]
    observed_at: Option<String>,
    /// Until when it may be relied upon; as long as a scan counts unless stated.
    #[param(format = DateTime)]
    valid_until: Option<String>,
    /// Say what would be filed, by the same path, and file nothing.
    #[serde(default)]
    dry_run: bool,
}

/// The bytes of a report: any JSON, of at most 1 MiB.
#[derive(Debug)]
pub(super) struct ReportBody(Bytes);

impl FromRequest<Shared> for ReportBody {
    type Rejection = Error;

    async fn from_request(mut request: Request, authority: &Shared) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next());
        let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(Error::NotJson);
        }
        DefaultBodyLimit::max(MAX_BYTES).apply(&mut request);
        whole_body(request, authority, MAX_BYTES).await.map(Self)
    }
}

/// File a scanner's report as evidence
///
/// The body is the report as the scanner printed it, or a DSSE envelope with an in-toto statement that one
/// of the tenant's scanners signed. What it found is counted here: its own verdict is not read. One that
/// does not show that everything was looked at is `incomplete`; one on other tools, or another manifest
/// than the registered one, is refused. Kept by its digest.
#[utoipa::path(
    post, path = "/v1/subjects/{kind}/{tenant}/{name}/reports", operation_id = "submit_report", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
        ReportQuery,
    ),
    request_body(content = Object, content_type = "application/json"),
    responses(
        (status = OK, body = EvidenceView, description = "What would be filed"),
        (status = CREATED, body = EvidenceView, headers(("location" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = PAYLOAD_TOO_LARGE, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn submit(
    operator: Operator<may::Manage>,
    Known(subject): Known,
    Asked(asked): Asked<ReportQuery>,
    State(authority): State<Shared>,
    ReportBody(body): ReportBody,
) -> Result<impl IntoResponse, Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    let manifest = asked.manifest.as_deref().map(|hex| {
        let (member, why) = ("manifest", "must be 64 lower-case hex digits");
        Digest::from_hex(hex).ok_or(Error::Invalid { member, why })
    });
    let submission = Submission {
        subject,
        who: operator.id,
        manifest: manifest.transpose()?,
        format: asked.format.map(Format::from),
        observed_at: instant(asked.observed_at.as_deref(), "observed_at")?,
        valid_until: instant(asked.valid_until.as_deref(), "valid_until")?,
    };
    let content = authority.take_report(body.into(), submission, asked.dry_run);
    let evidence = Evidence::from(content.await?);
    let location = format!("/v1/evidence/{}", evidence.id.as_str());
    let status = match asked.dry_run {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    let view = EvidenceView::from(evidence);
    Ok((status, [(header::LOCATION, location)], Json(view)))
}

/// Get the report that a piece of evidence rests on
///
/// Byte for byte as it came.
#[utoipa::path(
    get, path = "/v1/evidence/{id}/report", operation_id = "show_report", tag = "trust",
    security(("operator" = [])),
    params(("id" = String, Path, description = "The evidence's id", pattern = "^ev_[0-9a-f]{64}$")),
    responses(
        (status = OK, body = Object),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    OnFile(id): OnFile,
    State(authority): State<Shared>,
) -> Result<JsonText, Error> {
    let store = operator.db(&authority);
    let found = store.evidence(&id).await?;
    let content = found.ok_or(Error::EvidenceNotFound)?.content;
    operator.over(&content.subject.tenant, Error::EvidenceNotFound)?;
    let reported = content.reported.ok_or(Error::ReportNotFound)?;
    let tenant = &content.subject.tenant;
    let report = store.report(tenant, &reported.digest).await?;
    report.map(JsonText).ok_or(Error::ReportNotFound)
}
