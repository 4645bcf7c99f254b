//! Operators and the hashes of their API keys.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::random::{Random, RandomError, hex16};

use super::audit::{Entry, audit};
use super::{Db, on, transaction};
use crate::error::Error;
use crate::operator_key::OperatorKey;

pub(super) const INSERT_OPERATOR: &str =
    "INSERT INTO operators (operator_id, name, key_hash, created_at) VALUES ($1, $2, $3, $4)";

/// An operator to be stored.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// `op_` and 32 hex digits.
    pub operator_id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of the API key.
    pub key_hash: Digest,
}

impl NewOperator {
    /// An operator of that name with that key.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn new(name: &str, key: &OperatorKey, random: &dyn Random) -> Result<Self, RandomError> {
        let operator_id = format!("op_{}", hex16(random)?);
        Ok(Self {
            operator_id,
            name: name.to_owned(),
            key_hash: key.hash(),
        })
    }
}

/// Whoever an API key belongs to.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OperatorRecord {
    /// `op_` and 32 hex digits.
    pub operator_id: String,
    /// For people.
    pub name: String,
}

impl Db {
    /// Adds an operator.
    ///
    /// # Errors
    /// [`Error::Database`] also when the key is already somebody's; [`Error::Audit`],
    /// [`Error::KeyUnusable`].
    pub async fn add_operator(
        &self,
        operator: &NewOperator,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let detail = [("name", operator.name.clone())];
        transaction!(self, tx => {
            sqlx::query(INSERT_OPERATOR)
                .bind(&operator.operator_id)
                .bind(&operator.name)
                .bind(operator.key_hash.as_bytes().as_slice())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            audit!(self, tx, Entry {
                at: now,
                by,
                action: "operator.add",
                subject: &operator.operator_id,
                detail: &detail,
            });
        });
        Ok(())
    }

    /// The operator whose API key has this hash. The index is searched by a hash of 256 random
    /// bits, so how long the search takes says nothing about the key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn operator_by_key(
        &self,
        key_hash: &Digest,
    ) -> Result<Option<OperatorRecord>, sqlx::Error> {
        on!(self, pool => {
            sqlx::query_as(
                "SELECT operator_id, name FROM operators \
                 WHERE key_hash = $1 AND disabled_at IS NULL",
            )
            .bind(key_hash.as_bytes().as_slice())
            .fetch_optional(pool)
            .await
        })
    }
}
