//! The keys of approvers, and what they sign.

use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::key::{KeyId, PublicKey};

use super::audit::{Entry, audit};
use super::evidence::{Row, read, select_evidence};
use super::row::damaged;
use super::trust::{Told, reassess};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::levels::{EvidenceId, Policy, Subject};

/// The key of an approver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverKey {
    /// The operator.
    pub operator_id: String,
    /// The key.
    pub key: PublicKey,
    /// Since when.
    pub added_at: Timestamp,
    /// Since when no more.
    pub revoked_at: Option<Timestamp>,
    /// Who revoked it.
    pub revoked_by: Option<String>,
}

/// An approval that was signed, and verified.
#[derive(Clone, Debug)]
pub struct NewApproval {
    /// Of which evidence.
    pub evidence: EvidenceId,
    /// The operator.
    pub who: String,
    /// By whose key.
    pub key_id: KeyId,
    /// Until when.
    pub valid_until: Timestamp,
    /// The signed statement.
    pub statement: String,
    /// When it came.
    pub at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    operator_id: String,
    public_key: String,
    added_at: i64,
    revoked_at: Option<i64>,
    revoked_by: Option<String>,
}

impl TryFrom<KeyRow> for ApproverKey {
    type Error = sqlx::Error;

    fn try_from(row: KeyRow) -> Result<Self, sqlx::Error> {
        let document = Document::parse(row.public_key).map_err(|_| damaged("public_key"))?;
        let key = PublicKey::from_jwk(document.root()).map_err(|_| damaged("public_key"))?;
        Ok(Self {
            operator_id: row.operator_id,
            key,
            added_at: Timestamp::from_millis(row.added_at),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
            revoked_by: row.revoked_by,
        })
    }
}

/// Judges anew all whose approvals are void now, those for which `$which` holds of `$id`, and tells the feed
/// of each level that falls. Gives who fell.
macro_rules! fall {
    ($tx:ident, $which:literal, $id:expr, $policy:expr, $at:expr, $reason:literal) => {{
        let approved: Vec<(String, String, String)> = sqlx::query_as(concat!(
            "SELECT DISTINCT e.tenant, e.kind, e.name FROM evidence_approvals a \
             JOIN evidence e ON e.evidence_id = a.evidence_id WHERE ",
            $which,
            " ORDER BY e.tenant, e.kind, e.name"
        ))
        .bind($id)
        .fetch_all(&mut *$tx)
        .await?;
        let mut subjects = Vec::with_capacity(approved.len());
        for (tenant, kind, name) in approved {
            let kind = kind.parse();
            let kind = kind.map_err(|_| $crate::store::row::damaged("kind"))?;
            subjects.push($crate::levels::Subject { tenant, kind, name });
        }
        // All of them before the head of the feed, which others lock after theirs.
        for subject in &subjects {
            sqlx::query($crate::store::trust::LOCK_TRUST)
                .bind(&subject.tenant)
                .bind(subject.kind.as_str())
                .bind(&subject.name)
                .execute(&mut *$tx)
                .await?;
        }
        let mut fallen = Vec::new();
        for subject in subjects {
            let told = $crate::store::trust::reassess!($tx, &subject, $policy, $at, $reason, false);
            if told.position.is_some() {
                fallen.push((subject, told));
            }
        }
        fallen
    }};
}

pub(super) use fall;

impl Db {
    /// The keys of all approvers, the newest first; at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn approver_keys(&self, limit: i64) -> Result<Vec<ApproverKey>, sqlx::Error> {
        let rows: Vec<KeyRow> = on!(self, pool => {
            sqlx::query_as(
                "SELECT operator_id, public_key, added_at, revoked_at, revoked_by \
                 FROM approver_keys ORDER BY added_at DESC, key_id LIMIT $1",
            )
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(ApproverKey::try_from).collect()
    }

    /// The key that an operator approves by.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn approver_key(&self, operator: &str) -> Result<Option<ApproverKey>, sqlx::Error> {
        let row: Option<KeyRow> = on!(self, pool => {
            sqlx::query_as(
                "SELECT operator_id, public_key, added_at, revoked_at, revoked_by \
                 FROM approver_keys WHERE operator_id = $1 AND revoked_at IS NULL",
            )
            .bind(operator)
            .fetch_optional(pool)
            .await?
        });
        row.map(ApproverKey::try_from).transpose()
    }

