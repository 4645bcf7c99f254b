//! `/v1/subjects/{kind}/{tenant}/{name}`: at which level a subject stands, why, and what comes next.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::evidence::EvidenceView;
use super::extract::{Asked, Known, Operator, may};
use super::view::{JsonText, SubjectKind};
use crate::error::Error;
use crate::levels::origin::{self, CHALLENGE_LIFE, OriginChallenge, Place};
use crate::levels::{Facts, Proof, Requirement, Rung, assess};
use crate::problem::Problem;
use crate::proof::new_challenge;

/// Most pieces of evidence that are shown.
const SHOWN: usize = 100;

/// Where a subject stands, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrustView {
    /// What kind of subject.
    kind: SubjectKind,
    /// Its tenant.
    tenant: String,
    /// Its name.
    name: String,
    /// The highest level whose every requirement holds now, that of a live passport among them.
    #[schema(minimum = 0, maximum = 4)]
    level: u8,
    /// The same for whoever shows a passport: what the next one may state at most.
    #[schema(minimum = 0, maximum = 4)]
    permitted: u8,
    /// Whether the level rests on an exception.
    by_exception: bool,
    /// What the feed told of it last.
    #[schema(minimum = 0, maximum = 4)]
    told: Option<u8>,
    /// The origin that a check is about.
    origin: Option<String>,
    /// Digest of the current manifest, which scans and audits are about.
    manifest: Option<String>,
    /// L1 to L4.
    rungs: Vec<RungView>,
    /// The cheapest step to the next level.
    next: Option<&'static str>,
    /// What is on file, the newest first; at most 100.
    evidence: Vec<EvidenceView>,
}

/// One level, and what it asks for beside those below.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RungView {
    /// Which level.
    #[schema(minimum = 1, maximum = 4)]
    level: u8,
    /// `Identified`, `Verified`, `Scanned` or `Audited`.
    name: &'static str,
    /// Whether all of it holds, and of every rung below.
    holds: bool,
    /// When it lapses, if nothing changes.
    #[schema(format = DateTime)]
    lapses_at: Option<String>,
    /// What it asks for.
    requirements: Vec<RequirementView>,
}

/// One thing that a level asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RequirementView {
    /// Its name.
    name: &'static str,
    /// Whether it holds.
    holds: bool,
    /// By which evidence.
    evidence: Option<String>,
    /// Whether that is an exception, which does without it for a time.
    waived: bool,
    /// When that lapses.
    #[schema(format = DateTime)]
    lapses_at: Option<String>,
    /// What to do about it, the cheapest first.
    next: Option<&'static str>,
}

impl From<Rung> for RungView {
    fn from(rung: Rung) -> Self {
        let requirements = rung.requirements.into_iter();
        Self {
            level: rung.level.number(),
            name: rung.level.name(),
            holds: rung.holds,
            lapses_at: rung.lapses_at.map(|at| at.to_string()),
            requirements: requirements.map(RequirementView::from).collect(),
        }
    }
}

impl From<Requirement> for RequirementView {
    fn from(asked: Requirement) -> Self {
        Self {
            name: asked.name,
            holds: asked.holds,
            evidence: asked.evidence.map(|id| id.as_str().to_owned()),
            waived: asked.waived,
            lapses_at: asked.lapses_at.map(|at| at.to_string()),
            next: asked.next,
        }
    }
}

/// A challenge for an origin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OriginChallengeView {
    /// The origin.
    origin: String,
    /// Where the challenge is to stand, on a line of its own.
    url: String,
    /// Or the name whose TXT record may hold it; missing where the origin is an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_name: Option<String>,
    /// What is to stand there: 43 characters of base64url.
    #[schema(min_length = 43, max_length = 43)]
    challenge: String,
    /// Until when it may be checked.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Where the challenge stands.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CheckedBy {
    /// In the file.
    #[default]
    WellKnown,
    /// In the TXT record.
    Dns,
}

/// Where to look.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckQuery {
    /// Where the challenge stands; in the file unless stated.
    #[serde(default)]
    #[param(inline)]
    by: CheckedBy,
}

impl From<CheckedBy> for Place {
    fn from(by: CheckedBy) -> Self {
        match by {
            CheckedBy::WellKnown => Self::WellKnown,
            CheckedBy::Dns => Self::Dns,
        }
    }
}

