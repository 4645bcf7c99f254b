//! Where incidents are reported from.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::Target;

use super::audit::{Entry, audit};
use super::webhooks::host;
use super::{Db, on, transaction};
use crate::error::Error;
use crate::hooks::adapter::Adapter;
use crate::hooks::authentication::Authentication;
use crate::hooks::mapping::Mapping;
use crate::hooks::poll::Poll;
use crate::hooks::{Ceiling, Hook};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    adapter: String,
    scheme: String,
    secret: Vec<u8>,
    ceiling: String,
    tenant: Option<String>,
    reach: i64,
    per_hour: i64,
    suspend_ms: Option<i64>,
    mapping: Option<String>,
    poll_url: Option<String>,
    poll_token: Option<String>,
    disabled_at: Option<i64>,
}

/// `None` for a row that this version does not understand: such a source is not believed.
fn hook(row: Row) -> Option<Hook> {
    let mapping = row.mapping.map(|text| Mapping::parse(&text).ok());
    let suspend_for = row.suspend_ms.map(|ms| u64::try_from(ms).ok());
    Some(Hook {
        name: row.name,
        adapter: Adapter::parse(&row.adapter)?,
        authentication: Authentication::stored(&row.scheme, row.secret)?,
        ceiling: Ceiling::parse(&row.ceiling)?,
        tenant: row.tenant,
        reach: row.reach,
        per_hour: row.per_hour,
        suspend_for: match suspend_for {
            Some(ms) => Some(Duration::from_millis(ms?)),
            None => None,
        },
        mapping: match mapping {
            Some(mapping) => Some(mapping?),
            None => None,
        },
        poll: match (row.poll_url, row.poll_token) {
            (Some(url), Some(token)) => Some(Poll::new(url, &token).ok()?),
            _ => None,
        },
        disabled_at: row.disabled_at.map(Timestamp::from_millis),
    })
}

/// A length of time as it is stored.
pub(super) fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

