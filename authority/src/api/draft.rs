//! The read routes that draft-00 peers know.
//!
//! Such a peer has one key of an authority, checks a signature over the JCS of the answer without
//! `signature` and nothing else (no context, no nonce), and reads upper-case states. So these
//! answers are signed by the passport key; none has a passport's members, so none passes for one.
//! Our own clients never ask here.
//!
//! The draft's peer that we know (PyPI `mcps-secure` 1.0.0) takes every state but `REVOKED` as not
//! revoked. An id that was never issued here is therefore called `REVOKED`, for the reason
//! `unknown`: it must not be accepted, and so it is not.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use mcps_core::clock::Timestamp;
use mcps_core::jcs;
use mcps_core::json::Document;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use mcps_core::status::State as Known;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::extract::IdAlone;
use super::view::JsonText;
use crate::authority::{Authority, Judged};
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Reason, Record};

/// How long a peer may rely on an answer.
const LIFE: Duration = Duration::from_secs(60);

/// A draft-00 state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum DraftState {
    /// Good.
    Valid,
    /// Revoked, suspended, or never issued here.
    Revoked,
    /// Past its time.
    Expired,
}

impl From<Known> for DraftState {
    fn from(state: Known) -> Self {
        match state {
            Known::Good => Self::Valid,
            Known::Revoked | Known::Suspended | Known::Unknown => Self::Revoked,
            Known::Expired => Self::Expired,
        }
    }
}

/// What is said of one passport; `signature` is added when it is signed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Verdict {
    /// Which passport.
    passport_id: String,
    /// What is said of it.
    status: DraftState,
    /// Whether `status` is `REVOKED`.
    revoked: bool,
    /// Why it was revoked; `unknown` when it was never issued here.
    reason: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// The level it states.
    trust_level: Option<u8>,
    /// When this was said.
    #[schema(format = DateTime)]
    checked_at: String,
    /// Until when it may be relied upon.
    #[schema(format = DateTime)]
    next_update: String,
    /// This authority's name.
    issuer: String,
}

impl Verdict {
    async fn new(
        authority: &Authority,
        id: &PassportId,
        record: Option<&Record>,
    ) -> Result<Self, Error> {
        let now = authority.now();
        let judged = match record {
            Some(record) => authority.judged(record, now).await?,
            None => Judged {
                state: Known::Unknown,
                reason: Some("unknown".to_owned()),
                since: None,
            },
        };
        let status = DraftState::from(judged.state);
        let trust_level = match record {
            Some(record) => Some(authority.level_of(record).await?.number()),
            None => None,
        };
        Ok(Self {
            passport_id: id.to_string(),
            status,
            revoked: status == DraftState::Revoked,
            reason: judged.reason,
            revoked_at: judged.since.map(|since| since.to_string()),
            trust_level,
            checked_at: now.to_string(),
            next_update: now.plus(LIFE).to_string(),
            issuer: authority.name().to_owned(),
        })
    }
}

/// Every revoked passport that has not expired; `signature` is added when it is signed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevocationList {
    /// This authority's name.
    issuer: String,
    /// When this was said.
    #[schema(format = DateTime)]
    this_update: String,
    /// Until when it may be relied upon.
    #[schema(format = DateTime)]
    next_update: String,
    /// The passports, earliest revocation first.
    revoked: Vec<RevocationEntry>,
}

/// One revoked passport.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevocationEntry {
    /// Which.
    passport_id: String,
    /// Why.
    reason: Reason,
    /// When.
    #[schema(format = DateTime)]
    revoked_at: String,
}

/// The key that signs passports and the answers of these routes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicKeyView {
    /// This authority's name.
    issuer: String,
    /// RFC 7638 thumbprint.
    key_id: String,
    /// `ES256`.
    algorithm: &'static str,
    /// SPKI PEM.
    public_key: String,
}

