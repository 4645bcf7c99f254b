//! `GET /v1/passports` and `GET /v1/passports/{id}`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use mcps_core::clock::Timestamp;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, IdAlone, Operator, may};
use super::page::Page;
use super::tag::Known;
use super::view::{Standing, StatusView, SubjectKind, raw};
use crate::cursor::Listing;
use crate::error::Error;
use crate::problem::Problem;
use crate::store::{Filter, Record};

/// Which passports to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those.
    #[serde(default)]
    #[param(inline)]
    status: Which,
    /// At most so many: 1 to 200, 50 unless stated.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Passports of which standing.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Which {
    /// Every one.
    #[default]
    All,
    /// Neither revoked nor expired.
    Live,
    /// Expired, not revoked.
    Expired,
    /// Revoked.
    Revoked,
}

impl Which {
    const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// One page of passports, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PassportPage {
    /// The passports.
    passports: Vec<Summary>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One passport in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Summary {
    /// Its id.
    passport_id: String,
    /// The tenant.
    tenant: String,
    /// What kind of subject.
    kind: SubjectKind,
    /// The subject's name.
    name: String,
    /// The subject's version.
    version: String,
    /// Who answers for it.
    owner: String,
    /// Where it lives.
    origin: Option<String>,
    /// Thumbprint of its key.
    kid: String,
    /// The level it states.
    #[schema(minimum = 0, maximum = 4)]
    trust_level: u8,
    /// From when on.
    #[schema(format = DateTime)]
    issued_at: String,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What has become of it.
    status: Standing,
    /// The passport that it renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    renews: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Why it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Summary {
    fn new(record: Record, now: Timestamp) -> Self {
        let status = StatusView::new(&record, now);
        Self {
            passport_id: record.id.to_string(),
            tenant: record.tenant,
            kind: record.kind.into(),
            name: record.name,
            version: record.version,
            owner: record.owner,
            origin: record.origin,
            kid: record.kid,
            trust_level: record.trust_level.number(),
            issued_at: record.issued_at.to_string(),
            expires_at: record.expires_at.to_string(),
            status: status.state,
            renews: record.renews,
            revoked_at: status.revoked_at,
            reason: status.reason,
        }
    }
}

/// A passport and what has become of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Shown {
    /// The passport: the wire profile's members, signed.
    #[schema(value_type = Object)]
    passport: Box<RawValue>,
    /// What has become of it.
    status: StatusView,
}

/// List passports
///
/// Newest first, a page at a time.
#[utoipa::path(
    get, path = "/v1/passports", operation_id = "list_passports", tag = "passports",
    security(("operator" = [])),
    params(ListQuery),
    responses(
        (status = OK, body = PassportPage),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    operator: Operator<may::Look>,
    State(authority): State<Shared>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<PassportPage>, Error> {
    let status = asked.status.as_str();
    let asked_for = format!("{status}\n{}", operator.tenants().filter());
    let listing = Listing {
        list: "passports",
        filter: &asked_for,
    };
    let page = Page::read(&authority, listing, asked.limit, asked.cursor.as_deref())?;
    let filter = Filter {
        tenants: operator.tenants().clone(),
        status,
        after: PassportId::parse(page.after()),
        limit: page.rows(),
    };
    let now = authority.now();
    let mut records = operator.db(&authority).passports(&filter, now).await?;
    let next_cursor = page.cut(&authority, &mut records, |record| record.id.as_str())?;
    let passports = records
        .into_iter()
        .map(|record| Summary::new(record, now))
        .collect();
    Ok(Json(PassportPage {
        passports,
        next_cursor,
    }))
}

/// Show a passport
///
/// Public, since passports are shown to every peer. The status here is unsigned; verifiers ask
/// `/v1/passports/{id}/status`.
#[utoipa::path(
    get, path = "/v1/passports/{id}", operation_id = "show_passport", tag = "passports",
    params(
        ("id" = String, Path, description = "The passport's id", pattern = "^asp_[0-9a-f]{32}$"),
        ("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier answer")
    ),
    responses(
        (status = OK, body = Shown, headers(("etag" = String, description = "Of just this answer"))),
        (status = NOT_MODIFIED, description = "It is as it was"),
        (status = BAD_REQUEST, body = Problem, content_type = "application/problem+json"),
        (status = NOT_FOUND, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    IdAlone(id): IdAlone,
    known: Known,
    State(authority): State<Shared>,
) -> Result<Response, Error> {
    let record = authority.issued(&id).await?;
    let passport = record.passport().map_err(Error::Stored)?;
    let status = authority.judged(&record, authority.now()).await?.into();
    let shown = Shown {
        passport: raw(&passport)?,
        status,
    };
    let json = serde_json::to_string(&shown);
    let json = json.map_err(|_| Error::Stored(Refusal::Passport("not JSON")))?;
    // Its status may change at any time, so it is asked for every time.
    Ok(known.or_send(json, "no-cache"))
}
