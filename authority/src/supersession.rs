//! The end of passports whose key was exchanged: told when their overlap is over, by whichever
//! replica looks first.

use mcps_core::passport::{Passport, PassportId};

use crate::authority::Authority;
use crate::error::Error;
use crate::feed::POLL;
use crate::proof::Proven;
use mcps_core::clock::Timestamp;

impl Authority {
    /// Tells the feed of what is superseded by now. Whatever goes wrong is tried again a second
    /// later; until then status answers say it already.
    pub async fn supersede(&self) {
        match self.db().supersede_due(self.now()).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(count, "superseded {count} passports of exchanged keys");
                self.feed().wake();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what is superseded is not told yet");
            }
        }
    }

    /// Looks every second, for ever.
    pub async fn keep_superseding(&self) {
        loop {
            tokio::time::sleep(POLL).await;
            self.supersede().await;
        }
    }

    /// The passport by which a key was exchanged before, for whoever lost the answer.
    ///
    /// # Errors
    /// [`Error::Superseded`] when it was exchanged for another key than the one that is proven, or
    /// that one's passport is not good any more; [`Error::ChallengeRefused`], [`Error::Database`].
    pub async fn rotated(
        &self,
        old: &PassportId,
        proven: &Proven,
        now: Timestamp,
    ) -> Result<Passport, Error> {
        let (db, binding) = (self.db(), proven.binding());
        db.redeem_challenge(proven.challenge(), binding, now)
            .await?;
        let record = db.rotated(old, &binding.kid, now).await?;
        let record = record.ok_or(Error::Superseded)?;
        record.passport().map_err(Error::Stored)
    }
}
