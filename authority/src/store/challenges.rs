//! Challenges: each may be redeemed once, for exactly what it was made for.

use std::sync::atomic::{AtomicI64, Ordering};

use mcps_core::clock::Timestamp;

use super::{Db, on, transaction};
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

/// A challenge to be stored.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// What is to be signed.
    pub challenge: String,
    /// For whom.
    pub binding: Binding,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
}

/// Stores a challenge; the rest says what and whether.
macro_rules! open {
    ($rest:literal) => {
        concat!(
            "INSERT INTO challenges ",
            "(challenge, tenant, subject, kid, audience, expires_at, previous_kid) ",
            $rest
        )
    };
}

/// Stores several: the rows follow.
pub(super) const OPEN_ALL: &str = open!("");

/// How long lapsed challenges may lie there, in ms.
const SWEPT_EVERY: i64 = 1000;

/// When lapsed challenges were dropped last, and how many there may be since.
#[derive(Debug)]
pub(super) struct Swept {
    at: AtomicI64,
    /// Those that were open then, and those that were opened here since. What was redeemed meanwhile, or
    /// opened by another replica, is not in it.
    open: AtomicI64,
}

impl Swept {
    /// Not yet.
    pub(super) const fn never() -> Self {
        Self {
            at: AtomicI64::new(i64::MIN),
            open: AtomicI64::new(0),
        }
    }

    /// Whether there is so much room that nobody has to count.
    pub(super) fn has_room(&self, more: usize, cap: i64) -> bool {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        let before = self.open.fetch_add(more, Ordering::Relaxed);
        before.saturating_add(more) <= cap / 2
    }

    /// Whether it is time, for one of those who ask. A clock that was set back makes it time too.
    fn is_due(&self, now: Timestamp) -> bool {
        let now = now.as_millis();
        let last = self.at.load(Ordering::Relaxed);
        let due = now < last || now.saturating_sub(last) >= SWEPT_EVERY;
        let relaxed = Ordering::Relaxed;
        due && self
            .at
            .compare_exchange(last, now, relaxed, relaxed)
            .is_ok()
    }
}

const OPEN: &str = open!("SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $8 > 0");
/// It reads them all, so it is asked only where there may be many.
const OPEN_WITHIN_CAP: &str =
    open!("SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT COUNT(*) FROM challenges) < $8");

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
    /// Stores a challenge, unless `cap` of them are open already (`false`).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_challenge(
        &self,
        new: &Challenge,
        now: Timestamp,
        cap: i64,
    ) -> Result<bool, sqlx::Error> {
        self.sweep_challenges(now).await?;
        let statement = if self.swept.has_room(1, cap) {
            OPEN
        } else {
            OPEN_WITHIN_CAP
        };
        let binding = &new.binding;
        let stored = on!(self.light, pool => {
            let query = sqlx::query(statement)
                .bind(&new.challenge)
                .bind(&binding.tenant)
                .bind(&binding.subject)
                .bind(&binding.kid)
                .bind(&binding.audience)
                .bind(new.expires_at.as_millis())
                .bind(binding.previous_kid.as_deref().unwrap_or_default())
                .bind(cap);
            query.execute(pool).await?.rows_affected()
        });
        Ok(stored == 1)
    }

    /// Drops the lapsed ones when it is time, and counts the others.
    pub(super) async fn sweep_challenges(&self, now: Timestamp) -> Result<(), sqlx::Error> {
        if self.swept.is_due(now) {
            let open = self.drop_lapsed_challenges(now).await?;
            self.swept.open.store(open, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How many are left.
    async fn drop_lapsed_challenges(&self, now: Timestamp) -> Result<i64, sqlx::Error> {
        on!(self.light, pool => {
            sqlx::query("DELETE FROM challenges WHERE expires_at <= $1")
                .bind(now.as_millis())
                .execute(pool)
                .await?;
        });
        let (open,): (i64,) = on!(self.light, pool => {
            sqlx::query_as("SELECT COUNT(*) FROM challenges").fetch_one(pool).await?
        });
        Ok(open)
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
