//! Whose turn it is to fetch a source's tokens, and what came of the turns before.

use std::time::Duration;

use mcps_core::clock::Timestamp;

use super::{Db, on};
use crate::hooks::Hook;

/// How long one replica alone polls, unless it says that it still does; longer than a long poll.
const LEASE: Duration = Duration::from_secs(30);

/// A source whose tokens are to be fetched now.
#[derive(Clone, Debug)]
pub struct DuePoll {
    /// The source.
    pub hook: Hook,
    /// Which turn it is.
    pub turn: i64,
    /// How many before it have failed, one after the other.
    pub failures: i64,
}

/// How polling a source goes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PollRecord {
    /// The source's name.
    pub name: String,
    /// When it was last answered, in milliseconds.
    pub polled_at: Option<i64>,
    /// How often it has failed since.
    pub poll_failures: i64,
    /// Why.
    pub poll_error: Option<String>,
}

impl Db {
    /// Takes turns at sources whose tokens are to be fetched, for this replica alone; at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease_polls(
        &self,
        most: i64,
        now: Timestamp,
    ) -> Result<Vec<DuePoll>, sqlx::Error> {
        // Looked at first: SQLite has one writer, and mostly nothing is due.
        let due: Option<(i64,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT poll_turn FROM hooks WHERE poll_url IS NOT NULL AND disabled_at IS NULL \
                 AND poll_next_at <= $1 AND poll_leased_until <= $1 LIMIT 1",
            )
            .bind(now.as_millis())
            .fetch_optional(pool)
            .await?
        });
        if due.is_none() {
            return Ok(Vec::new());
        }
        let leased: Vec<(String, i64, i64)> = on!(self, pool => {
            sqlx::query_as(
                "UPDATE hooks SET poll_leased_until = $2, poll_turn = poll_turn + 1 \
                 WHERE poll_next_at <= $1 AND poll_leased_until <= $1 AND name IN \
                 (SELECT name FROM hooks WHERE poll_url IS NOT NULL AND disabled_at IS NULL \
                 AND poll_next_at <= $1 AND poll_leased_until <= $1 \
                 ORDER BY poll_next_at, name LIMIT $3) \
                 RETURNING name, poll_turn, poll_failures",
            )
            .bind(now.as_millis())
            .bind(now.plus(LEASE).as_millis())
            .bind(most)
            .fetch_all(pool)
            .await?
        });
        let mut due = Vec::with_capacity(leased.len());
        for (name, turn, failures) in leased {
            // One that this version does not understand is not polled.
            if let Some(hook) = self.hook(&name).await? {
                due.push(DuePoll {
                    hook,
                    turn,
                    failures,
                });
            }
        }
        Ok(due)
    }

    /// Says that this replica is still at its turn; `false` when it is another's, or the source was
    /// changed or disabled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_polling(&self, due: &DuePoll, now: Timestamp) -> Result<bool, sqlx::Error> {
        let rows = on!(self, pool => {
            sqlx::query(
                "UPDATE hooks SET poll_leased_until = $3 \
                 WHERE name = $1 AND poll_turn = $2 AND disabled_at IS NULL",
            )
            .bind(&due.hook.name)
            .bind(due.turn)
            .bind(now.plus(LEASE).as_millis())
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// Ends a turn: the next one comes at an instant, and why this one failed, if it did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn polled(
        &self,
        due: &DuePoll,
        next: Timestamp,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE hooks SET poll_leased_until = 0, poll_next_at = $3, poll_error = $4, \
                 poll_failures = CASE WHEN $5 = 1 THEN poll_failures + 1 ELSE 0 END, \
                 polled_at = CASE WHEN $5 = 1 THEN polled_at ELSE $6 END \
                 WHERE name = $1 AND poll_turn = $2",
            )
            .bind(&due.hook.name)
            .bind(due.turn)
            .bind(next.as_millis())
            .bind(failure)
            .bind(i64::from(failure.is_some()))
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// How polling goes, of every source that is polled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn polls(&self) -> Result<Vec<PollRecord>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT name, polled_at, poll_failures, poll_error FROM hooks \
                 WHERE poll_url IS NOT NULL",
            )
            .fetch_all(pool)
            .await
        })
    }
}
