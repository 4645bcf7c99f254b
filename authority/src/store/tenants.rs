//! Which tenants there are, and whether their operators may act.

use std::collections::BTreeSet;

use mcps_core::clock::Timestamp;

use super::audit::{Entry, audit};
use super::{Db, on, transaction};
use crate::access::Tenants;
use crate::error::Error;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// Its id.
    pub tenant: String,
    /// In an operator's words.
    pub note: Option<String>,
    /// Since when; not known of one that came with the first thing in it.
    pub added_at: Option<Timestamp>,
    /// By whom.
    pub added_by: Option<String>,
    /// Since when its operators may do nothing in it.
    pub disabled_at: Option<Timestamp>,
    /// By whom.
    pub disabled_by: Option<String>,
    /// The version of its policy that is in force; 0 before the first.
    pub policy_version: i64,
}

impl TenantRecord {
    /// One of which nothing is known.
    #[must_use]
    pub fn of(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            note: None,
            added_at: None,
            added_by: None,
            disabled_at: None,
            disabled_by: None,
            policy_version: 0,
        }
    }
}

type Row = (
    String,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<String>,
    i64,
);

fn record(row: Row) -> TenantRecord {
    let (tenant, note, added_at, added_by, disabled_at, disabled_by, policy_version) = row;
    TenantRecord {
        tenant,
        note,
        added_at: added_at.map(Timestamp::from_millis),
        added_by,
        disabled_at: disabled_at.map(Timestamp::from_millis),
        disabled_by,
        policy_version,
    }
}

/// Tenants come with whatever is first in them, whether or not somebody added them.
const SELECT: &str = "SELECT k.tenant, t.note, t.added_at, t.added_by, t.disabled_at, \
     t.disabled_by, COALESCE(t.policy_version, 0) FROM (SELECT tenant FROM tenants \
     UNION SELECT tenant FROM subjects UNION SELECT tenant FROM servers \
     UNION SELECT tenant FROM enrolment_tokens) AS k \
     LEFT JOIN tenants t ON t.tenant = k.tenant \
     WHERE ($1 = '*' OR $1 LIKE '%,' || k.tenant || ',%') AND ($2 = '' OR k.tenant = $2) \
     AND k.tenant > $3 ORDER BY k.tenant LIMIT $4";

impl Db {
    /// Adds a tenant, or says of one that there is what it is. `false` when it had been added.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn add_tenant(
        &self,
        tenant: &str,
        note: Option<&str>,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut detail = vec![("tenant", tenant.to_owned())];
        detail.extend(note.map(|note| ("note", note.to_owned())));
        let added = transaction!(self, tx => {
            let added = sqlx::query(
                "INSERT INTO tenants (tenant, policy_version, note, added_at, added_by) \
                 VALUES ($1, 0, $2, $3, $4) ON CONFLICT (tenant) DO UPDATE SET \
                 note = excluded.note, added_at = excluded.added_at, added_by = excluded.added_by \
                 WHERE tenants.added_at IS NULL",
            )
            .bind(tenant)
            .bind(note)
            .bind(now.as_millis())
            .bind(by)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if added == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: "tenant.add",
                    subject: tenant,
                    detail: &detail,
                });
            }
            added
        });
        Ok(added == 1)
    }

    /// Tenants among those, by id: after one, or that one alone.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenants(
        &self,
        among: &Tenants,
        only: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<TenantRecord>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as(SELECT)
                .bind(among.listed())
                .bind(only.unwrap_or_default())
                .bind(after)
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(record).collect())
    }

    /// Which tenants are disabled.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn disabled_tenants(&self) -> Result<BTreeSet<String>, sqlx::Error> {
        let rows: Vec<(String,)> = on!(self, pool => {
            sqlx::query_as("SELECT tenant FROM tenants WHERE disabled_at IS NOT NULL")
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(|(tenant,)| tenant).collect())
    }

    /// Keeps the operators of a tenant from acting in it, or lets them again. `false` when it was so
    /// already.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn disable_tenant(
        &self,
        tenant: &str,
        disabled: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let detail = [("tenant", tenant.to_owned())];
        let (at, who) = match disabled {
            true => (Some(now.as_millis()), Some(by)),
            false => (None, None),
        };
        let changed = transaction!(self, tx => {
            let changed = sqlx::query(
                "INSERT INTO tenants (tenant, policy_version, disabled_at, disabled_by) \
                 VALUES ($1, 0, $2, $3) ON CONFLICT (tenant) DO UPDATE SET \
                 disabled_at = excluded.disabled_at, disabled_by = excluded.disabled_by \
                 WHERE (tenants.disabled_at IS NULL) <> (excluded.disabled_at IS NULL)",
            )
            .bind(tenant)
            .bind(at)
            .bind(who)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if changed == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: if disabled { "tenant.disable" } else { "tenant.enable" },
                    subject: tenant,
                    detail: &detail,
                });
            }
            changed
        });
        Ok(changed == 1)
    }
}
