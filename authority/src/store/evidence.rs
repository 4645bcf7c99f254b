//! Evidence on file, who agreed with it, and what is known of a subject beside it.

use std::collections::BTreeMap;

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use super::audit::{Entry, audit};
use super::trust::{Told, reassess};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::{
    Approval, Content, Evidence, EvidenceId, EvidenceType, Policy, Subject, Verdict,
};

/// Selects [`Row`]s; what follows begins with `WHERE`.
macro_rules! select_evidence {
    ($rest:literal) => {
        concat!(
            "SELECT evidence_id, tenant, kind, name, type AS sort, verdict, manifest, origin, who, ",
            "observed_at, valid_until, statement FROM evidence ",
            $rest
        )
    };
}

/// All that is on file about a subject.
pub(super) const OF_SUBJECT: &str = select_evidence!(
    "WHERE tenant = $1 AND kind = $2 AND name = $3 ORDER BY observed_at, evidence_id"
);
/// Who agreed with any of it.
pub(super) const APPROVALS_OF_SUBJECT: &str = "SELECT evidence_id, who, at FROM evidence_approvals \
     WHERE evidence_id IN \
     (SELECT evidence_id FROM evidence WHERE tenant = $1 AND kind = $2 AND name = $3) \
     ORDER BY at, who";

/// Files a piece of evidence inside a transaction; 1 when it is new, else 0.
macro_rules! file {
    ($tx:ident, $content:expr, $at:expr) => {{
        let content: &$crate::levels::Content = $content;
        sqlx::query(
            "INSERT INTO evidence (evidence_id, tenant, kind, name, type, verdict, manifest, \
             origin, who, observed_at, valid_until, statement, recorded_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
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
        .execute(&mut *$tx)
        .await?
        .rows_affected()
    }};
}

pub(super) use file;

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
}

fn damaged(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: "not a value of this column".into(),
    }
}

fn read(row: Row, approvals: Vec<Approval>) -> Result<Evidence, sqlx::Error> {
    let id = EvidenceId::parse(&row.evidence_id).ok_or_else(|| damaged("evidence_id"))?;
    let manifest = row.manifest.as_deref().map(|hex| {
        let digest = Digest::from_hex(hex);
        digest.ok_or_else(|| damaged("manifest"))
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
        },
        approvals,
    })
}

/// Evidence with its approvals, in the order of the rows.
pub(super) fn join(
    rows: Vec<Row>,
    approvals: Vec<(String, String, i64)>,
) -> Result<Vec<Evidence>, sqlx::Error> {
    let mut by_id: BTreeMap<String, Vec<Approval>> = BTreeMap::new();
    for (id, who, at) in approvals {
        let at = Timestamp::from_millis(at);
        by_id.entry(id).or_default().push(Approval { who, at });
    }
    let joined = rows.into_iter().map(|row| {
        let approvals = by_id.remove(&row.evidence_id).unwrap_or_default();
        read(row, approvals)
    });
    joined.collect()
}

impl Db {
    /// Files a piece of evidence, computes the level of its subject anew, and tells the feed of a
    /// change. The same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Event`].
    pub async fn file_evidence(
        &self,
        content: &Content,
        policy: &Policy,
        at: Timestamp,
    ) -> Result<Told, Error> {
        let subject = &content.subject;
        Ok(transaction!(self, tx => {
            if file!(tx, content, at) == 1 {
                let told = reassess!(tx, subject, policy, at, "evidence_recorded", false);
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

    /// Agrees with a piece of evidence, and tells the feed of what that changes. Agreeing again
    /// changes nothing.
    ///
    /// # Errors
    /// [`Error::EvidenceNotFound`], [`Error::OwnEvidence`] for who submitted it,
    /// [`Error::Database`], [`Error::Event`].
    pub async fn approve_evidence(
        &self,
        id: &EvidenceId,
        approval: &Approval,
        policy: &Policy,
    ) -> Result<Told, Error> {
        Ok(transaction!(self, tx => {
            let row: Option<Row> = sqlx::query_as(select_evidence!("WHERE evidence_id = $1"))
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            let found = read(row.ok_or(Error::EvidenceNotFound)?, Vec::new())?;
            if found.content.who == approval.who {
                return Err(Error::OwnEvidence);
            }
            let fresh = sqlx::query(
                "INSERT INTO evidence_approvals (evidence_id, who, at) VALUES ($1, $2, $3) \
                 ON CONFLICT (evidence_id, who) DO NOTHING",
            )
            .bind(id.as_str())
            .bind(&approval.who)
            .bind(approval.at.as_millis())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if fresh == 1 {
                let subject = &found.content.subject;
                let told =
                    reassess!(tx, subject, policy, approval.at, "evidence_approved", false);
                let mut detail = told.detail();
                detail.push(("tenant", subject.tenant.clone()));
                audit!(self, tx, Entry {
                    at: approval.at,
                    by: &approval.who,
                    action: "evidence.approve",
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
        let approvals: Vec<(String, String, i64)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT evidence_id, who, at FROM evidence_approvals WHERE evidence_id = $1 \
                 ORDER BY at, who",
            )
            .bind(id.as_str())
            .fetch_all(pool)
            .await?
        });
        let found = join(row.into_iter().collect(), approvals)?;
        Ok(found.into_iter().next())
    }
}