impl Db {
    /// Adds a source, or changes the one of that name. A changed one is believed again.
    ///
    /// # Errors
    /// [`Error::Profile`] when its authentication does not bear what it may do; [`Error::Audit`],
    /// [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn set_hook(&self, hook: &Hook, by: &str, now: Timestamp) -> Result<(), Error> {
        hook.check()?;
        let mut detail = vec![
            ("adapter", hook.adapter.as_str().to_owned()),
            ("scheme", hook.authentication.scheme().to_owned()),
            ("ceiling", hook.ceiling.as_str().to_owned()),
            ("reach", hook.reach.to_string()),
            ("per_hour", hook.per_hour.to_string()),
        ];
        let tenant = hook.tenant.clone();
        detail.extend(tenant.map(|tenant| ("tenant", tenant)));
        let length = hook.suspend_for.map(|length| length.as_secs().to_string());
        detail.extend(length.map(|length| ("suspend_s", length)));
        let poll = hook.poll.as_ref();
        detail.extend(poll.map(|poll| ("poll", host(poll.url()).to_owned())));
        transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO hooks (name, scheme, secret, ceiling, tenant, per_hour, mapping, \
                 added_at, adapter, reach, suspend_ms, poll_url, poll_token) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
                 ON CONFLICT (name) DO UPDATE SET scheme = excluded.scheme, \
                 secret = excluded.secret, ceiling = excluded.ceiling, tenant = excluded.tenant, \
                 per_hour = excluded.per_hour, mapping = excluded.mapping, \
                 adapter = excluded.adapter, reach = excluded.reach, \
                 suspend_ms = excluded.suspend_ms, disabled_at = NULL, \
                 poll_url = excluded.poll_url, poll_token = excluded.poll_token, \
                 poll_turn = hooks.poll_turn + 1, poll_leased_until = 0, poll_next_at = 0, \
                 polled_at = NULL, poll_failures = 0, poll_error = NULL",
            )
            .bind(&hook.name)
            .bind(hook.authentication.scheme())
            .bind(hook.authentication.bytes())
            .bind(hook.ceiling.as_str())
            .bind(&hook.tenant)
            .bind(hook.per_hour)
            .bind(hook.mapping.as_ref().map(Mapping::text))
            .bind(now.as_millis())
            .bind(hook.adapter.as_str())
            .bind(hook.reach)
            .bind(hook.suspend_for.map(milliseconds))
            .bind(poll.map(Poll::url))
            .bind(poll.map(|poll| poll.token().reveal()))
            .execute(&mut *tx)
            .await?;
            audit!(self, tx, Entry {
                at: now,
                by,
                action: "hook.set",
                subject: &hook.name,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// Has nothing of a source believed any more, or has it believed again; `false` when there is none
    /// of that name.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn disable_hook(
        &self,
        name: &str,
        disabled: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = transaction!(self, tx => {
            let changed = sqlx::query(
                "UPDATE hooks SET disabled_at = CASE WHEN $2 = 1 \
                 THEN COALESCE(disabled_at, $3) ELSE NULL END WHERE name = $1",
            )
            .bind(name)
            .bind(i64::from(disabled))
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if changed == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: if disabled { "hook.disable" } else { "hook.enable" },
                    subject: name,
                    detail: &[],
                });
            }
            changed == 1
        });
        Ok(changed)
    }

    /// Removes a source; `false` when there is none of that name.
    ///
    /// # Errors
    /// [`Error::Audit`], [`Error::KeyUnusable`], [`Error::Database`].
    pub async fn remove_hook(&self, name: &str, by: &str, now: Timestamp) -> Result<bool, Error> {
        let removed = transaction!(self, tx => {
            let removed = sqlx::query("DELETE FROM hooks WHERE name = $1")
                .bind(name)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            if removed == 1 {
                audit!(self, tx, Entry {
                    at: now,
                    by,
                    action: "hook.remove",
                    subject: name,
                    detail: &[],
                });
            }
            removed == 1
        });
        Ok(removed)
    }

    /// The source of that name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hook(&self, name: &str) -> Result<Option<Hook>, sqlx::Error> {
        let row: Option<Row> = on!(self, pool => {
            sqlx::query_as("SELECT * FROM hooks WHERE name = $1")
                .bind(name)
                .fetch_optional(pool)
                .await?
        });
        Ok(row.and_then(hook))
    }

    /// Every source, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hooks(&self) -> Result<Vec<Hook>, sqlx::Error> {
        let rows: Vec<Row> = on!(self, pool => {
            sqlx::query_as("SELECT * FROM hooks ORDER BY name").fetch_all(pool).await?
        });
        Ok(rows.into_iter().filter_map(hook).collect())
    }

    /// The tenant of a target that is known here by name or id; `None` when nobody is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn known_tenant(&self, target: &Target) -> Result<Option<String>, Error> {
        let found = match target {
            Target::Passport(id) => self.passport(id).await?.map(|record| record.tenant),
            Target::Agent { tenant, name } => self.subject(tenant, "agent", name).await?,
            Target::Server { tenant, name } => self.subject(tenant, "server", name).await?,
            Target::Gateway { tenant, name } => self.subject(tenant, "gateway", name).await?,
            Target::Owner { tenant, owner } => self.any(ANY_OF_OWNER, tenant, owner).await?,
            Target::Tenant(tenant) => self.any(ANY_OF_TENANT, tenant, "").await?,
            Target::Key(key) => {
                // A key may serve several tenants; it is reached only by who reaches all.
                let known = self.any(ANY_OF_KEY, key.as_str(), "").await?;
                known.map(|_| String::new())
            }
            Target::All | Target::Issuer(_) | Target::Tool { .. } => None,
        };
        Ok(found)
    }

    async fn subject(
        &self,
        tenant: &str,
        kind: &str,
        name: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT tenant FROM subjects WHERE tenant = $1 AND kind = $2 AND name = $3",
            )
            .bind(tenant)
            .bind(kind)
            .bind(name)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(|(tenant,)| tenant))
    }

    async fn any(
        &self,
        query: &'static str,
        one: &str,
        two: &str,
    ) -> Result<Option<String>, sqlx::Error> {
        let row: Option<(String,)> = on!(self, pool => {
            sqlx::query_as(query).bind(one).bind(two).fetch_optional(pool).await?
        });
        Ok(row.map(|(tenant,)| tenant))
    }
}

const ANY_OF_OWNER: &str = "SELECT tenant FROM subjects WHERE tenant = $1 AND owner = $2 LIMIT 1";
const ANY_OF_TENANT: &str = "SELECT tenant FROM subjects WHERE tenant = $1 AND $2 = '' LIMIT 1";
const ANY_OF_KEY: &str = "SELECT tenant FROM passports WHERE kid = $1 AND $2 = '' LIMIT 1";
