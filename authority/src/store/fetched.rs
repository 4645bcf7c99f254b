//! Deliveries that are fetched (RFC 8936): they wait until whoever fetches says what became of them.

use mcps_core::clock::Timestamp;

use super::{Db, on, transaction};
use crate::error::Error;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct WaitingDelivery {
    /// Its id.
    pub message_id: String,
    /// The message.
    pub body: String,
    /// When it was written, in milliseconds.
    pub created_at: i64,
}

impl Db {
    /// Says of messages that they were taken, or why not; of those that wait for this endpoint.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn answered_for(
        &self,
        webhook_id: &str,
        taken: &[String],
        refused: &[(String, String)],
        now: Timestamp,
    ) -> Result<(), Error> {
        if taken.is_empty() && refused.is_empty() {
            return Ok(());
        }
        let taken = taken.iter().map(|id| (id.as_str(), "sent", None));
        let refused = refused.iter();
        let refused = refused.map(|(id, why)| (id.as_str(), "dead", Some(why.as_str())));
        let all: Vec<(&str, &str, Option<&str>)> = taken.chain(refused).collect();
        transaction!(self, tx => {
            for (id, state, why) in &all {
                sqlx::query(
                    "UPDATE deliveries SET state = $3, last_error = $4, ended_at = $5 \
                     WHERE message_id = $1 AND webhook_id = $2 AND state = 'waiting'",
                )
                .bind(id)
                .bind(webhook_id)
                .bind(state)
                .bind(why)
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            }
        });
        Ok(())
    }

    /// The oldest messages that wait for an endpoint, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn waiting(
        &self,
        webhook_id: &str,
        most: i64,
    ) -> Result<Vec<WaitingDelivery>, sqlx::Error> {
        on!(self, pool => {
            // Those that were written together are told apart by their number.
            sqlx::query_as(
                "SELECT message_id, body, created_at FROM deliveries \
                 WHERE webhook_id = $1 AND state = 'waiting' \
                 ORDER BY created_at, LENGTH(message_id), message_id LIMIT $2",
            )
            .bind(webhook_id)
            .bind(most)
            .fetch_all(pool)
            .await
        })
    }

    /// Counts that a message was given out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn given_out(&self, webhook_id: &str, ids: &[&str]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        transaction!(self, tx => {
            for id in ids {
                sqlx::query(
                    "UPDATE deliveries SET attempts = attempts + 1 \
                     WHERE message_id = $1 AND webhook_id = $2 AND state = 'waiting'",
                )
                .bind(id)
                .bind(webhook_id)
                .execute(&mut *tx)
                .await?;
            }
        });
        Ok(())
    }

    /// Has what waits since before an instant a dead letter.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up_waiting(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE deliveries SET state = 'dead', ended_at = $2, \
                 last_error = 'it was not fetched within 7 days' \
                 WHERE state = 'waiting' AND created_at < $1",
            )
            .bind(before.as_millis())
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }
}
