//! The exchange of a key for another: what it supersedes, and when that is told.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Target};
use mcps_core::passport::PassportId;
use mcps_core::signature::Signature;

use super::audit::{Entry, audit};
use super::feed::append;
use super::revocations::list;
use super::row::{Row, passport_id, select_issued};
use super::{Db, Reason, Record, on, transaction};
use crate::error::Error;

/// Most passports that are told of at once.
const BATCH: i64 = 100;

impl Db {
    /// The second step of a passport by which another's key is exchanged: stores the signature, and
    /// from when on the subject's passports of the old key are superseded. `false` when it must not
    /// leave, since it was signed or revoked before.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn complete_rotation(
        &self,
        id: &PassportId,
        signature: &Signature,
        old: &PassportId,
        (now, supersede_at): (Timestamp, Timestamp),
    ) -> Result<bool, Error> {
        let done = transaction!(self, tx => {
            let (kid, tenant, kind, name): (String, String, String, String) = sqlx::query_as(
                "SELECT kid, tenant, kind, name FROM passports WHERE passport_id = $1",
            )
            .bind(old.as_str())
            .fetch_one(&mut *tx)
            .await?;
            // The lock that a renewal of the old key takes: after this there is none.
            sqlx::query("UPDATE subject_keys SET kid = kid WHERE kid = $1")
                .bind(&kid)
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query(
                "UPDATE passports SET signature = $2 \
                 WHERE passport_id = $1 AND signature IS NULL AND revoked_at IS NULL",
            )
            .bind(id.as_str())
            .bind(signature.to_base64())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if done == 1 {
                sqlx::query(
                    "UPDATE passports SET supersede_at = $5 WHERE kid = $1 AND tenant = $2 \
                     AND kind = $3 AND name = $4 AND revoked_at IS NULL AND supersede_at IS NULL",
                )
                .bind(&kid)
                .bind(&tenant)
                .bind(&kind)
                .bind(&name)
                .bind(supersede_at.as_millis())
                .execute(&mut *tx)
                .await?;
                let detail = [
                    ("tenant", tenant),
                    ("passport", old.to_string()),
                    ("replaced_by", id.to_string()),
                    ("superseded_at", supersede_at.to_string()),
                ];
                audit!(self, tx, Entry {
                    at: now,
                    by: old.as_str(),
                    action: "key.rotate",
                    subject: &kid,
                    detail: &detail,
                });
            }
            done
        });
        Ok(done == 1)
    }

    /// The newest passport of that key in the line of this one, if one is still good: also when what
    /// was exchanged is a renewal of this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rotated(
        &self,
        old: &PassportId,
        kid: &str,
        now: Timestamp,
    ) -> Result<Option<Record>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(select_issued!(
                "AND line = (SELECT line FROM passports AS named WHERE named.passport_id = $1) \
                 AND kid = $2 AND revoked_at IS NULL AND supersede_at IS NULL \
                 AND expires_at > $3 ORDER BY issued_at DESC, passport_id DESC LIMIT 1"
            ))
            .bind(old.as_str())
            .bind(kid)
            .bind(now.as_millis())
            .fetch_optional(pool)
            .await?
        });
        row.map(Record::try_from).transpose()
    }

    /// Revokes what is superseded by now and tells the feed of what somebody could still accept.
    /// Gives how many there were; of several replicas one finds each.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn supersede_due(&self, now: Timestamp) -> Result<usize, Error> {
        const DUE: &str = "SELECT passport_id FROM passports \
             WHERE supersede_at <= $1 AND revoked_at IS NULL ORDER BY passport_id LIMIT $2";
        let due: Vec<(String,)> = on!(self, pool => {
            sqlx::query_as(DUE)
                .bind(now.as_millis())
                .bind(BATCH)
                .fetch_all(pool)
                .await?
        });
        // Most often there is nothing, and then no lock is taken.
        if due.is_empty() {
            return Ok(0);
        }
        let (at, reason) = (now.as_millis(), Reason::Superseded.as_str());
        let superseded = transaction!(self, tx => {
            let mut ended_now = Vec::new();
            let mut actions = Vec::new();
            for (id,) in &due {
                let ended: Option<(i64,)> = sqlx::query_as(
                    "UPDATE passports SET revoked_at = supersede_at, reason = $2, \
                     revoked_by = 'rotation' WHERE passport_id = $1 AND revoked_at IS NULL \
                     RETURNING expires_at",
                )
                .bind(id)
                .bind(reason)
                .fetch_optional(&mut *tx)
                .await?;
                if let Some((expires_at,)) = ended {
                    ended_now.push(id.as_str());
                    if expires_at > at {
                        actions.push(Action::Revoke(Target::Passport(passport_id(id)?)));
                    }
                }
            }
            let mut told = Vec::new();
            if !actions.is_empty() {
                let position = append!(tx, now, &actions, reason);
                let position = position.cursor().to_string();
                told.push(("position", position.clone()));
                for (id,) in &due {
                    sqlx::query(
                        "UPDATE passports SET told_at = $2 \
                         WHERE passport_id = $1 AND told_at IS NULL AND expires_at > $3",
                    )
                    .bind(id)
                    .bind(&position)
                    .bind(at)
                    .execute(&mut *tx)
                    .await?;
                }
            }
            let mut detail = vec![("reason", reason.to_owned())];
            detail.extend(told);
            // One record, or two replicas could wait for each other's lanes.
            if let Some((first, others)) = ended_now.split_first() {
                if !others.is_empty() {
                    detail.push(("with_it", list(others)));
                }
                audit!(self, tx, Entry {
                    at: now,
                    by: "authority",
                    action: "passport.revoke",
                    subject: first,
                    detail: &detail,
                });
            }
            ended_now.len()
        });
        Ok(superseded)
    }
}
