//! The inbox: alerts that came in, and what was made of them.

use mcps_core::clock::Timestamp;

use super::audit::{Entry, audit};
use super::deliveries::announce;
use super::feed::digest;
use super::{Db, on, transaction, within};
use crate::access::Tenants;
use crate::error::Error;
use crate::incidents::{Incident, Made};

/// Which incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// Of which this was made.
    pub made: Option<Made>,
    /// Of these tenants; what is of none is seen by who sees all.
    pub tenants: Tenants,
}

/// An alert that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// As it stands there.
    pub incident: Incident,
    /// Whether it stood there already.
    pub repeated: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    incident_id: String,
    source: String,
    event_id: String,
    alert_key: String,
    body: Vec<u8>,
    at: i64,
    tenant: Option<String>,
    asked: String,
    action: String,
    target: String,
    reason: String,
    note: Option<String>,
    suspend_ms: Option<i64>,
    reach: i64,
    outcome: String,
    why: String,
    order_id: Option<String>,
    told_at: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    ended_at: Option<i64>,
}

impl TryFrom<Row> for Incident {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.incident_id,
            source: row.source,
            event_id: row.event_id,
            alert_key: row.alert_key,
            body: digest(&row.body)?,
            at: Timestamp::from_millis(row.at),
            tenant: row.tenant,
            asked: row.asked,
            action: row.action,
            target: row.target,
            reason: row.reason,
            note: row.note,
            suspend_ms: row.suspend_ms,
            reach: row.reach,
            made: Made::parse(&row.outcome),
            why: row.why,
            order_id: row.order_id,
            position: row.told_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at.map(Timestamp::from_millis),
            ended_at: row.ended_at.map(Timestamp::from_millis),
        })
    }
}

const SAME: &str = "SELECT * FROM incidents WHERE source = $1 AND event_id = $2";
const INSERT: &str = "INSERT INTO incidents (incident_id, source, event_id, alert_key, body, at, \
     tenant, asked, action, target, reason, note, suspend_ms, reach, outcome, why) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     ON CONFLICT (source, event_id) DO NOTHING";
/// How many subjects a source's alerts have reached by themselves since an instant.
const REACHED: &str = "SELECT CAST(COALESCE(SUM(reach), 0) AS BIGINT) FROM incidents \
     WHERE source = $1 AND at > $2 AND outcome IN ('pending', 'done') AND action <> 'reinstate' \
     AND decided_by IS NULL";

fn known(row: Row, new: &Incident) -> Result<Admitted, Error> {
    let incident = Incident::try_from(row)?;
    if incident.body != new.body {
        return Err(Error::OtherBody);
    }
    Ok(Admitted {
        incident,
        repeated: true,
    })
}

