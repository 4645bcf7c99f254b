//! What is to be delivered to whom, and what came of it.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{FeedError, Target};
use mcps_core::json::{Document, Value};

use super::audit::{Entry, audit};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::webhooks::{Form, Message};

/// How long one replica alone tries to deliver; longer than an attempt takes.
const LEASE: Duration = Duration::from_secs(30);
/// Most deliveries at once, and of one endpoint: one that is slow does not hold up the others.
const AT_ONCE: i64 = 32;
const OF_ONE: i64 = 4;
/// Most events that are looked at at once.
const EVENTS: i64 = 100;

/// One delivery that is to be tried now.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    /// The message's id.
    pub message_id: String,
    /// To whom.
    pub webhook_id: String,
    /// Where.
    pub url: String,
    /// What it is to look like.
    pub form: Form,
    /// The message.
    pub body: String,
    /// Which attempt it is, from 1 on.
    pub attempts: i64,
}

/// A delivery as it stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryRecord {
    /// The message's id.
    pub message_id: String,
    /// To whom.
    pub webhook_id: String,
    /// The message's type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// When it was written, in milliseconds.
    pub created_at: i64,
    /// `due`, `waiting` to be fetched, `sent` or `dead`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, in milliseconds.
    pub next_at: i64,
    /// Why it was not taken the last time.
    pub last_error: Option<String>,
}

const COLUMNS: &str = "SELECT message_id, webhook_id, type, created_at, state, attempts, next_at, \
     last_error FROM deliveries ";

pub(super) const ANNOUNCE: &str = "INSERT INTO deliveries (message_id, webhook_id, type, body, \
     created_at, state, attempts, next_at, leased_until) \
     SELECT $1, webhook_id, $2, $3, $4, CASE WHEN scheme = 'poll' THEN 'waiting' ELSE 'due' END, \
     0, $4, 0 FROM webhooks WHERE disabled_at IS NULL AND (tenant IS NULL OR tenant = $5) \
     AND (events = '*' OR events LIKE '%,' || $2 || ',%') \
     ON CONFLICT (message_id, webhook_id) DO NOTHING";

/// Writes down whom to tell of something, inside the transaction that does it.
macro_rules! announce {
    ($tx:ident, $message:expr, $at:expr) => {{
        let message: &$crate::webhooks::Message = $message;
        sqlx::query($crate::store::deliveries::ANNOUNCE)
            .bind(&message.id)
            .bind(&message.kind)
            .bind(&message.body)
            .bind($at.as_millis())
            .bind(message.tenant.as_deref().unwrap_or_default())
            .execute(&mut *$tx)
            .await?
    }};
}

pub(super) use announce;

