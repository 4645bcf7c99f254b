//! Evidence: what is on file about a subject, and who agrees with it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Known, OnFile, Operator, Strict, may};
use super::view::SubjectKind;
use crate::error::Error;
use crate::levels::{
    Approval, Content, Evidence, EvidenceType, OPERATOR, Policy, Reported, Subject, Verdict, Waived,
};
use crate::problem::Problem;
use crate::subject::Note;

/// How much clocks may differ.
const SKEW: Duration = Duration::from_secs(60);

/// What operators file; checks of origins the authority files itself.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FiledType {
    /// That it is who it says: L2.
    OperatorDecision,
    /// A security scan of one manifest: L3.
    Scan,
    /// A review of one manifest by people: L4, once two others approve.
    Audit,
    /// For at most 14 days one thing is not asked for, once another approves. Never yields L4.
    Exception,
}

impl From<FiledType> for EvidenceType {
    fn from(kind: FiledType) -> Self {
        match kind {
            FiledType::OperatorDecision => Self::OperatorDecision,
            FiledType::Scan => Self::Scan,
            FiledType::Audit => Self::Audit,
            FiledType::Exception => Self::Exception,
        }
    }
}

/// What an exception does without.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WaivedView {
    /// That somebody has verified who it is: L2.
    IdentityVerified,
    /// A passing scan of the manifest: L3.
    ManifestScanned,
}

impl From<WaivedView> for Waived {
    fn from(waived: WaivedView) -> Self {
        match waived {
            WaivedView::IdentityVerified => Self::IdentityVerified,
            WaivedView::ManifestScanned => Self::ManifestScanned,
        }
    }
}

/// What it is filed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FiledVerdict {
    /// It holds.
    Pass,
    /// It does not; what passed before is void.
    Fail,
}

impl From<FiledVerdict> for Verdict {
    fn from(verdict: FiledVerdict) -> Self {
        match verdict {
            FiledVerdict::Pass => Self::Pass,
            FiledVerdict::Fail => Self::Fail,
        }
    }
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VerdictView {
    /// It holds.
    Pass,
    /// It does not; what passed before is void.
    Fail,
    /// Not all of it was looked at: it raises nobody.
    Incomplete,
}

impl From<Verdict> for VerdictView {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Incomplete => Self::Incomplete,
        }
    }
}

/// A piece of evidence to be filed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EvidenceRequest {
    /// What kind of evidence.
    #[serde(rename = "type")]
    kind: FiledType,
    /// What it says.
    verdict: FiledVerdict,
    /// What an exception does without.
    #[serde(default)]
    waives: Option<WaivedView>,
    /// Digest of the manifest that was scanned or reviewed, or that goes without a scan.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    manifest: Option<String>,
    /// When that was seen; now unless stated.
    #[serde(default)]
    #[schema(format = DateTime)]
    observed_at: Option<String>,
    /// Until when it may be relied upon; as long as evidence of its type counts unless stated.
    #[serde(default)]
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// What was done and found, in words or as a reference.
    statement: Note,
}

/// A piece of evidence on file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EvidenceView {
    /// `ev_` and the SHA-256 of what it says.
    #[schema(pattern = "^ev_[0-9a-f]{64}$")]
    evidence_id: String,
    /// What kind of subject it is about.
    kind: SubjectKind,
    /// The subject's tenant.
    tenant: String,
    /// The subject's name.
    name: String,
    /// `origin_check`, `operator_decision`, `scan`, `audit` or `exception`.
    #[serde(rename = "type")]
    sort: &'static str,
    /// What it says.
    verdict: VerdictView,
    /// Digest of the manifest it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    /// The origin it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// Who says so: an operator's id, or `authority`.
    who: String,
    /// When that was seen.
    #[schema(format = DateTime)]
    observed_at: String,
    /// Until when it may be relied upon.
    #[schema(format = DateTime)]
    valid_until: String,
    /// In their words; of a report, what it found and what it did not look at.
    statement: String,
    /// The scanner that signed its report; `operator` for what an operator says or brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanner: Option<String>,
    /// The report it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<ReportView>,
    /// What an exception does without.
    #[serde(skip_serializing_if = "Option::is_none")]
    waives: Option<&'static str>,
    /// Whether the scanner it leans on was revoked since: it raises nobody then.
    void: bool,
    /// Who agrees.
    approvals: Vec<ApprovalView>,
}

/// The report that a scan rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportView {
    /// SHA-256 of its bytes.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// What it is written in.
    format: &'static str,
    /// What it found, as it was counted here.
    findings: FindingsView,
}

/// How many findings there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingsView {
    critical: u32,
    high: u32,
    medium: u32,
    low: u32,
    /// Of which the report does not say how grave they are.
    unrated: u32,
}

impl From<Reported> for ReportView {
    fn from(reported: Reported) -> Self {
        let found = reported.findings;
        Self {
            digest: reported.digest.to_string(),
            format: reported.format.as_str(),
            findings: FindingsView {
                critical: found.critical,
                high: found.high,
                medium: found.medium,
                low: found.low,
                unrated: found.unrated,
            },
        }
    }
}

/// Who agrees with a piece of evidence.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovalView {
    /// The operator.
    who: String,
    /// Since when.
    #[schema(format = DateTime)]
    at: String,
    /// By which key; missing in one that nobody signed, which counts for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    valid_until: Option<String>,
    /// Whether the key was revoked since, or there is none.
    void: bool,
}

impl From<Approval> for ApprovalView {
    fn from(approval: Approval) -> Self {
        let (key_id, until) = match approval.signed {
            Some(signed) => (Some(signed.key_id), Some(signed.valid_until.to_string())),
            None => (None, None),
        };
        Self {
            who: approval.who,
            at: approval.at.to_string(),
            key_id,
            valid_until: until,
            void: approval.void,
        }
    }
}

