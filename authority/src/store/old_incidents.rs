//! What of the inbox is not kept any more.

use std::time::Duration;

use mcps_core::clock::Timestamp;

use super::audit::{Entry, audit};
use super::{Db, transaction};
use crate::error::Error;

/// How many go at a time.
const AT_ONCE: i64 = 1000;

/// Incidents from before `$1` that wait for nobody and hold nobody back: what was revoked stays so, and a
/// suspension that nobody ended and no time ends is in force at `$2`.
const OLD: &str = "DELETE FROM incidents WHERE incident_id IN (SELECT incident_id FROM incidents \
     WHERE at < $1 AND outcome NOT IN ('pending', 'proposed') \
     AND NOT (outcome IN ('done', 'unchanged') AND ended_at IS NULL AND (action = 'revoke' \
     OR (action = 'suspend' AND (suspend_ms IS NULL OR COALESCE(decided_at, at) + suspend_ms > $2)))) \
     ORDER BY at LIMIT $3)";

impl Db {
    /// Drops the incidents that are older than `keep`, but for those that wait for an operator or are in
    /// force. How many there were.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn prune_incidents(&self, keep: Duration, now: Timestamp) -> Result<u64, Error> {
        let before = now.minus(keep);
        let mut count = 0_u64;
        loop {
            let gone = transaction!(self, tx => {
                let gone = sqlx::query(OLD)
                    .bind(before.as_millis())
                    .bind(now.as_millis())
                    .bind(AT_ONCE)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
                if gone > 0 {
                    audit!(self, tx, Entry {
                        at: now,
                        by: "authority",
                        action: "incident.prune",
                        subject: "inbox",
                        detail: &[("before", before.to_string()), ("incidents", gone.to_string())],
                    });
                }
                gone
            });
            count = count.saturating_add(gone);
            if gone == 0 {
                return Ok(count);
            }
        }
    }
}