    /// Takes on the key that an operator approves by. The same again changes nothing.
    ///
    /// # Errors
    /// [`Error::ApproverKeyTaken`] when the operator has another one, or the key is or was somebody's;
    /// [`Error::Database`].
    pub async fn add_approver_key(
        &self,
        operator: &str,
        key: &PublicKey,
        at: Timestamp,
    ) -> Result<(), Error> {
        let id = key.key_id().to_string();
        transaction!(self, tx => {
            let added = sqlx::query(
                "INSERT INTO approver_keys (key_id, operator_id, public_key, added_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(&id)
            .bind(operator)
            .bind(key.to_jwk())
            .bind(at.as_millis())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if added == 0 {
                let own: Option<(String,)> = sqlx::query_as(
                    "SELECT key_id FROM approver_keys \
                     WHERE key_id = $1 AND operator_id = $2 AND revoked_at IS NULL",
                )
                .bind(&id)
                .bind(operator)
                .fetch_optional(&mut *tx)
                .await?;
                return own.map(|_| ()).ok_or(Error::ApproverKeyTaken);
            }
            audit!(self, tx, Entry {
                at,
                by: operator,
                action: "approver_key.add",
                subject: &id,
                detail: &[],
            });
        });
        Ok(())
    }

    /// Revokes the key of an approver: what was approved by it is void at once, and every level that
    /// falls with it is told in the same transaction. Revoking again changes nothing.
    ///
    /// # Errors
    /// [`Error::ApproverKeyNotFound`], [`Error::Database`], [`Error::Event`].
    pub async fn revoke_approver_key(
        &self,
        id: &KeyId,
        policy: &Policy,
        by: &str,
        at: Timestamp,
    ) -> Result<Vec<(Subject, Told)>, Error> {
        let id = id.as_str();
        Ok(transaction!(self, tx => 'revoked: {
            let known: Option<(Option<i64>,)> = sqlx::query_as(
                "UPDATE approver_keys SET key_id = key_id WHERE key_id = $1 RETURNING revoked_at",
            )
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
            let (revoked_at,) = known.ok_or(Error::ApproverKeyNotFound)?;
            if revoked_at.is_some() {
                break 'revoked Vec::new();
            }
            sqlx::query("UPDATE approver_keys SET revoked_at = $2, revoked_by = $3 WHERE key_id = $1")
                .bind(id)
                .bind(at.as_millis())
                .bind(by)
                .execute(&mut *tx)
                .await?;
            let fallen = fall!(tx, "a.key_id = $1", id, policy, at, "approver_key_revoked");
            audit!(self, tx, Entry {
                at,
                by,
                action: "approver_key.revoke",
                subject: id,
                detail: &[("fallen", fallen.len().to_string())],
            });
            fallen
        }))
    }

    /// Files an approval, and tells the feed of what that changes. One that holds no longer than the one
    /// by the same key before changes nothing.
    ///
    /// # Errors
    /// [`Error::EvidenceNotFound`], [`Error::OwnEvidence`] for who submitted it, [`Error::NoApproval`]
    /// for what needs none, [`Error::ApproverKeyNotFound`] when the key was revoked meanwhile;
    /// [`Error::Database`], [`Error::Event`].
    pub async fn approve_evidence(
        &self,
        new: &NewApproval,
        policy: &Policy,
    ) -> Result<Told, Error> {
        let (id, at) = (&new.evidence, new.at);
        Ok(transaction!(self, tx => {
            let row: Option<Row> = sqlx::query_as(select_evidence!("WHERE evidence_id = $1"))
                .bind(id.as_str())
                .fetch_optional(&mut *tx)
                .await?;
            let found = read(row.ok_or(Error::EvidenceNotFound)?, Vec::new())?;
            if found.content.who == new.who {
                return Err(Error::OwnEvidence);
            }
            let level = found.content.approved_for().ok_or(Error::NoApproval)?;
            // So that it is not revoked meanwhile.
            let live = sqlx::query(
                "UPDATE approver_keys SET key_id = key_id \
                 WHERE key_id = $1 AND operator_id = $2 AND revoked_at IS NULL",
            )
            .bind(new.key_id.as_str())
            .bind(&new.who)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if live == 0 {
                return Err(Error::ApproverKeyNotFound);
            }
            let fresh = sqlx::query(
                "INSERT INTO evidence_approvals \
                 (evidence_id, who, at, key_id, valid_until, statement) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (evidence_id, who) DO UPDATE SET at = excluded.at, \
                 key_id = excluded.key_id, valid_until = excluded.valid_until, \
                 statement = excluded.statement \
                 WHERE evidence_approvals.key_id IS NULL \
                 OR evidence_approvals.key_id <> excluded.key_id \
                 OR evidence_approvals.valid_until < excluded.valid_until",
            )
            .bind(id.as_str())
            .bind(&new.who)
            .bind(at.as_millis())
            .bind(new.key_id.as_str())
            .bind(new.valid_until.as_millis())
            .bind(&new.statement)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if fresh == 1 {
                let subject = &found.content.subject;
                let told = reassess!(tx, subject, policy, at, "evidence_approved", false);
                let mut detail = vec![
                    ("key_id", new.key_id.to_string()),
                    ("for", level.number().to_string()),
                    ("until", new.valid_until.to_string()),
                ];
                detail.extend(told.detail());
                audit!(self, tx, Entry {
                    at,
                    by: &new.who,
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
}
