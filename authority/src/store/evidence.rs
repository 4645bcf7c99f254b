//! Evidence on file, who agreed with it, and what is known of a subject beside it.

use std::collections::BTreeMap;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use super::audit::{Entry, audit};
use super::reports::keep;
use super::scanners::lock_scanner;
use super::trust::{Told, reassess};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::{
    Approval, Content, Evidence, EvidenceId, EvidenceType, OPERATOR, Policy, Reported, Signed,
    Subject, Verdict, Waived,
};
use crate::report::{Findings, Format, ReportError};

/// Selects [`Row`]s; what follows begins with `WHERE`.
macro_rules! select_evidence {
    ($rest:literal) => {
        concat!(
            "SELECT evidence_id, tenant, kind, name, type AS sort, verdict, manifest, origin, who, ",
            "observed_at, valid_until, statement, scanner, report, format, findings, waives, ",
            // A scan leans on a scanner that has to be believed now, and that was when it was filed.
            "CAST(CASE WHEN type = 'scan' AND NOT EXISTS (SELECT 1 FROM scanners s ",
            "WHERE s.tenant = evidence.tenant AND s.scanner = COALESCE(evidence.scanner, 'operator') ",
            "AND s.state = 'active' AND (s.revoked_at IS NULL OR s.revoked_at < recorded_at)) ",
            "AND (evidence.scanner IS NOT NULL OR EXISTS (SELECT 1 FROM scanners s ",
            "WHERE s.tenant = evidence.tenant AND s.scanner = 'operator')) ",
            "THEN 1 ELSE 0 END AS BIGINT) AS void FROM evidence ",
            $rest
        )
    };
}

/// All that is on file about a subject.
pub(super) const OF_SUBJECT: &str = select_evidence!(
    "WHERE tenant = $1 AND kind = $2 AND name = $3 ORDER BY observed_at, evidence_id"
);
/// Selects [`ApprovalRow`]s; what follows begins with `WHERE`.
macro_rules! select_approvals {
    ($rest:literal) => {
        concat!(
            "SELECT a.evidence_id, a.who, a.at, a.key_id, a.valid_until, ",
            "CAST(CASE WHEN k.key_id IS NOT NULL AND k.revoked_at IS NULL AND NOT EXISTS ",
            "(SELECT 1 FROM operators o WHERE o.operator_id = a.who ",
            "AND o.disabled_at IS NOT NULL) THEN 0 ELSE 1 END ",
            "AS BIGINT) AS void FROM evidence_approvals a ",
            "LEFT JOIN approver_keys k ON k.key_id = a.key_id ",
            $rest,
            " ORDER BY a.at, a.who"
        )
    };
}

/// Who agreed with any of it.
pub(super) const APPROVALS_OF_SUBJECT: &str = select_approvals!(
    "WHERE a.evidence_id IN \
     (SELECT evidence_id FROM evidence WHERE tenant = $1 AND kind = $2 AND name = $3)"
);

/// Files a piece of evidence inside a transaction; 1 when it is new, else 0.
macro_rules! file {
    ($tx:ident, $content:expr, $at:expr) => {{
        let content: &$crate::levels::Content = $content;
        sqlx::query(
            "INSERT INTO evidence (evidence_id, tenant, kind, name, type, verdict, manifest, \
             origin, who, observed_at, valid_until, statement, recorded_at, scanner, report, format, \
             findings, waives) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
             $15, $16, $17, $18) \
             ON CONFLICT (evidence_id) DO NOTHING",
        )
        .bind(content.id().as_str())
        .bind(&content.subject.tenant)
        .bind(content.subject.kind.as_str())
        .bind(&content.subject.name)
        .bind(content.kind.as_str())
        .bind(content.verdict.as_str())
        .bind(content.manifest.map(|digest| digest.to_string()))
        .bind(&content.origin)
        .bind(&content.who)
        .bind(content.observed_at.as_millis())
        .bind(content.valid_until.as_millis())
        .bind(&content.statement)
        .bind($at.as_millis())
        .bind(&content.scanner)
        .bind(content.reported.as_ref().map(|of| of.digest.to_string()))
        .bind(content.reported.as_ref().map(|of| of.format.as_str()))
        .bind(content.reported.as_ref().map(|of| of.findings.counts()))
        .bind(content.waives.map($crate::levels::Waived::as_str))
        .execute(&mut *$tx)
        .await?
        .rows_affected()
    }};
}

pub(super) use {file, select_evidence};

/// A row as both engines return it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    evidence_id: String,
    tenant: String,
    kind: String,
    name: String,
    sort: String,
    verdict: String,
    manifest: Option<String>,
    origin: Option<String>,
    who: String,
    observed_at: i64,
    valid_until: i64,
    statement: String,
    scanner: Option<String>,
    report: Option<String>,
    format: Option<String>,
    findings: Option<String>,
    waives: Option<String>,
    void: i64,
}

/// An approval as both engines return it.
#[derive(sqlx::FromRow)]
pub(super) struct ApprovalRow {
    evidence_id: String,
    who: String,
    at: i64,
    key_id: Option<String>,
    valid_until: Option<i64>,
    void: i64,
}