/// Draft-00: whether a passport is valid, signed
#[utoipa::path(
    get, path = "/api/verify/{id}", operation_id = "draft_verify", tag = "draft-00",
    params(("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = Verdict),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn verify(
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
) -> Result<JsonText, Error> {
    let record = authority.db().passport(&id).await?;
    signed(
        &authority,
        &Verdict::new(&authority, &id, record.as_ref()).await?,
    )
    .map(JsonText)
}

/// Draft-00: the same, for a peer to pass on with its passport
#[utoipa::path(
    get, path = "/api/staple/{id}", operation_id = "draft_staple", tag = "draft-00",
    params(("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = Object, description = "`{\"staple\": …}` with the answer of `/api/verify/{id}`"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn staple(
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
) -> Result<JsonText, Error> {
    let record = authority.issued(&id).await?;
    let verdict = Verdict::new(&authority, &id, Some(&record)).await?;
    let verdict = signed(&authority, &verdict)?;
    Ok(JsonText(format!(r#"{{"staple":{verdict}}}"#)))
}

/// Draft-00: a passport
#[utoipa::path(
    get, path = "/api/passport/{id}", operation_id = "draft_passport", tag = "draft-00",
    params(("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$")),
    responses(
        (status = OK, body = Object, description = "The passport, byte for byte as it was signed"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn passport(
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
) -> Result<JsonText, Error> {
    let passport = authority
        .issued(&id)
        .await?
        .passport()
        .map_err(Error::Stored)?;
    Ok(JsonText(passport.text().to_owned()))
}

/// Draft-00: the list of revoked passports, signed
#[utoipa::path(
    get, path = "/api/crl", operation_id = "draft_crl", tag = "draft-00",
    responses((status = OK, body = RevocationList))
)]
pub(super) async fn crl(State(authority): State<Shared>) -> Result<JsonText, Error> {
    let now = authority.now();
    let records = authority.db().revoked(now).await?;
    let list = RevocationList {
        issuer: authority.name().to_owned(),
        this_update: now.to_string(),
        next_update: now.plus(LIFE).to_string(),
        revoked: records.iter().filter_map(entry).collect(),
    };
    signed(&authority, &list).map(JsonText)
}

fn entry(record: &Record) -> Option<RevocationEntry> {
    let revoked = record.revoked?;
    let passport_id = record.id.to_string();
    let revoked_at: Timestamp = revoked.at;
    Some(RevocationEntry {
        passport_id,
        reason: revoked.reason,
        revoked_at: revoked_at.to_string(),
    })
}

/// Draft-00: the authority's public key
#[utoipa::path(
    get, path = "/api/ta/public-key", operation_id = "draft_public_key", tag = "draft-00",
    responses((status = OK, body = PublicKeyView))
)]
pub(super) async fn public_key(
    State(authority): State<Shared>,
) -> Result<Json<PublicKeyView>, Error> {
    let signer = authority.passport_signer()?;
    let key = signer.public_key();
    let unreadable = |_| Refusal::Passport("the key cannot be written as PEM");
    Ok(Json(PublicKeyView {
        issuer: authority.name().to_owned(),
        key_id: key.key_id().to_string(),
        algorithm: "ES256",
        public_key: key.to_pem().map_err(unreadable).map_err(Error::Stored)?,
    }))
}

/// Adds `signature` over the JCS of the object, as draft-00 does it.
fn signed(authority: &Authority, unsigned: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::value::to_raw_value(unsigned);
    let unwritten = |_| Refusal::Statement {
        what: "draft-00 answer",
        why: "cannot be written",
    };
    let json: Box<RawValue> = json.map_err(unwritten).map_err(Error::Stored)?;
    let document = Document::parse(json.get())?;
    let signature = authority
        .passport_signer()?
        .sign(&jcs::digest(document.root()))?;
    let body = document.text().strip_suffix('}').unwrap_or_default();
    Ok(format!(
        r#"{body},"signature":"{}"}}"#,
        signature.to_base64()
    ))
}
