//! What has become of a passport, and what is said of it, signed.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::Held;
use mcps_core::passport::PassportId;
use mcps_core::refusal::Refusal;
use mcps_core::statement;
use mcps_core::status::{State, Status};
use mcps_core::trust::{KeyState, KeyUse};

use super::Authority;
use crate::error::Error;
use crate::store::Record;

/// How long a signed status may be relied upon.
pub const STATUS_LIFE: Duration = Duration::from_secs(60);

/// What has become of a passport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Where it stands.
    pub state: State,
    /// Why it is revoked or held back.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl Judged {
    const fn plain(state: State) -> Self {
        Self {
            state,
            reason: None,
            since: None,
        }
    }
}

impl Authority {
    /// What has become of a passport, by its own revocation and by whatever reaches it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn judged(&self, record: &Record, now: Timestamp) -> Result<Judged, Error> {
        if let Some(revoked) = record.ended(now) {
            return Ok(Judged {
                state: State::Revoked,
                reason: Some(revoked.reason.as_str().to_owned()),
                since: Some(revoked.at),
            });
        }
        if self.issuer_revoked(record) {
            return Ok(Judged {
                state: State::Revoked,
                reason: Some("authority_key".to_owned()),
                since: None,
            });
        }
        let restricted = self.db.restriction_of(record, now).await?;
        Ok(match restricted {
            Some(restricted) => Judged {
                state: match restricted.held {
                    Held::Revoked => State::Revoked,
                    _ => State::Suspended,
                },
                reason: Some(restricted.reason),
                since: Some(restricted.at),
            },
            None => Judged::plain(record.state(now)),
        })
    }

    /// Whether the key that signed it is revoked. Its holder may still renew it by its own key, and
    /// gets one by another issuer's key.
    fn issuer_revoked(&self, record: &Record) -> bool {
        let ring = self.keys.ring();
        let mut keys = ring.bundle().keys().iter();
        keys.any(|key| {
            key.state == KeyState::Revoked && key.public_key.key_id().as_str() == record.issuer_kid
        })
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
        let judged = match &record {
            Some(record) => self.judged(record, now).await?,
            None => Judged::plain(State::Unknown),
        };
        let trust_level = match &record {
            Some(record) => Some(self.level_of(record).await?),
            None => None,
        };
        let status = Status {
            authority: self.name().to_owned(),
            passport_id: id.clone(),
            state: judged.state,
            trust_level,
            reason: judged.reason,
            revoked_at: judged.since,
            nonce,
            produced_at: now,
            fresh_until: now.plus(STATUS_LIFE),
        };
        let signer = self.keys.signer(KeyUse::Status)?;
        let unsigned = status.unsigned_json(signer.public_key().key_id());
        statement::sign(statement::STATUS, &unsigned, signer.as_ref()).map_err(|refusal| {
            match refusal {
                Refusal::Statement {
                    why: statement::SIGNER_FAILED,
                    ..
                } => {
                    self.metrics().signer_failed(KeyUse::Status);
                    Error::KeyUnusable {
                        usage: KeyUse::Status.as_str(),
                        why: "the log says what to do".to_owned(),
                    }
                }
                other => Error::CrossCheck(other),
            }
        })
    }
}
