//! The authority itself: its name, its published keys, its signers, its store.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::passport::PassportId;
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::status::{State, Status};
use mcps_core::trust::TrustBundle;

use crate::error::Error;
use crate::store::{Db, Record};

/// How long a signed status may be relied upon.
pub const STATUS_LIFE: Duration = Duration::from_secs(60);

/// What every handler works with; cheap to share.
#[derive(Debug)]
pub struct Authority {
    db: Db,
    bundle: TrustBundle,
    passport_signer: Arc<dyn Signer>,
    status_signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Authority {
    /// Puts the parts together. `bundle` must have been verified and must hold both signers' keys.
    #[must_use]
    pub fn new(
        db: Db,
        bundle: TrustBundle,
        passport_signer: Arc<dyn Signer>,
        status_signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            db,
            bundle,
            passport_signer,
            status_signer,
            clock,
            random,
        }
    }

    /// The issuer's name on every passport.
    #[must_use]
    pub fn name(&self) -> &str {
        self.bundle.authority()
    }

    /// The published key set.
    #[must_use]
    pub const fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// The store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where unpredictable bytes come from.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Who signs passports.
    #[must_use]
    pub fn passport_signer(&self) -> &dyn Signer {
        self.passport_signer.as_ref()
    }

    /// Who signs status answers.
    #[must_use]
    pub fn status_signer(&self) -> &dyn Signer {
        self.status_signer.as_ref()
    }

    /// The record of an issued passport.
    ///
    /// # Errors
    /// [`Error::PassportNotFound`] or [`Error::Database`].
    pub async fn issued(&self, id: &PassportId) -> Result<Record, Error> {
        self.db.passport(id).await?.ok_or(Error::PassportNotFound)
    }

    /// What is to be said of a passport now, signed, to `nonce`. For an id that was never issued
    /// the answer is a signed "unknown".
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::CrossCheck`] when the signer fails.
    pub async fn signed_status(&self, id: &PassportId, nonce: String) -> Result<String, Error> {
        let record = self.db.passport(id).await?;
        // After the database was read, or an answer could outlive what it rests on.
        let now = self.now();
        let revoked = record.as_ref().and_then(|record| record.revoked);
        let status = Status {
            authority: self.name().to_owned(),
            passport_id: id.clone(),
            state: record
                .as_ref()
                .map_or(State::Unknown, |record| record.state(now)),
            trust_level: record.as_ref().map(|record| record.trust_level),
            reason: revoked.map(|revoked| revoked.reason.as_str().to_owned()),
            revoked_at: revoked.map(|revoked| revoked.at),
            nonce,
            produced_at: now,
            fresh_until: now.plus(STATUS_LIFE),
        };
        let signer = self.status_signer();
        let unsigned = status.unsigned_json(signer.public_key().key_id());
        statement::sign(statement::STATUS, &unsigned, signer).map_err(Error::CrossCheck)
    }

    /// Whether the database answers and the signers sign.
    ///
    /// # Errors
    /// What is unusable.
    pub async fn ready(&self) -> Result<(), Error> {
        /// No JSON object, so a signature over it passes for nothing else.
        const PROBE: &[u8] = b"mcps-authority readiness probe";
        self.db.ping().await?;
        let digest = mcps_core::digest::Digest::of(PROBE);
        for signer in [self.passport_signer(), self.status_signer()] {
            let signature = signer.sign(&digest)?;
            let verified: Result<(), Refusal> = signer.public_key().verify(&digest, &signature);
            verified.map_err(Error::CrossCheck)?;
        }
        Ok(())
    }
}
