//! Challenges: each may be redeemed once, for exactly what it was made for.

use mcps_core::clock::Timestamp;

use super::{Db, transaction};

/// What a challenge is bound to, and nothing else may redeem it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The tenant's id.
    pub tenant: String,
    /// The subject's name.
    pub subject: String,
    /// Thumbprint of the key that will answer.
    pub kid: String,
    /// The authority's name.
    pub audience: String,
}

/// Redeems a challenge: one atomic statement, of which any number may run at once and one wins.
pub(super) const TAKE_CHALLENGE: &str = "DELETE FROM challenges WHERE challenge = $1 \
     AND tenant = $2 AND subject = $3 AND kid = $4 AND audience = $5 AND expires_at > $6 \
     RETURNING challenge";

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
                "INSERT INTO challenges (challenge, tenant, subject, kid, audience, expires_at) \
                 SELECT $1, $2, $3, $4, $5, $6 \
                 WHERE (SELECT COUNT(*) FROM challenges) < $7",
            )
            .bind(challenge)
            .bind(&binding.tenant)
            .bind(&binding.subject)
            .bind(&binding.kid)
            .bind(&binding.audience)
            .bind(expires_at.as_millis())
            .bind(cap)
            .execute(&mut *tx)
            .await?
            .rows_affected()
        });
        Ok(stored == 1)
    }
}