impl Db {
    /// Writes an alert down, unless it was before. One that would reach more subjects than its source may
    /// in an hour becomes a proposal: `radius` is how many it may, and since when they count.
    ///
    /// # Errors
    /// [`Error::OtherBody`] when another alert came under its id; [`Error::Audit`],
    /// [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn admit(
        &self,
        new: &Incident,
        (per_hour, since): (i64, Timestamp),
        dry_run: bool,
    ) -> Result<Admitted, Error> {
        let mut new = new.clone();
        let admitted = transaction!(self, tx => {
            // The source's row is the lock of what its alerts reach together.
            if new.made == Made::Pending {
                sqlx::query("UPDATE hooks SET name = name WHERE name = $1")
                    .bind(&new.source)
                    .execute(&mut *tx)
                    .await?;
            }
            // What could not be read may be read now, by another mapping.
            if !matches!(new.made, Made::Unread) {
                sqlx::query(
                    "DELETE FROM incidents WHERE source = $1 AND event_id = $2 \
                     AND outcome = 'unread'",
                )
                .bind(&new.source)
                .bind(&new.event_id)
                .execute(&mut *tx)
                .await?;
            }
            let before: Option<Row> = sqlx::query_as(SAME)
                .bind(&new.source)
                .bind(&new.event_id)
                .fetch_optional(&mut *tx)
                .await?;
            if let Some(row) = before {
                return known(row, &new);
            }
            if new.made == Made::Pending && new.action != "reinstate" {
                let (reached,): (i64,) = sqlx::query_as(REACHED)
                    .bind(&new.source)
                    .bind(since.as_millis())
                    .fetch_one(&mut *tx)
                    .await?;
                if reached.saturating_add(new.reach) > per_hour {
                    new.made = Made::Proposed;
                    new.why = format!(
                        "its source has reached {reached} subjects within an hour and may reach {per_hour}"
                    );
                }
            }
            let rows = sqlx::query(INSERT)
                .bind(&new.id)
                .bind(&new.source)
                .bind(&new.event_id)
                .bind(&new.alert_key)
                .bind(new.body.as_bytes().as_slice())
                .bind(new.at.as_millis())
                .bind(&new.tenant)
                .bind(&new.asked)
                .bind(&new.action)
                .bind(&new.target)
                .bind(&new.reason)
                .bind(&new.note)
                .bind(new.suspend_ms)
                .bind(new.reach)
                .bind(new.made.as_str())
                .bind(&new.why)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if rows == 0 {
                // Another delivery of it was faster.
                let row: Row = sqlx::query_as(SAME)
                    .bind(&new.source)
                    .bind(&new.event_id)
                    .fetch_one(&mut *tx)
                    .await?;
                return known(row, &new);
            }
            let admitted = Admitted { incident: new.clone(), repeated: false };
            if dry_run {
                return Ok(admitted);
            }
            // What is carried out is recorded by its order, and told by the feed.
            if new.made != Made::Pending {
                announce!(tx, &new.message(), new.at);
                let detail = [
                    ("incident", new.id.clone()),
                    ("asked", new.asked.clone()),
                    ("outcome", new.made.as_str().to_owned()),
                ];
                audit!(self, tx, Entry {
                    at: new.at,
                    by: &format!("{}{}", crate::hooks::GIVER, new.source),
                    action: "incident.report",
                    subject: if new.target.is_empty() { &new.source } else { &new.target },
                    detail: &detail,
                });
            }
            admitted
        });
        Ok(admitted)
    }

    /// Says what came of the order for an incident.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn settle(&self, incident: &Incident) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE incidents SET outcome = $2, order_id = $3, told_at = $4, why = $5 \
                 WHERE incident_id = $1 AND outcome = 'pending'",
            )
            .bind(&incident.id)
            .bind(incident.made.as_str())
            .bind(&incident.order_id)
            .bind(&incident.position)
            .bind(&incident.why)
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// Takes a proposal up, to be carried out, or dismisses it; `false` when it is none (any more). One
    /// that was taken up and not carried out may be taken up again.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn decide(
        &self,
        incident: &Incident,
        made: Made,
        (by, note): (&str, Option<&str>),
        at: Timestamp,
    ) -> Result<bool, Error> {
        let mut detail = vec![("incident", incident.id.clone())];
        detail.extend(note.map(|note| ("note", note.to_owned())));
        let decided = transaction!(self, tx => {
            let rows = sqlx::query(
                "UPDATE incidents SET outcome = $2, decided_by = $3, decided_at = $4, \
                 why = COALESCE($5, why) WHERE incident_id = $1 AND (outcome = 'proposed' \
                 OR (outcome = 'pending' AND decided_by IS NOT NULL))",
            )
            .bind(&incident.id)
            .bind(made.as_str())
            .bind(by)
            .bind(at.as_millis())
            .bind(note)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows == 0 {
                return Ok(false);
            }
            audit!(self, tx, Entry {
                at,
                by,
                action: if made == Made::Dismissed { "incident.dismiss" } else { "incident.approve" },
                subject: &incident.target,
                detail: &detail,
            });
            true
        });
        Ok(decided)
    }

    /// Says that an incident is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_incident(&self, id: &str, at: Timestamp) -> Result<(), sqlx::Error> {
        on!(self, pool => {
            sqlx::query(
                "UPDATE incidents SET ended_at = COALESCE(ended_at, $2) WHERE incident_id = $1",
            )
            .bind(id)
            .bind(at.as_millis())
            .execute(pool)
            .await
            .map(|_| ())
        })
    }

    /// An incident.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as("SELECT * FROM incidents WHERE incident_id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await?
        });
        row.map(Incident::try_from).transpose()
    }

    /// The incident of an alert that is not over: what was done for it rather than what was proposed, and
    /// that rather than what was only seen; the newest of several.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lasting(
        &self,
        source: &str,
        alert_key: &str,
    ) -> Result<Option<Incident>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM incidents WHERE source = $1 AND alert_key = $2 \
                 AND asked <> 'resolve' AND ended_at IS NULL ORDER BY CASE \
                 WHEN outcome IN ('pending', 'done', 'unchanged') THEN 0 \
                 WHEN outcome = 'proposed' THEN 1 ELSE 2 END, at DESC, incident_id DESC LIMIT 1",
            )
            .bind(source)
            .bind(alert_key)
            .fetch_optional(pool)
            .await?
        });
        row.map(Incident::try_from).transpose()
    }

    /// Incidents, newest first: after the one with that id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn incidents(
        &self,
        filter: &IncidentFilter,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Incident>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(concat!(
                "SELECT * FROM incidents WHERE ($1 = '' OR tenant = $1) \
                 AND ($2 = '' OR source = $2) AND ($3 = '' OR outcome = $3) \
                 AND ($4 = '' OR (at, incident_id) < \
                 (SELECT at, incident_id FROM incidents WHERE incident_id = $4)) AND ",
                within!("$6"),
                " ORDER BY at DESC, incident_id DESC LIMIT $5",
            ))
            .bind(filter.tenant.as_deref().unwrap_or_default())
            .bind(filter.source.as_deref().unwrap_or_default())
            .bind(filter.made.map_or("", Made::as_str))
            .bind(after)
            .bind(limit)
            .bind(filter.tenants.filter())
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(Incident::try_from).collect()
    }
}
