//! `POST /v1/passports` and `POST /v1/passports/{id}/renew`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use mcps_core::json::Document;
use mcps_core::key::PublicKey;
use mcps_core::passport::{Kind, MAX_CAPABILITIES, Passport};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Shared;
use super::ca::CaRequest;
use super::extract::{Enroller, IdAlone, Strict, whole};
use super::view::{Issued, Jwk, SubjectKind, raw};
use crate::error::Error;
use crate::issue::{Asked, Order, Prepared, level};
use crate::problem::Problem;
use crate::proof::Proven;
use crate::store::Binding;
use crate::subject::{Capability, Name, Origin, Owner, Tenant, Version};

/// What is to be certified, and the proof that the subject has the key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueRequest {
    /// The tenant; `default` unless stated.
    #[serde(default)]
    tenant: Tenant,
    /// The subject's name: unique among the live passports of its tenant and kind, but for its owner.
    name: Name,
    /// The subject's version.
    version: Version,
    /// What kind of subject.
    kind: SubjectKind,
    /// Who answers for it; an enrolment token states it already.
    #[serde(default)]
    owner: Option<Owner>,
    /// What it says it can do; informational.
    #[serde(default)]
    #[schema(max_items = 64)]
    capabilities: Option<Vec<Capability>>,
    /// Where it lives.
    #[serde(default)]
    origin: Option<Origin>,
    /// The level to state: that of the token, or else what the evidence permits, unless stated. Asking
    /// for 2 is an operator's decision, which is filed as evidence; 3 and 4 need evidence.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 4)]
    trust_level: Option<i64>,
    /// Its life in seconds: that of the token, else an hour for agents, a day for servers and
    /// gateways unless stated.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 7776000)]
    ttl_s: Option<i64>,
    /// The right to issue passports below this one. Only an operator grants it.
    #[serde(default)]
    ca: Option<CaRequest>,
    /// The subject's key.
    #[schema(value_type = Jwk)]
    public_key: Box<RawValue>,
    /// From `POST /v1/challenges`.
    challenge: String,
    /// The key's signature over the challenge: 88 characters of base64.
    proof: String,
}

/// The proof that the caller has the passport's key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenewRequest {
    /// From `POST /v1/challenges`, for the tenant, name and key of the passport.
    challenge: String,
    /// The key's signature over the challenge: 88 characters of base64.
    proof: String,
    /// The new passport's life in seconds: that of the old one unless stated, and never longer.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 7776000)]
    ttl_s: Option<i64>,
}

/// Issue a passport
///
/// By an operator's key, or by an enrolment token, which is used up with it and allows nothing beyond
/// what it was made for. The exact bytes to be signed are stored before they are signed, and the
/// signature is verified with a second library before the passport leaves.
#[utoipa::path(
    post, path = "/v1/passports", operation_id = "issue_passport", tag = "passports",
    security(("operator" = []), ("enrolment_token" = [])),
    request_body = IssueRequest,
    responses(
        (status = CREATED, body = Issued, headers(("location" = String, description = "The passport's path"))),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn issue(
    enroller: Enroller,
    State(authority): State<Shared>,
    Strict(asked): Strict<IssueRequest>,
) -> Result<impl IntoResponse, Error> {
    let key = public_key(&asked.public_key)?;
    let binding = Binding {
        tenant: asked.tenant.as_str().to_owned(),
        subject: asked.name.as_str().to_owned(),
        kid: key.key_id().to_string(),
        previous_kid: None,
        audience: authority.name().to_owned(),
    };
    let (challenge, proof) = (asked.challenge.clone(), asked.proof.clone());
    let asked = asked.read()?;
    let order = match enroller {
        Enroller::Operator(operator) => {
            operator.over(&asked.tenant, Error::TenantNotFound)?;
            asked.within(operator.tenants())?.by_operator(operator.id)?
        }
        Enroller::Token(token) => {
            let record = authority.db().token_by_hash(&token.hash()).await?;
            let unknown = Error::TokenRefused("is not one of this authority");
            let record = record.ok_or(unknown)?;
            record.grant.order(asked, &record.id)?
        }
    };
    let proven = Proven::verify(key, challenge, binding, &proof)?;
    created(
        &Prepared::new(&authority, order, proven)
            .await?
            .sign(&authority)
            .await?,
    )
}

impl IssueRequest {
    fn read(self) -> Result<Asked, Error> {
        Ok(Asked {
            tenant: self.tenant.into_string(),
            name: self.name.into_string(),
            version: self.version.into_string(),
            kind: Kind::from(self.kind),
            owner: self.owner.map(Owner::into_string),
            capabilities: self.capabilities.map(capabilities).transpose()?,
            origin: self.origin.map(Origin::into_string),
            trust_level: self.trust_level.map(level).transpose()?,
            ttl_s: self.ttl_s,
            ca: self.ca.map(CaRequest::read).transpose()?,
        })
    }
}

/// Renew a passport by its own key
///
/// Same subject, same owner, same level, new id and new times. The old passport stays good until
/// it expires. No operator is needed; a revoked or expired passport cannot be renewed.
#[utoipa::path(
    post, path = "/v1/passports/{id}/renew", operation_id = "renew_passport", tag = "passports",
    params(("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$")),
    request_body = RenewRequest,
    responses(
        (status = CREATED, body = Issued, headers(("location" = String, description = "The passport's path"))),
        (status = FORBIDDEN, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
        (status = CONFLICT, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn renew(
    IdAlone(id): IdAlone,
    State(authority): State<Shared>,
    Strict(asked): Strict<RenewRequest>,
) -> Result<impl IntoResponse, Error> {
    let record = authority.issued(&id).await?;
    let key = record
        .passport()
        .map_err(Error::Stored)?
        .public_key()
        .clone();
    let binding = Binding {
        tenant: record.tenant.clone(),
        subject: record.name.clone(),
        kid: record.kid.clone(),
        previous_kid: None,
        audience: authority.name().to_owned(),
    };
    let proven = Proven::verify(key, asked.challenge, binding, &asked.proof)?;
    let order = Order::renewal(&record, asked.ttl_s, authority.now())?;
    created(
        &Prepared::new(&authority, order, proven)
            .await?
            .sign(&authority)
            .await?,
    )
}

fn created(passport: &Passport) -> Result<impl IntoResponse + use<>, Error> {
    let location = [(header::LOCATION, format!("/v1/passports/{}", passport.id()))];
    Ok((
        StatusCode::CREATED,
        location,
        Json(Issued {
            passport: raw(passport)?,
        }),
    ))
}

/// A key that is to be certified.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn public_key(jwk: &RawValue) -> Result<PublicKey, Error> {
    let document = Document::parse(jwk.get())?;
    let why =
        "must be a P-256 public key as a JWK: {\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":…,\"y\":…}";
    let key = PublicKey::from_jwk(document.root());
    key.map_err(|_| Error::Invalid {
        member: "public_key",
        why,
    })
}

/// Not more of them than a passport holds.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn capabilities(asked: Vec<Capability>) -> Result<Vec<String>, Error> {
    if asked.len() > MAX_CAPABILITIES {
        return Err(Error::Invalid {
            member: "capabilities",
            why: "may have at most 64 items",
        });
    }
    Ok(asked.into_iter().map(Capability::into_string).collect())
}
