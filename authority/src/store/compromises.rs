//! The block of a compromised key, and the end of all that came of it.

use mcps_core::feed::{Action, Target};
use mcps_core::key::KeyId;

use super::audit::{Entry, audit};
use super::feed::append;
use super::revocations::list;
use super::row::passport_id;
use super::{Db, Done, Revocation, on, transaction};
use crate::error::Error;

/// Keys with passports in any line that this key has one in: those that it was exchanged for, and
/// those that were exchanged for it.
pub(super) const KEYS_OF_LINES: &str = "SELECT DISTINCT kid FROM passports \
     WHERE line IN (SELECT line FROM passports WHERE kid = $1) ORDER BY kid";
/// The rest of the lines in which the key is. Whoever had the key could exchange it for their own.
pub(super) const REVOKE_LINES: &str = "UPDATE passports SET revoked_at = $2, \
     reason = 'key_compromise', revoked_by = $3, note = COALESCE($4, note) \
     WHERE revoked_at IS NULL AND line IN (SELECT line FROM passports WHERE kid = $1) \
     RETURNING passport_id, expires_at, kid";

/// Locks all keys of the lines that a key is in, so that nothing is issued for one of them until the
/// transaction ends. A rotation that was under way may add a key to the line: then look again.
macro_rules! lock_lines {
    ($tx:ident, $kid:expr) => {
        let mut locked: Vec<(String,)> = Vec::new();
        loop {
            let kids: Vec<(String,)> = sqlx::query_as($crate::store::compromises::KEYS_OF_LINES)
                .bind($kid)
                .fetch_all(&mut *$tx)
                .await?;
            let new: Vec<_> = kids
                .into_iter()
                .filter(|kid| !locked.contains(kid))
                .collect();
            if new.is_empty() {
                break;
            }
            for (kid,) in &new {
                sqlx::query("UPDATE subject_keys SET kid = kid WHERE kid = $1")
                    .bind(kid)
                    .execute(&mut *$tx)
                    .await?;
            }
            locked.extend(new);
        }
    };
}

pub(super) use lock_lines;

/// What the feed is told of a block: one event for the key, however many passports it has, and one
/// for each passport of another key that ended with it and that somebody could still accept.
pub(super) fn told(
    key: &KeyId,
    ended: &[(String, i64, String)],
    at: i64,
) -> Result<Vec<Action>, sqlx::Error> {
    let mut actions = vec![Action::KeyBlock(key.clone())];
    for (id, expires_at, kid) in ended {
        if kid != key.as_str() && *expires_at > at {
            actions.push(Action::Revoke(Target::Passport(passport_id(id)?)));
        }
    }
    Ok(actions)
}

impl Db {
    /// Whether a key was ever certified here, or blocked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn knows_key(&self, key: &KeyId) -> Result<bool, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT kid FROM subject_keys WHERE kid = $1")
                .bind(key.as_str())
                .fetch_optional(pool)
                .await?
        });
        Ok(row.is_some())
    }

    /// Blocks a key as compromised, whether or not it was ever certified here, and revokes every
    /// passport for it and all that came of one by rotation. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::Event`], [`Error::Database`].
    pub async fn block_key(&self, key: &KeyId, order: &Revocation) -> Result<Done, Error> {
        let at = order.at.as_millis();
        let position = transaction!(self, tx => {
            lock_lines!(tx, key.as_str());
            let blocked = sqlx::query(
                "INSERT INTO subject_keys (kid, first_used_at, last_used_at, blocked_at, blocked_by) \
                 VALUES ($1, $2, $2, $2, $3) ON CONFLICT (kid) DO UPDATE \
                 SET blocked_at = excluded.blocked_at, blocked_by = excluded.blocked_by \
                 WHERE subject_keys.blocked_at IS NULL",
            )
            .bind(key.as_str())
            .bind(at)
            .bind(&order.by)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if blocked == 0 {
                let (position,): (Option<String>,) =
                    sqlx::query_as("SELECT told_at FROM subject_keys WHERE kid = $1")
                        .bind(key.as_str())
                        .fetch_one(&mut *tx)
                        .await?;
                return Ok(order.done(position, false));
            }
            sqlx::query(
                "UPDATE passports SET revoked_at = COALESCE(revoked_at, $2), \
                 reason = 'key_compromise', revoked_by = COALESCE(revoked_by, $3), \
                 note = COALESCE($4, note) WHERE kid = $1",
            )
            .bind(key.as_str())
            .bind(at)
            .bind(&order.by)
            .bind(&order.note)
            .execute(&mut *tx)
            .await?;
            let ended: Vec<(String, i64, String)> = sqlx::query_as(REVOKE_LINES)
                .bind(key.as_str())
                .bind(at)
                .bind(&order.by)
                .bind(&order.note)
                .fetch_all(&mut *tx)
                .await?;
            let actions = told(key, &ended, at)?;
            let position = append!(tx, order.at, &actions, order.reason.as_str());
            let position = position.cursor().to_string();
            sqlx::query("UPDATE subject_keys SET told_at = $2 WHERE kid = $1")
                .bind(key.as_str())
                .bind(&position)
                .execute(&mut *tx)
                .await?;
            for (id, ..) in &ended {
                sqlx::query("UPDATE passports SET told_at = $2 WHERE passport_id = $1")
                    .bind(id)
                    .bind(&position)
                    .execute(&mut *tx)
                    .await?;
            }
            if order.dry_run {
                return Ok(order.done(None, true));
            }
            let others: Vec<&str> = ended.iter().map(|(id, ..)| id.as_str()).collect();
            let mut detail = order.detail();
            detail.push(("position", position.clone()));
            if !others.is_empty() {
                detail.push(("with_it", list(&others)));
            }
            audit!(self, tx, Entry {
                at: order.at,
                by: &order.by,
                action: "key.block",
                subject: key.as_str(),
                detail: &detail,
            });
            position
        });
        Ok(order.done(Some(position), true))
    }
}
