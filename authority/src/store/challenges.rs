//! Challenges: each may be redeemed once, for exactly what it was made for.

use mcps_core::clock::Timestamp;

use super::{Db, transaction};
use crate::error::Error;

/// What a challenge is bound to, and nothing else may redeem it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The tenant's id.
    pub tenant: String,
    /// The subject's name.
    pub subject: String,
    /// Thumbprint of the key that will answer.
    pub kid: String,
    /// Thumbprint of the key that it replaces, which answers too.
    pub previous_kid: Option<String>,
    /// The authority's name.
    pub audience: String,
}

/// Redeems a challenge: one atomic statement, of which any number may run at once and one wins.
pub(super) const TAKE_CHALLENGE: &str = "DELETE FROM challenges WHERE challenge = $1 \
     AND tenant = $2 AND subject = $3 AND kid = $4 AND audience = $5 AND expires_at > $6 \
     AND previous_kid = $7 RETURNING challenge";

/// Redeems a challenge inside a transaction, for exactly what it was made for.
macro_rules! take_challenge {
    ($tx:ident, $challenge:expr, $binding:expr, $now:expr) => {
        let redeemed: Option<(String,)> = sqlx::query_as($crate::store::challenges::TAKE_CHALLENGE)
            .bind($challenge)
            .bind(&$binding.tenant)
            .bind(&$binding.subject)
            .bind(&$binding.kid)
            .bind(&$binding.audience)
            .bind($now)
            .bind($binding.previous_kid.as_deref().unwrap_or_default())
            .fetch_optional(&mut *$tx)
            .await?;
        redeemed.ok_or($crate::error::Error::ChallengeRefused)?;
    };
}

pub(super) use take_challenge;

impl Db {
    /// Stores a challenge, unless `cap` of them are open already (`false`). Lapsed ones go first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_challenge(
        &self,
        challenge: &str,
        binding: &Binding,
        now: Timestamp,
        expires_at: Timestamp,
        cap: i64,
    ) -> Result<bool, sqlx::Error> {
        let stored = transaction!(self, tx => {
            sqlx::query("DELETE FROM challenges WHERE expires_at <= $1")
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO challenges \
                 (challenge, tenant, subject, kid, audience, expires_at, previous_kid) \
                 SELECT $1, $2, $3, $4, $5, $6, $8 \
                 WHERE (SELECT COUNT(*) FROM challenges) < $7",
            )
            .bind(challenge)
            .bind(&binding.tenant)
            .bind(&binding.subject)
            .bind(&binding.kid)
            .bind(&binding.audience)
            .bind(expires_at.as_millis())
            .bind(cap)
            .bind(binding.previous_kid.as_deref().unwrap_or_default())
            .execute(&mut *tx)
            .await?
            .rows_affected()
        });
        Ok(stored == 1)
    }

    /// Redeems a challenge for what was done before and only has to be told again.
    ///
    /// # Errors
    /// [`Error::ChallengeRefused`], [`Error::Database`].
    pub async fn redeem_challenge(
        &self,
        challenge: &str,
        binding: &Binding,
        now: Timestamp,
    ) -> Result<(), Error> {
        transaction!(self, tx => {
            take_challenge!(tx, challenge, binding, now.as_millis());
        });
        Ok(())
    }
}