impl From<ApprovalRow> for Approval {
    fn from(row: ApprovalRow) -> Self {
        let signed = row.key_id.zip(row.valid_until);
        Self {
            who: row.who,
            at: Timestamp::from_millis(row.at),
            signed: signed.map(|(key_id, until)| Signed {
                key_id,
                valid_until: Timestamp::from_millis(until),
            }),
            void: row.void != 0,
        }
    }
}

fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "not a value of this column".into(),
    }
}

pub(super) fn read(row: Row, approvals: Vec<Approval>) -> Result<Evidence, sqlx::Error> {
    let id = EvidenceId::parse(&row.evidence_id).ok_or_else(|| damaged("evidence_id"))?;
    let manifest = row.manifest.as_deref().map(|hex| {
        let digest = Digest::from_hex(hex);
        digest.ok_or_else(|| damaged("manifest"))
    });
    let reported = match (&row.report, &row.format, &row.findings) {
        (Some(digest), Some(format), Some(findings)) => Some(Reported {
            digest: Digest::from_hex(digest).ok_or_else(|| damaged("report"))?,
            format: Format::parse(format).ok_or_else(|| damaged("format"))?,
            findings: Findings::parse(findings).ok_or_else(|| damaged("findings"))?,
        }),
        _ => None,
    };
    let waives = row.waives.as_deref().map(|text| {
        let waived = Waived::parse(text);
        waived.ok_or_else(|| damaged("waives"))
    });
    Ok(Evidence {
        id,
        content: Content {
            subject: Subject {
                tenant: row.tenant,
                kind: row.kind.parse().map_err(|_| damaged("kind"))?,
                name: row.name,
            },
            kind: EvidenceType::parse(&row.sort).ok_or_else(|| damaged("type"))?,
            verdict: Verdict::read(&row.verdict),
            manifest: manifest.transpose()?,
            origin: row.origin,
            who: row.who,
            observed_at: Timestamp::from_millis(row.observed_at),
            valid_until: Timestamp::from_millis(row.valid_until),
            statement: row.statement,
            scanner: row.scanner,
            reported,
            waives: waives.transpose()?,
        },
        approvals,
        void: row.void != 0,
    })
}

/// Evidence with its approvals, in the order of the rows.
pub(super) fn join(
    rows: Vec<Row>,
    approvals: Vec<ApprovalRow>,
) -> Result<Vec<Evidence>, sqlx::Error> {
    let mut by_id: BTreeMap<String, Vec<Approval>> = BTreeMap::new();
    for mut row in approvals {
        let id = std::mem::take(&mut row.evidence_id);
        by_id.entry(id).or_default().push(row.into());
    }
    let joined = rows.into_iter().map(|row| {
        let approvals = by_id.remove(&row.evidence_id).unwrap_or_default();
        read(row, approvals)
    });
    joined.collect()
}

impl Db {
    /// Files a piece of evidence, with the report it rests on if there is one, computes the level of its
    /// subject anew, and tells the feed of a change. The same again changes nothing.
    ///
    /// # Errors
    /// [`ReportError::Revoked`] for a scan by a scanner that is not believed, unless it lowers;
    /// [`ReportError::Full`]; [`Error::Database`], [`Error::Event`].
    pub async fn file_evidence(
        &self,
        content: &Content,
        report: Option<&str>,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<Told, Error> {
        let subject = &content.subject;
        Ok(transaction!(self, tx => {
            if content.kind == EvidenceType::Scan {
                let scanner = content.scanner.as_deref().unwrap_or(OPERATOR);
                // An operator may always say that something is wrong.
                let lowers = content.scanner.is_none() && content.verdict == Verdict::Fail;
                if !lock_scanner!(tx, &subject.tenant, scanner, at) && !lowers {
                    return Err(ReportError::Revoked(scanner.to_owned()).into());
                }
            }
            if let (Some(body), Some(reported)) = (report, &content.reported) {
                let digest = reported.digest.to_string();
                keep!(tx, &subject.tenant, &digest, body, content.valid_until, at);
            }
            if file!(tx, content, at) == 1 {
                let reason = match content.verdict {
                    Verdict::Fail => "evidence_against",
                    _ => "evidence_recorded",
                };
                let told = reassess!(tx, subject, policy, at, reason, false);
                let id = content.id();
                let detail = content.detail(&told);
                audit!(self, tx, Entry {
                    at,
                    by: &content.who,
                    action: "evidence.file",
                    subject: id.as_str(),
                    detail: &detail,
                });
                told
            } else {
                Told::default()
            }
        }))
    }

    /// A piece of evidence by its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn evidence(&self, id: &EvidenceId) -> Result<Option<Evidence>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(select_evidence!("WHERE evidence_id = $1"))
                .bind(id.as_str())
                .fetch_optional(pool)
                .await?
        });
        let approvals: Vec<ApprovalRow> = on!(self, pool => {
            sqlx::query_as(select_approvals!("WHERE a.evidence_id = $1"))
            .bind(id.as_str())
            .fetch_all(pool)
            .await?
        });
        let found = join(row.into_iter().collect(), approvals)?;
        Ok(found.into_iter().next())
    }
}