impl Db {
    /// Writes down whom to tell of the next events of the feed; whether there may be more.
    ///
    /// # Errors
    /// [`Error::Event`] for an event that cannot be read, which every stored one can; [`Error::Database`].
    pub async fn fan_out(&self, now: Timestamp) -> Result<bool, Error> {
        let cursor: Option<(i64, i64)> = on!(self, pool => {
            sqlx::query_as("SELECT epoch, seq FROM webhook_cursor WHERE singleton = 1")
                .fetch_optional(pool)
                .await?
        });
        // Nobody was ever to be told.
        let Some((epoch, seq)) = cursor else {
            return Ok(false);
        };
        let events: Vec<(i64, i64, String)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT epoch, seq, event FROM events WHERE epoch > $1 OR (epoch = $1 AND seq > $2) \
                 ORDER BY epoch, seq LIMIT $3",
            )
            .bind(epoch)
            .bind(seq)
            .bind(EVENTS)
            .fetch_all(pool)
            .await?
        });
        let Some((last_epoch, last_seq, _)) = events.last() else {
            return Ok(false);
        };
        let (last_epoch, last_seq) = (*last_epoch, *last_seq);
        let mut messages = Vec::with_capacity(events.len());
        for (epoch, seq, event) in &events {
            messages.push(self.message((*epoch, *seq), event, now).await?);
        }
        transaction!(self, tx => {
            let moved = sqlx::query(
                "UPDATE webhook_cursor SET epoch = $3, seq = $4 \
                 WHERE singleton = 1 AND epoch = $1 AND seq = $2",
            )
            .bind(epoch)
            .bind(seq)
            .bind(last_epoch)
            .bind(last_seq)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            // Another replica was faster.
            if moved == 0 {
                return Ok(true);
            }
            for message in &messages {
                announce!(tx, message, now);
            }
        });
        Ok(true)
    }

    async fn message(
        &self,
        (epoch, seq): (i64, i64),
        event: &str,
        now: Timestamp,
    ) -> Result<Message, Error> {
        let document = Document::parse(event).map_err(FeedError::Json)?;
        let root = document.root();
        let kind = root.get("type").and_then(Value::as_str).unwrap_or_default();
        let at = root.get("at").and_then(Value::as_str);
        let at = at
            .and_then(|at| Timestamp::parse_rfc3339(&at))
            .unwrap_or(now);
        let target = root
            .get("target")
            .and_then(|target| Target::read(target).ok());
        let tenant = match &target {
            // Whose a server, tool, policy or verdict is stands in the event.
            Some(target) => match target.tenant() {
                Some(tenant) => Some(tenant.to_owned()),
                None => self.known_tenant(target).await?,
            },
            None => root
                .get("tenant")
                .and_then(Value::as_str)
                .map(std::borrow::Cow::into_owned),
        };
        let data = format!(r#"{{"position":"{epoch}:{seq}","event":{event}}}"#);
        let id = format!("evt_{epoch}_{seq}");
        let tenant = tenant.filter(|tenant| !tenant.is_empty());
        Ok(Message::new(id, &kind, tenant, at, &data))
    }

    /// Takes what is due for this replica alone, for as long as an attempt takes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease_deliveries(&self, now: Timestamp) -> Result<Vec<DueDelivery>, sqlx::Error> {
        // Looked at first: SQLite has one writer, and mostly nothing is due.
        let due: Option<(i64,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT attempts FROM deliveries WHERE state = 'due' AND next_at <= $1 \
                 AND leased_until <= $1 LIMIT 1",
            )
            .bind(now.as_millis())
            .fetch_optional(pool)
            .await?
        });
        if due.is_none() {
            return Ok(Vec::new());
        }
        self.let_wait().await?;
        let leased: Vec<(String, String, String, i64)> = on!(self, pool => {
            sqlx::query_as(
                "UPDATE deliveries SET leased_until = $2, attempts = attempts + 1 \
                 WHERE state = 'due' AND leased_until <= $1 AND (message_id, webhook_id) IN \
                 (SELECT message_id, webhook_id FROM (SELECT message_id, webhook_id, next_at, \
                 ROW_NUMBER() OVER (PARTITION BY webhook_id ORDER BY next_at, message_id) AS place \
                 FROM deliveries WHERE state = 'due' AND next_at <= $1 AND leased_until <= $1) \
                 AS waiting WHERE place <= $3 ORDER BY next_at LIMIT $4) \
                 RETURNING message_id, webhook_id, body, attempts",
            )
            .bind(now.as_millis())
            .bind(now.plus(LEASE).as_millis())
            .bind(OF_ONE)
            .bind(AT_ONCE)
            .fetch_all(pool)
            .await?
        });
        let mut due = Vec::with_capacity(leased.len());
        for (message_id, webhook_id, body, attempts) in leased {
            let Some(endpoint) = self.webhook(&webhook_id).await? else {
                continue;
            };
            due.push(DueDelivery {
                message_id,
                webhook_id,
                url: endpoint.url,
                form: endpoint.form,
                body,
                attempts,
            });
        }
        Ok(due)
    }

    /// Has what is fetched wait for that, which a replica of a version before that wrote down as to be sent.
    async fn let_wait(&self) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE deliveries SET state = 'waiting', attempts = 0, leased_until = 0, \
                 last_error = NULL WHERE state = 'due' AND webhook_id IN \
                 (SELECT webhook_id FROM webhooks WHERE scheme = 'poll')",
            )
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// Says that a delivery was taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivered(&self, one: &DueDelivery, now: Timestamp) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE deliveries SET state = 'sent', ended_at = $3, last_error = NULL \
                 WHERE message_id = $1 AND webhook_id = $2",
            )
            .bind(&one.message_id)
            .bind(&one.webhook_id)
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// Says that an attempt failed: it is tried again at an instant, or never.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivery_failed(
        &self,
        one: &DueDelivery,
        next: Option<Timestamp>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            // Who was so slow that another has tried since has nothing to say any more.
            sqlx::query(
                "UPDATE deliveries SET state = CASE WHEN $5 = 1 THEN 'due' ELSE 'dead' END, \
                 next_at = $4, leased_until = 0, last_error = $6, \
                 ended_at = CASE WHEN $5 = 1 THEN NULL ELSE $7 END \
                 WHERE message_id = $1 AND webhook_id = $2 AND attempts = $3 AND state = 'due'",
            )
            .bind(&one.message_id)
            .bind(&one.webhook_id)
            .bind(one.attempts)
            .bind(next.unwrap_or(now).as_millis())
            .bind(i64::from(next.is_some()))
            .bind(why)
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// Has a message delivered to one endpoint alone; `false` when there is none of that id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn send_to(
        &self,
        webhook_id: &str,
        message: &Message,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let rows = on!(self, pool => {
            sqlx::query(
                "INSERT INTO deliveries (message_id, webhook_id, type, body, created_at, state, \
                 attempts, next_at, leased_until) \
                 SELECT $1, webhook_id, $2, $3, $4, \
                 CASE WHEN scheme = 'poll' THEN 'waiting' ELSE 'due' END, 0, $4, 0 FROM webhooks \
                 WHERE webhook_id = $5",
            )
            .bind(&message.id)
            .bind(&message.kind)
            .bind(&message.body)
            .bind(now.as_millis())
            .bind(webhook_id)
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(rows == 1)
    }

    /// Has dead letters of an endpoint tried again from the beginning, one or all; how many. The endpoint
    /// is told again if it was gone. Tokens are made anew: nobody takes one that is days old.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn replay(
        &self,
        webhook_id: &str,
        message_id: Option<&str>,
        (by, now): (&str, Timestamp),
    ) -> Result<u64, Error> {
        let replayed = transaction!(self, tx => {
            let rows = sqlx::query(
                "UPDATE deliveries SET attempts = 0, next_at = $3, leased_until = 0, ended_at = NULL, \
                 state = CASE WHEN EXISTS (SELECT 1 FROM webhooks WHERE \
                 webhooks.webhook_id = deliveries.webhook_id AND scheme = 'poll') \
                 THEN 'waiting' ELSE 'due' END, \
                 created_at = CASE WHEN EXISTS (SELECT 1 FROM webhooks WHERE \
                 webhooks.webhook_id = deliveries.webhook_id AND audience IS NOT NULL) \
                 THEN $3 ELSE created_at END \
                 WHERE webhook_id = $1 AND state = 'dead' AND ($2 = '' OR message_id = $2)",
            )
            .bind(webhook_id)
            .bind(message_id.unwrap_or_default())
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            sqlx::query("UPDATE webhooks SET disabled_at = NULL WHERE webhook_id = $1")
                .bind(webhook_id)
                .execute(&mut *tx)
                .await?;
            audit!(self, tx, Entry {
                at: now,
                by,
                action: "webhook.replay",
                subject: webhook_id,
                detail: &[("messages", rows.to_string())],
            });
            rows
        });
        Ok(replayed)
    }

    /// The newest deliveries of an endpoint.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries(
        &self,
        webhook_id: &str,
        limit: i64,
    ) -> Result<Vec<DeliveryRecord>, sqlx::Error> {
        let query = format!(
            "{COLUMNS} WHERE webhook_id = $1 ORDER BY created_at DESC, message_id DESC LIMIT $2"
        );
        on!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(webhook_id).bind(limit).fetch_all(pool).await
        })
    }

    /// The newest dead letters, of all endpoints.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dead_letters(&self, limit: i64) -> Result<Vec<DeliveryRecord>, sqlx::Error> {
        let query = format!(
            "{COLUMNS} WHERE state = 'dead' ORDER BY created_at DESC, message_id DESC LIMIT $1"
        );
        on!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(limit).fetch_all(pool).await
        })
    }

    /// Forgets what was delivered before an instant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_deliveries(&self, before: Timestamp) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query("DELETE FROM deliveries WHERE state = 'sent' AND ended_at < $1")
                .bind(before.as_millis())
                .execute(pool)
                .await
                .map(|_| ())
        })
    }
}
