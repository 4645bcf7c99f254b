//! The places of passports in status lists, and what is to be said at each.

use std::ops::Range;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{FeedError, Held, Target};
use mcps_core::json::Document;
use mcps_core::status_list::ListedStatus;

use super::restrictions::read;
use super::{Db, on};
use crate::error::Error;

/// Places in one list.
pub const LIST: i64 = 1 << 20;

/// Which of the passports in a list a target reaches; the rest of the condition binds `$3` and `$4`.
const fn reached(target: &Target) -> Option<&'static str> {
    Some(match target {
        Target::Passport(_) => "passport_id = $3 AND $4 = ''",
        Target::Key(_) => "kid = $3 AND $4 = ''",
        Target::Agent { .. } => "tenant = $3 AND name = $4 AND kind = 'agent'",
        Target::Server { .. } => "tenant = $3 AND name = $4 AND kind = 'server'",
        Target::Gateway { .. } => "tenant = $3 AND name = $4 AND kind = 'gateway'",
        Target::Owner { .. } => "tenant = $3 AND owner = $4",
        Target::Tenant(_) => "tenant = $3 AND $4 = ''",
        Target::Issuer(_) => "issuer_kid = $3 AND $4 = ''",
        Target::All => "$3 = '' AND $4 = ''",
        Target::Tool { .. } => return None,
    })
}

fn names(target: &Target) -> (String, String) {
    match target {
        Target::Passport(id) => (id.to_string(), String::new()),
        Target::Key(kid) | Target::Issuer(kid) => (kid.to_string(), String::new()),
        Target::Agent { tenant, name }
        | Target::Server { tenant, name }
        | Target::Gateway { tenant, name } => (tenant.clone(), name.clone()),
        Target::Owner { tenant, owner } => (tenant.clone(), owner.clone()),
        Target::Tenant(tenant) => (tenant.clone(), String::new()),
        Target::All | Target::Tool { .. } => (String::new(), String::new()),
    }
}

impl Db {
    /// So many places that nobody else is given.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_places(&self, count: i64) -> Result<Range<i64>, sqlx::Error> {
        let (next,): (i64,) = on!(self, pool => {
            sqlx::query_as("UPDATE status_lists SET next = next + $1 RETURNING next")
                .bind(count)
                .fetch_one(pool)
                .await?
        });
        Ok(next.saturating_sub(count)..next)
    }

    /// How many places have been given away.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn places(&self) -> Result<i64, sqlx::Error> {
        let (next,): (i64,) = on!(self, pool => {
            sqlx::query_as("SELECT next FROM status_lists").fetch_one(pool).await?
        });
        Ok(next)
    }

    /// What is to be said at the places of a list where it is not "valid", the gravest of each last.
    /// `revoked_issuers` are keys of the authority whose word is worth nothing.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Event`].
    pub async fn listed(
        &self,
        list: i64,
        revoked_issuers: &[String],
        now: Timestamp,
    ) -> Result<Vec<(i64, ListedStatus)>, Error> {
        let (from, to) = (
            list.saturating_mul(LIST),
            list.saturating_add(1).saturating_mul(LIST),
        );
        let restrictions: Vec<(String, String, Option<i64>)> = on!(self, pool => {
            sqlx::query_as("SELECT target, held, until FROM restrictions ORDER BY target, held")
                .fetch_all(pool)
                .await?
        });
        let (mut suspended, mut invalid) = (Vec::new(), Vec::new());
        let mut reaches = Vec::new();
        for (target, held, until) in restrictions {
            let document = Document::parse(target).map_err(FeedError::Json)?;
            let target = Target::read(document.root())?;
            let held = read(&held, until);
            if !matches!(held, Held::Suspended(Some(until)) if until <= now) {
                reaches.push((target, held == Held::Revoked));
            }
        }
        for (target, for_good) in reaches {
            let Some(condition) = reached(&target) else {
                continue;
            };
            let (one, two) = names(&target);
            let query = format!(
                "SELECT status_index FROM passports WHERE status_index >= $1 AND status_index < $2 AND {condition}"
            );
            let rows: Vec<(i64,)> = on!(self, pool => {
                sqlx::query_as(sqlx::AssertSqlSafe(query))
                    .bind(from)
                    .bind(to)
                    .bind(one)
                    .bind(two)
                    .fetch_all(pool)
                    .await?
            });
            let found = if for_good {
                &mut invalid
            } else {
                &mut suspended
            };
            found.extend(rows);
        }
        for issuer in revoked_issuers {
            let rows: Vec<(i64,)> = on!(self, pool => {
                sqlx::query_as(
                    "SELECT status_index FROM passports \
                     WHERE status_index >= $1 AND status_index < $2 AND issuer_kid = $3",
                )
                .bind(from)
                .bind(to)
                .bind(issuer)
                .fetch_all(pool)
                .await?
            });
            invalid.extend(rows);
        }
        let revoked: Vec<(i64,)> = on!(self, pool => {
            sqlx::query_as(
                "SELECT status_index FROM passports \
                 WHERE status_index >= $1 AND status_index < $2 AND revoked_at IS NOT NULL",
            )
            .bind(from)
            .bind(to)
            .fetch_all(pool)
            .await?
        });
        invalid.extend(revoked);
        let suspended = suspended
            .into_iter()
            .map(|(at,)| (at, ListedStatus::Suspended));
        let invalid = invalid.into_iter().map(|(at,)| (at, ListedStatus::Invalid));
        let all = suspended.chain(invalid);
        Ok(all
            .map(|(at, status)| (at.saturating_sub(from), status))
            .collect())
    }
}
