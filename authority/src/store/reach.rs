//! How many live passports an order reaches.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Target};
use sqlx::AssertSqlSafe;

use super::{Db, on};

/// Live passports; what follows says which, from `$2` on.
macro_rules! live {
    ($which:literal) => {
        concat!(
            "FROM passports WHERE signature IS NOT NULL AND revoked_at IS NULL ",
            "AND expires_at > $1 AND ($2 = $2 AND $3 = $3) AND ",
            $which
        )
    };
}

/// Which live passports an order reaches; `None` for an order that is not about passports.
fn reach(action: &Action) -> Option<(&'static str, [String; 2])> {
    let revokes = matches!(action, Action::Revoke(_));
    let none = String::new;
    Some(match action.target()? {
        Target::All => (live!("1 = 1"), Default::default()),
        // With all that goes with it.
        Target::Passport(id) if revokes => (
            live!(
                "(passport_id = $2 OR line = (SELECT line FROM passports WHERE passport_id = $2) \
                 OR EXISTS (SELECT 1 FROM passports AS named WHERE named.passport_id = $2 \
                 AND named.kid = passports.kid AND named.tenant = passports.tenant \
                 AND named.kind = passports.kind AND named.name = passports.name))"
            ),
            [id.to_string(), none()],
        ),
        Target::Passport(id) => (live!("passport_id = $2"), [id.to_string(), none()]),
        Target::Key(key) if matches!(action, Action::KeyBlock(_)) => (
            live!("(kid = $2 OR line IN (SELECT line FROM passports WHERE kid = $2))"),
            [key.to_string(), none()],
        ),
        Target::Key(key) => (live!("kid = $2"), [key.to_string(), none()]),
        Target::Issuer(key) => (live!("issuer_kid = $2"), [key.to_string(), none()]),
        Target::Agent { tenant, name } => (
            live!("tenant = $2 AND name = $3 AND kind = 'agent'"),
            [tenant, name],
        ),
        Target::Server { tenant, name } => (
            live!("tenant = $2 AND name = $3 AND kind = 'server'"),
            [tenant, name],
        ),
        Target::Gateway { tenant, name } => (
            live!("tenant = $2 AND name = $3 AND kind = 'gateway'"),
            [tenant, name],
        ),
        Target::Owner { tenant, owner } => (live!("tenant = $2 AND owner = $3"), [tenant, owner]),
        Target::Tenant(tenant) => (live!("tenant = $2"), [tenant, none()]),
        Target::Tool { .. } => return None,
    })
}

impl Db {
    /// How many passports that are neither revoked nor expired an order reaches; `None` for an order
    /// that is not about passports.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reached(
        &self,
        action: &Action,
        now: Timestamp,
    ) -> Result<Option<u64>, sqlx::Error> {
        let Some((live, texts)) = reach(action) else {
            return Ok(None);
        };
        let count = self.count(format!("SELECT COUNT(*) {live}"), texts, now);
        Ok(u64::try_from(count.await?).ok())
    }

    /// How many subjects with such passports an order reaches: one who has none is cut off as well, and
    /// counts as one. An order that is not about passports reaches nobody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reached_subjects(
        &self,
        action: &Action,
        now: Timestamp,
    ) -> Result<i64, sqlx::Error> {
        let Some((live, texts)) = reach(action) else {
            return Ok(0);
        };
        let distinct =
            format!("SELECT COUNT(*) FROM (SELECT DISTINCT tenant, kind, name {live}) AS reached");
        Ok(self.count(distinct, texts, now).await?.max(1))
    }

    async fn count(
        &self,
        query: String,
        [a, b]: [String; 2],
        now: Timestamp,
    ) -> Result<i64, sqlx::Error> {
        let (count,): (i64,) = on!(self, pool => {
            sqlx::query_as(AssertSqlSafe(query))
                .bind(now.as_millis())
                .bind(&a)
                .bind(&b)
                .fetch_one(pool)
                .await?
        });
        Ok(count)
    }
}
