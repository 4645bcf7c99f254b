//! The audit trail, for operators: `/v1/audit`. What is served is what lies in the database; whoever
//! reads it verifies it.

use axum::Json;
use axum::extract::{Path, State};
use mcps_core::audit::LANES;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Shared;
use super::extract::{Asked, Operator, may};
use crate::error::Error;
use crate::problem::Problem;
use crate::store::AuditRow;

/// Most rows in one answer.
const MAX_ROWS: i64 = 500;
/// About as much of them as one answer holds, in bytes.
const MAX_BYTES: usize = 512 * 1024;

/// Longest subject that is looked for: that of the largest event.
const MAX_SUBJECT: usize = 4096;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Only what comes after this number; from the beginning unless stated.
    #[serde(default)]
    #[param(minimum = 0)]
    after: Option<i64>,
    /// At most so many; 500 unless stated.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

impl From {
    fn read(&self) -> Result<(i64, i64), Error> {
        let invalid = |member, why| Error::Invalid { member, why };
        let after = self.after.unwrap_or_default();
        if after < 0 {
            return Err(invalid("after", "must be 0 or more"));
        }
        let limit = self.limit.unwrap_or(MAX_ROWS);
        match (1..=MAX_ROWS).contains(&limit) {
            true => Ok((after, limit)),
            false => Err(invalid("limit", "must be 1 to 500")),
        }
    }
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Only records about this: a passport's id, a key's id, an operator's id, a target's JSON.
    #[serde(default)]
    #[param(max_length = 4096, pattern = "^[^\\u0000]*$")]
    subject: Option<String>,
    /// At most so many; 50 unless stated.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// One row of the trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowView {
    /// Which chain.
    lane: i64,
    /// The number that the row claims.
    seq: i64,
    /// What was signed (ctx mcps-audit-v1), byte for byte.
    record: String,
}

impl std::convert::From<AuditRow> for RowView {
    fn from(row: AuditRow) -> Self {
        Self {
            lane: row.lane,
            seq: row.seq,
            record: row.record,
        }
    }
}

/// How far a chain goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeadView {
    /// The number of its last record; 0 before the first.
    seq: u64,
    /// SHA-256 of that record, as hexadecimal digits.
    digest: String,
}

/// A part of a chain.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaneView {
    /// How far the chain went before the rows were read.
    head: Option<HeadView>,
    /// None when there are no more.
    rows: Vec<RowView>,
}

/// Records, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowsView {
    /// At most as many as were asked for.
    rows: Vec<RowView>,
}

/// One checkpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckpointView {
    /// The number that its row claims.
    number: i64,
    /// What was signed (ctx mcps-checkpoint-v1), byte for byte.
    checkpoint: String,
}

/// Checkpoints, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckpointsView {
    /// None when there are no more.
    checkpoints: Vec<CheckpointView>,
}

/// The newest records
///
/// All, or those about one subject.
#[utoipa::path(
    get, path = "/v1/audit/records", operation_id = "audit_records", tag = "audit",
    security(("operator" = [])), params(Search),
    responses(
        (status = OK, body = RowsView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn records(
    operator: Operator<may::Audit>,
    State(authority): State<Shared>,
    Asked(asked): Asked<Search>,
) -> Result<Json<RowsView>, Error> {
    let limit = asked.limit.unwrap_or(50);
    let subject = asked.subject.unwrap_or_default();
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(Error::Invalid {
            member: "limit",
            why: "must be 1 to 500",
        });
    }
    if subject.len() > MAX_SUBJECT || subject.contains('\0') {
        return Err(Error::Invalid {
            member: "subject",
            why: "has at most 4096 bytes, and no NUL",
        });
    }
    let db = operator.db(&authority);
    let rows = db.newest_audit_rows(operator.tenants(), &subject, limit);
    let rows = rows.await?.into_iter();
    let rows = rows.map(RowView::from);
    Ok(Json(RowsView {
        rows: within(rows, |row| row.record.len()),
    }))
}

/// One chain of records, in order
///
/// Until an answer has no rows. docs/audit.md says how they are verified.
#[utoipa::path(
    get, path = "/v1/audit/lanes/{lane}", operation_id = "audit_lane", tag = "audit",
    security(("operator" = [])),
    params(("lane" = u64, Path, description = "0 to 7", minimum = 0, maximum = 7), From),
    responses(
        (status = OK, body = LaneView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn lane(
    _: Operator<may::AuditEverywhere>,
    State(authority): State<Shared>,
    lane: Result<Path<u64>, axum::extract::rejection::PathRejection>,
    Asked(asked): Asked<From>,
) -> Result<Json<LaneView>, Error> {
    let lane = lane.map(|Path(lane)| lane).ok();
    let lane = lane.filter(|lane| *lane < LANES).ok_or(Error::Invalid {
        member: "lane",
        why: "must be 0 to 7",
    })?;
    let (after, limit) = asked.read()?;
    let db = authority.db();
    // Before the rows, so that nothing can have come in between that is missing.
    let heads = db.audit_heads().await?;
    let head = usize::try_from(lane).ok().and_then(|at| heads.get(at));
    let lane = i64::try_from(lane).unwrap_or_default();
    let rows = db.audit_rows(lane, after, limit).await?.into_iter();
    let rows = rows.map(RowView::from);
    Ok(Json(LaneView {
        head: head.map(|(seq, digest)| HeadView {
            seq: *seq,
            digest: digest.to_string(),
        }),
        rows: within(rows, |row| row.record.len()),
    }))
}

/// Checkpoints, in order
///
/// Until an answer has none. Whoever keeps one sees when the end of the trail was cut off.
#[utoipa::path(
    get, path = "/v1/audit/checkpoints", operation_id = "audit_checkpoints", tag = "audit",
    security(("operator" = [])), params(From),
    responses(
        (status = OK, body = CheckpointsView),
        (status = UNAUTHORIZED, body = Problem, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, body = Problem, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn checkpoints(
    _: Operator<may::AuditEverywhere>,
    State(authority): State<Shared>,
    Asked(asked): Asked<From>,
) -> Result<Json<CheckpointsView>, Error> {
    let (after, limit) = asked.read()?;
    let rows = authority.db().checkpoints(after, limit).await?.into_iter();
    let rows = rows.map(|(number, checkpoint)| CheckpointView { number, checkpoint });
    Ok(Json(CheckpointsView {
        checkpoints: within(rows, |row| row.checkpoint.len()),
    }))
}

/// As many as one answer holds, and at least one.
fn within<T>(rows: impl Iterator<Item = T>, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut total = 0;
    let fits = |row: &T| {
        let fits = total < MAX_BYTES;
        total += size(row);
        fits
    };
    rows.take_while(fits).collect()
}