/// Explain the level of a subject
///
/// Every rung: whether it holds, by which evidence, when that lapses, and the cheapest next step.
#[utoipa::path(
    get, path = "/v1/subjects/{kind}/{tenant}/{name}/trust", operation_id = "explain_trust", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
    ),
    responses(
        (status = OK, body = TrustView),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn explain(
    operator: Operator<may::Look>,
    Known(subject): Known,
    State(authority): State<Shared>,
) -> Result<Json<TrustView>, Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    let (store, policy) = (operator.db(&authority), authority.policy());
    let (tenant, name) = (&subject.tenant, &subject.name);
    let told = store.told_level(tenant, subject.kind, name).await?;
    let inputs = store.trust_inputs(&subject).await?;
    // After the database was read: nothing is said to hold that has lapsed meanwhile.
    let now = authority.now();
    let carried = Facts {
        proof: Proof::Carried,
        ..inputs.facts.clone()
    };
    let permitted = assess(&carried, &inputs.evidence, policy, now).level;
    let found = assess(&inputs.facts, &inputs.evidence, policy, now);
    let next = found.next();
    let evidence = inputs.evidence.into_iter().rev().take(SHOWN);
    Ok(Json(TrustView {
        kind: subject.kind.into(),
        tenant: subject.tenant,
        name: subject.name,
        level: found.level.number(),
        permitted: permitted.number(),
        by_exception: found.by_exception(),
        told: told.map(|level| level.number()),
        origin: inputs.facts.origin,
        manifest: inputs.facts.manifest.map(|digest| digest.to_string()),
        rungs: found.rungs.into_iter().map(RungView::from).collect(),
        next,
        evidence: evidence.map(EvidenceView::from).collect(),
    }))
}

/// Get a signed statement of the level of a server
///
/// A DSSE envelope with an in-toto statement on the current manifest, whose predicate is a SLSA Verification
/// Summary: the levels that hold for whoever shows its passport, the evidence they rest on, what is waived,
/// and when they lapse. Signed by a key that `/.well-known/jwks.json` lists, as DER.
#[utoipa::path(
    get, path = "/v1/subjects/{kind}/{tenant}/{name}/trust/attestation", operation_id = "attest_trust", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
    ),
    responses(
        (status = OK, body = Object),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn attest(
    operator: Operator<may::Look>,
    Known(subject): Known,
    State(authority): State<Shared>,
) -> Result<JsonText, Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    authority.attest(&subject).await.map(JsonText)
}

/// Ask for a challenge for the origin of a subject
///
/// To be put at `/.well-known/mcps-origin` there, on a line of its own, or into a TXT record of
/// `_mcps-challenge.` and the host. One is open at a time, for
/// 24 hours; the one before is void.
#[utoipa::path(
    post, path = "/v1/subjects/{kind}/{tenant}/{name}/origin-challenges", operation_id = "challenge_origin", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
    ),
    responses(
        (status = CREATED, body = OriginChallengeView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn challenge(
    operator: Operator<may::Manage>,
    Known(subject): Known,
    State(authority): State<Shared>,
) -> Result<(StatusCode, Json<OriginChallengeView>), Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    let inputs = operator.db(&authority).trust_inputs(&subject).await?;
    let asked = OriginChallenge {
        subject,
        origin: inputs.facts.origin.ok_or(Error::NoOrigin)?,
        challenge: new_challenge(authority.random())?,
        asked_by: operator.id.clone(),
        expires_at: authority.now().plus(CHALLENGE_LIFE),
    };
    operator
        .db(&authority)
        .challenge_origin(&asked, authority.now())
        .await?;
    let view = OriginChallengeView {
        url: origin::url(&asked.origin),
        dns_name: origin::dns_name(&asked.origin),
        origin: asked.origin,
        challenge: asked.challenge,
        expires_at: asked.expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Check that the origin of a subject shows its challenge
///
/// Fetched over https from public addresses alone, without redirects; or asked of a resolver that is public
/// or was named at the start. What is found is filed as evidence.
#[utoipa::path(
    post, path = "/v1/subjects/{kind}/{tenant}/{name}/origin-checks", operation_id = "check_origin", tag = "trust",
    security(("operator" = [])),
    params(
        ("kind" = SubjectKind, Path, description = "What kind of subject"),
        ("tenant" = String, Path, description = "Its tenant"),
        ("name" = String, Path, description = "Its name"),
        CheckQuery,
    ),
    responses(
        (status = CREATED, body = EvidenceView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn check(
    operator: Operator<may::Manage>,
    Known(subject): Known,
    Asked(asked): Asked<CheckQuery>,
    State(authority): State<Shared>,
) -> Result<(StatusCode, Json<EvidenceView>), Error> {
    operator.over(&subject.tenant, Error::SubjectNotFound)?;
    let place = Place::from(asked.by);
    let (store, policy) = (operator.db(&authority), authority.policy());
    let open = store.origin_challenge(&subject, authority.now()).await?;
    let asked = open.ok_or(Error::NoOriginChallenge)?;
    // Whoever moved since has another origin to prove.
    let inputs = store.trust_inputs(&subject).await?;
    if inputs.facts.origin.as_ref() != Some(&asked.origin) {
        return Err(Error::NoOriginChallenge);
    }
    let now = authority.now();
    let (outbound, random) = (authority.outbound(), authority.random());
    let content = origin::check(&asked, place, outbound, random, policy, now).await?;
    let told = store
        .origin_checked(&asked, &content, policy, &operator.id, now)
        .await?;
    authority.told(&told);
    let filed = store.evidence(&content.id()).await?;
    let view = EvidenceView::from(filed.ok_or(Error::EvidenceNotFound)?);
    Ok((StatusCode::CREATED, Json(view)))
}