impl From<Evidence> for EvidenceView {
    fn from(evidence: Evidence) -> Self {
        let content = evidence.content;
        let approvals = evidence.approvals.into_iter().map(ApprovalView::from);
        let of_scan = content.kind == EvidenceType::Scan;
        let scanner = content.scanner.or(of_scan.then(|| OPERATOR.to_owned()));
        Self {
            evidence_id: evidence.id.as_str().to_owned(),
            kind: content.subject.kind.into(),
            tenant: content.subject.tenant,
            name: content.subject.name,
            sort: content.kind.as_str(),
            verdict: content.verdict.into(),
            manifest: content.manifest.map(|digest| digest.to_string()),
            origin: content.origin,
            who: content.who,
            observed_at: content.observed_at.to_string(),
            valid_until: content.valid_until.to_string(),
            statement: content.statement,
            scanner,
            report: content.reported.map(ReportView::from),
            waives: content.waives.map(Waived::as_str),
            void: evidence.void,
            approvals: approvals.collect(),
        }
    }
}

fn content(
    asked: EvidenceRequest,
    subject: Subject,
    who: String,
    policy: &Policy,
    now: Timestamp,
) -> Result<Content, Error> {
    let kind = EvidenceType::from(asked.kind);
    let waives = asked.waives.map(Waived::from);
    if waives.is_some() != (kind == EvidenceType::Exception) {
        return Err(Error::Invalid {
            member: "waives",
            why: "says what an exception does without, and nothing else has it",
        });
    }
    let of_manifest = kind.of_a_manifest() || waives == Some(Waived::ManifestScanned);
    let manifest = match (asked.manifest, of_manifest) {
        (Some(hex), true) => Some(Digest::from_hex(&hex).ok_or(Error::Invalid {
            member: "manifest",
            why: "must be the digest of a manifest: 64 lower-case hex digits",
        })?),
        (None, false) => None,
        (_, true) => {
            return Err(Error::Invalid {
                member: "manifest",
                why: "must say which manifest it is about, by its digest",
            });
        }
        (_, false) => {
            return Err(Error::Invalid {
                member: "manifest",
                why: "is for a scan, an audit, or an exception that does without a scan",
            });
        }
    };
    let observed_at = instant(asked.observed_at.as_deref(), "observed_at")?.unwrap_or(now);
    if observed_at > now.plus(SKEW) {
        return Err(Error::Invalid {
            member: "observed_at",
            why: "must not lie in the future",
        });
    }
    let longest = observed_at.plus(policy.life(kind));
    let valid_until = instant(asked.valid_until.as_deref(), "valid_until")?.unwrap_or(longest);
    if valid_until <= now || valid_until > longest {
        return Err(Error::Invalid {
            member: "valid_until",
            why: "must lie ahead, and within the time that evidence of this type counts",
        });
    }
    Ok(Content {
        subject,
        kind,
        verdict: asked.verdict.into(),
        manifest,
        origin: None,
        who,
        // As it was seen here, if a clock elsewhere is ahead.
        observed_at: observed_at.min(now),
        valid_until,
        statement: asked.statement.into_string(),
        scanner: None,
        reported: None,
        waives,
    })
}

pub(super) fn instant(
    text: Option<&str>,
    member: &'static str,
) -> Result<Option<Timestamp>, Error> {
    let why = "must be an instant as RFC 3339 in UTC: 2026-11-21T12:00:00.000Z";
    let read = |text| Timestamp::parse_rfc3339(text).ok_or(Error::Invalid { member, why });
    text.map(read).transpose()
}

/// File evidence about a subject
///
/// It cannot be changed or removed: what fails voids what passed before. The level follows at once.
#[utoipa::path(
    post, path = "/v1/subjects/{kind}/{tenant}/{name}/evidence", operation_id = "file_evidence", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
    ),
    request_body = EvidenceRequest,
    responses(
        (status = CREATED, body = EvidenceView, headers(("location" = String))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn file(
    operator: Operator<may::Manage>,
    Known(subject): Known,
    State(authority): State<Shared>,
    Strict(asked): Strict<EvidenceRequest>,
) -> Result<impl IntoResponse, Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    let (store, policy, now) = (operator.db(&authority), authority.policy(), authority.now());
    let content = content(asked, subject, operator.id, policy, now)?;
    if let Some(digest) = &content.manifest {
        let published = store.has_manifest(&content.subject, digest).await?;
        if !published {
            return Err(Error::Invalid {
                member: "manifest",
                why: "is no manifest that this server published",
            });
        }
    }
    let told = store.file_evidence(&content, None, policy, now).await?;
    authority.told(&told);
    let filed = store.evidence(&content.id()).await?;
    let view = EvidenceView::from(filed.ok_or(Error::EvidenceNotFound)?);
    let location = [(
        header::LOCATION,
        format!("/v1/evidence/{}", view.evidence_id),
    )];
    Ok((StatusCode::CREATED, location, Json(view)))
}

/// Show a piece of evidence
#[utoipa::path(
    get, path = "/v1/evidence/{id}", operation_id = "show_evidence", tag = "trust",
    security(("operator" = [])),
    params(("id" = String, Path, description = "Its id", pattern = "^ev_[0-9a-f]{64}$")),
    responses(
        (status = OK, body = EvidenceView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    operator: Operator<may::Look>,
    OnFile(id): OnFile,
    State(authority): State<Shared>,
) -> Result<Json<EvidenceView>, Error> {
    let found = operator.db(&authority).evidence(&id).await?;
    let found = found.ok_or(Error::EvidenceNotFound)?;
    operator.over(&found.content.subject.tenant, Error::EvidenceNotFound)?;
    Ok(Json(found.into()))
}
