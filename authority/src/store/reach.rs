//! How many live passports an order reaches.

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Target};

use super::{Db, on};

/// Counts live passports; what follows says which, from `$2` on.
macro_rules! count {
    ($which:literal) => {
        concat!(
            "SELECT COUNT(*) FROM passports WHERE signature IS NOT NULL AND revoked_at IS NULL ",
            "AND expires_at > $1 AND ($2 = $2 AND $3 = $3) AND ",
            $which
        )
    };
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
        let Some(target) = action.target() else {
            return Ok(None);
        };
        let revokes = matches!(action, Action::Revoke(_));
        let (query, texts): (&'static str, [String; 2]) = match target {
            Target::All => (count!("1 = 1"), Default::default()),
            // With all that goes with it.
            Target::Passport(id) if revokes => (
                count!(
                    "(passport_id = $2 OR line = (SELECT line FROM passports WHERE passport_id = $2) \
                     OR EXISTS (SELECT 1 FROM passports AS named WHERE named.passport_id = $2 \
                     AND named.kid = passports.kid AND named.tenant = passports.tenant \
                     AND named.kind = passports.kind AND named.name = passports.name))"
                ),
                [id.to_string(), String::new()],
            ),
            Target::Passport(id) => (count!("passport_id = $2"), [id.to_string(), String::new()]),
            Target::Key(key) if matches!(action, Action::KeyBlock(_)) => (
                count!("(kid = $2 OR line IN (SELECT line FROM passports WHERE kid = $2))"),
                [key.to_string(), String::new()],
            ),
            Target::Key(key) => (count!("kid = $2"), [key.to_string(), String::new()]),
            Target::Issuer(key) => (count!("issuer_kid = $2"), [key.to_string(), String::new()]),
            Target::Agent { tenant, name } => (
                count!("tenant = $2 AND name = $3 AND kind = 'agent'"),
                [tenant, name],
            ),
            Target::Server { tenant, name } => (
                count!("tenant = $2 AND name = $3 AND kind = 'server'"),
                [tenant, name],
            ),
            Target::Gateway { tenant, name } => (
                count!("tenant = $2 AND name = $3 AND kind = 'gateway'"),
                [tenant, name],
            ),
            Target::Owner { tenant, owner } => {
                (count!("tenant = $2 AND owner = $3"), [tenant, owner])
            }
            Target::Tenant(tenant) => (count!("tenant = $2"), [tenant, String::new()]),
            Target::Tool { .. } => return Ok(None),
        };
        let [a, b] = texts;
        let (count,): (i64,) = on!(self, pool => {
            sqlx::query_as(query)
                .bind(now.as_millis())
                .bind(&a)
                .bind(&b)
                .fetch_one(pool)
                .await?
        });
        Ok(u64::try_from(count).ok())
    }
}
