//! Who is told of events by webhooks.

use mcps_core::clock::Timestamp;

use super::audit::{Entry, audit};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::webhooks::{Endpoint, Form};

#[derive(sqlx::FromRow)]
struct Row {
    webhook_id: String,
    url: String,
    tenant: Option<String>,
    events: String,
    scheme: String,
    secret: Vec<u8>,
    audience: Option<String>,
    added_at: i64,
    disabled_at: Option<i64>,
}

const ALL: &str = "*";

/// `None` for a row that this version does not understand.
fn endpoint(row: Row) -> Option<Endpoint> {
    let events = row.events.split(',').filter(|kind| !kind.is_empty());
    let events = events.filter(|kind| *kind != ALL).map(str::to_owned);
    Some(Endpoint {
        id: row.webhook_id,
        url: row.url,
        tenant: row.tenant,
        events: events.collect(),
        form: Form::stored(&row.scheme, row.secret, row.audience)?,
        added_at: Timestamp::from_millis(row.added_at),
        disabled_at: row.disabled_at.map(Timestamp::from_millis),
    })
}

/// Scheme and host: what else there is of it may be a secret.
pub(super) fn host(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = place.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

impl Db {
    /// Adds an endpoint, which is told of what comes from now on.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn add_webhook(&self, endpoint: &Endpoint, by: &str) -> Result<(), Error> {
        let events = match endpoint.events.as_slice() {
            [] => ALL.to_owned(),
            some => format!(",{},", some.join(",")),
        };
        let mut detail = vec![
            ("host", host(&endpoint.url).to_owned()),
            ("scheme", endpoint.form.scheme().to_owned()),
            ("events", events.clone()),
        ];
        let tenant = endpoint.tenant.clone();
        detail.extend(tenant.map(|tenant| ("tenant", tenant)));
        let audience = endpoint.form.audience();
        detail.extend(audience.map(|audience| ("audience", audience.to_owned())));
        transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO webhook_cursor (singleton, epoch, seq) \
                 SELECT 1, epoch, seq FROM feed WHERE singleton = 1 \
                 ON CONFLICT (singleton) DO NOTHING",
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "INSERT INTO webhooks (webhook_id, url, tenant, events, scheme, secret, \
                 added_at, audience) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&endpoint.id)
            .bind(&endpoint.url)
            .bind(&endpoint.tenant)
            .bind(&events)
            .bind(endpoint.form.scheme())
            .bind(endpoint.form.bytes())
            .bind(endpoint.added_at.as_millis())
            .bind(endpoint.form.audience())
            .execute(&mut *tx)
            .await?;
            audit!(self, tx, Entry {
                at: endpoint.added_at,
                by,
                action: "webhook.add",
                subject: &endpoint.id,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// Removes an endpoint with all that was still to be delivered to it; `false` when there is none of
    /// that id.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn remove_webhook(&self, id: &str, by: &str, now: Timestamp) -> Result<bool, Error> {
        let removed = transaction!(self, tx => {
            sqlx::query("DELETE FROM deliveries WHERE webhook_id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?;
            let removed = sqlx::query("DELETE FROM webhooks WHERE webhook_id = $1")
                .bind(id)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if removed == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: "webhook.remove",
                    subject: id,
                    detail: &[],
                });
            }
            removed == 1
        });
        Ok(removed)
    }

    /// Tells an endpoint nothing any more that is gone for good.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn disable_webhook(&self, id: &str, now: Timestamp) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE webhooks SET disabled_at = $2 WHERE webhook_id = $1 AND disabled_at IS NULL",
            )
            .bind(id)
            .bind(now.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// An endpoint.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhook(&self, id: &str) -> Result<Option<Endpoint>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as("SELECT * FROM webhooks WHERE webhook_id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.and_then(endpoint))
    }

    /// Every endpoint, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn webhooks(&self) -> Result<Vec<Endpoint>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as("SELECT * FROM webhooks ORDER BY added_at, webhook_id")
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().filter_map(endpoint).collect())
    }
}
