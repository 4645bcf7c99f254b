//! The one row that says which authority owns this database.

use mcps_core::clock::Timestamp;

use super::operators::insert_operator;
use super::{Db, NewOperator, on, transaction};

/// Which authority this is, with its signed key set.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Founding {
    /// The issuer's name on every passport.
    pub name: String,
    /// The signed JSON of `/.well-known/mcps-trust`.
    pub bundle: String,
}

impl Db {
    /// The authority that owns this database, if it has been founded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn founding(&self) -> Result<Option<Founding>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as("SELECT name, bundle FROM authority").fetch_optional(pool).await
        })
    }

    /// Founds the authority together with its first operator. `false` when another process was
    /// first; then nothing was written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn found(
        &self,
        founding: &Founding,
        operator: &NewOperator,
        now: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        transaction!(self, tx => {
            let inserted = sqlx::query(
                "INSERT INTO authority (singleton, name, bundle, created_at) \
                 VALUES (1, $1, $2, $3) ON CONFLICT (singleton) DO NOTHING",
            )
            .bind(&founding.name)
            .bind(&founding.bundle)
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                return Ok(false);
            }
            insert_operator!(tx, operator, "founding", now);
        });
        Ok(true)
    }

    /// Takes the key set `next` into use where `present` is in use. `false` when another process
    /// was first; then nothing was written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replace_bundle(&self, present: &str, next: &str) -> Result<bool, sqlx::Error> {
        on!(self, pool => {
            sqlx::query("UPDATE authority SET bundle = $2 WHERE bundle = $1")
                .bind(present)
                .bind(next)
                .execute(pool)
                .await
                .map(|done| done.rows_affected() == 1)
        })
    }
}
