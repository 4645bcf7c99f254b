//! Deliveries that are fetched (RFC 8936): they wait until whoever fetches says what became of them.

use mcps_core::clock::Timestamp;
use sqlx::QueryBuilder;

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

/// Of the messages that wait for one endpoint.
const OF_ENDPOINT: &str = " WHERE state = 'waiting' AND webhook_id = ";

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
        transaction!(self, tx => {
            if !taken.is_empty() {
                let mut query = QueryBuilder::new(
                    "UPDATE deliveries SET state = 'sent', last_error = NULL, ended_at = ",
                );
                query.push_bind(now.as_millis());
                query.push(OF_ENDPOINT).push_bind(webhook_id).push(" AND message_id IN (");
                let mut list = query.separated(", ");
                for id in taken {
                    list.push_bind(id);
                }
                list.push_unseparated(")");
                query.build().execute(&mut *tx).await?;
            }
            for (id, why) in refused {
                sqlx::query(
                    "UPDATE deliveries SET state = 'dead', last_error = $3, ended_at = $4 \
                     WHERE message_id = $1 AND webhook_id = $2 AND state = 'waiting'",
                )
                .bind(id)
                .bind(webhook_id)
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

    /// Counts that messages were given out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn given_out(&self, webhook_id: &str, ids: &[&str]) -> Result<(), sqlx::Error> {
        if ids.is_empty() {
            return Ok(());
        }
        on!(self, pool => {
            let mut query = QueryBuilder::new("UPDATE deliveries SET attempts = attempts + 1");
            query.push(OF_ENDPOINT).push_bind(webhook_id).push(" AND message_id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(*id);
            }
            list.push_unseparated(")");
            query.build().execute(pool).await.map(|_| ())
        })
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
