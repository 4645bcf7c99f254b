//! The authority itself: its name, its published keys, its signers, its store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Action, Cursor, Held, Target};
use mcps_core::json::Document;
use mcps_core::passport::PassportId;
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::statement;
use mcps_core::status::{State, Status};
use mcps_core::trust::{KeyState, KeyUse};

use crate::acks::{Acks, Enforcement, NAMED, enforcement};
use crate::error::Error;
use crate::feed::Feed;
use crate::keys::{Changed, KeyChangeError, KeyOrder, Keys, SERVING, carry_out};
use crate::store::{Db, Done, Record, Revocation, Revoked};

/// How long a signed status may be relied upon.
pub const STATUS_LIFE: Duration = Duration::from_secs(60);

/// What every handler works with; cheap to share.
#[derive(Debug)]
pub struct Authority {
    db: Db,
    name: String,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
    acks: Acks,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

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
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        db: Db,
        keys: Arc<Keys>,
        feed: Arc<Feed>,
        acks: Acks,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            db,
            name: keys.ring().bundle().authority().to_owned(),
            keys,
            feed,
            acks,
            clock,
            random,
        }
    }

    /// The issuer's name on every passport.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The published key set, and the keys that sign.
    #[must_use]
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
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

    /// Who signs passports now.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`].
    pub fn passport_signer(&self) -> Result<Arc<dyn Signer>, Error> {
        self.keys.signer(KeyUse::Passport)
    }

    /// The revocation feed of this process.
    #[must_use]
    pub const fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Where followers say how far they enforce the feed.
    #[must_use]
    pub const fn acks(&self) -> &Acks {
        &self.acks
    }

    /// How far a position of the feed is enforced; the newest one unless stated.
    ///
    /// # Errors
    /// [`Error::Ahead`], [`Error::Database`].
    pub async fn enforcement(&self, position: Option<Cursor>) -> Result<Enforcement, Error> {
        let now = self.now();
        let newest = self.db.head().await?.position.cursor();
        let position = position.unwrap_or(newest);
        if position > newest {
            return Err(Error::Ahead { newest });
        }
        let mut followers = self.db.followers(now.minus(NAMED), now).await?;
        let reach = self.db.revoked_reach().await?;
        if !reach.is_empty() {
            let ids = followers.iter().map(|follower| &follower.passport_id);
            let ids: Vec<PassportId> = ids.cloned().collect();
            let records = self.db.passports_among(&ids).await?.into_iter();
            let gone: HashSet<PassportId> = records
                .filter(|record| reach.reaches(record))
                .map(|record| record.id)
                .collect();
            followers.retain(|follower| !gone.contains(&follower.passport_id));
        }
        let event = self.db.event(position).await?;
        let event = event.map(Document::parse).transpose()?;
        let at = event.as_ref().and_then(|event| event.root().get("at"));
        let committed_at = at.and_then(|at| Timestamp::parse_rfc3339(&at.as_str()?));
        Ok(enforcement(position, committed_at, followers, now))
    }

    /// Carries an order out, and tells the feed once it is committed.
    ///
    /// # Errors
    /// [`Error::PassportNotFound`], [`Error::Event`], [`Error::Database`].
    pub async fn order(&self, action: &Action, order: &Revocation) -> Result<Done, Error> {
        let done = match action {
            Action::KeyBlock(_) | Action::Revoke(Target::Passport(_)) => {
                self.for_good(action, order).await?
            }
            Action::Reinstate { target, lifts } => self.db.reinstate(target, *lifts, order).await?,
            _ => self.db.restrict(action, order).await?,
        };
        if done.changed && !done.repeated {
            self.feed.wake();
        }
        Ok(done)
    }

    /// What stays done whatever comes later: to do it once more does no harm, so its record may be
    /// written afterwards.
    async fn for_good(&self, action: &Action, order: &Revocation) -> Result<Done, Error> {
        if let Some((done, _)) = self.db.given(&order.deed).await? {
            return Ok(done);
        }
        let done = match action {
            Action::KeyBlock(key) => self.db.block_key(key, order).await?,
            Action::Revoke(Target::Passport(id)) => {
                let revoked = self.db.revoke(id, order).await?;
                let revoked = revoked.ok_or(Error::PassportNotFound)?;
                order.done(revoked.position, revoked.told)
            }
            _ => return self.db.restrict(action, order).await,
        };
        let target = action.target().map(|target| target.to_json());
        let (kind, target) = (action.as_str(), target.unwrap_or_default());
        let (outcome, position) = (done.outcome(), done.position.as_deref());
        self.db
            .note_action(&order.deed, order.at, kind, &target, outcome, position)
            .await?;
        Ok(done)
    }

    /// Revokes a passport, and tells the feed once it is committed.
    ///
    /// # Errors
    /// [`Error::PassportNotFound`], [`Error::Event`], [`Error::Database`].
    pub async fn revoke(&self, id: &PassportId, order: &Revocation) -> Result<Revoked, Error> {
        let revoked = self.db.revoke(id, order).await?;
        let revoked = revoked.ok_or(Error::PassportNotFound)?;
        if revoked.told {
            self.feed.wake();
        }
        Ok(revoked)
    }

    /// The record of an issued passport.
    ///
    /// # Errors
    /// [`Error::PassportNotFound`] or [`Error::Database`].
    pub async fn issued(&self, id: &PassportId) -> Result<Record, Error> {
        self.db.passport(id).await?.ok_or(Error::PassportNotFound)
    }

    /// What has become of a passport, by its own revocation and by whatever reaches it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn judged(&self, record: &Record, now: Timestamp) -> Result<Judged, Error> {
        if let Some(revoked) = record.revoked {
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

    /// Takes a step of one of the authority's keys, and uses the new key set at once.
    ///
    /// # Errors
    /// As [`carry_out`]; [`KeyChangeError::RootAbsent`] where keys are not exchanged.
    pub async fn change_key(&self, order: &KeyOrder) -> Result<Changed, Error> {
        let custody = self.keys.custody().ok_or(KeyChangeError::RootAbsent)?;
        let (clock, random) = (self.clock.as_ref(), self.random());
        let changed = carry_out(&self.db, custody, clock, random, order).await?;
        self.keys.refresh().await?;
        if changed.position.is_some() {
            self.feed.wake();
        }
        Ok(changed)
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
        let status = Status {
            authority: self.name().to_owned(),
            passport_id: id.clone(),
            state: judged.state,
            trust_level: record.as_ref().map(|record| record.trust_level),
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
                } => Error::KeyUnusable {
                    usage: KeyUse::Status.as_str(),
                    why: "the log says what to do".to_owned(),
                },
                other => Error::CrossCheck(other),
            }
        })
    }

    /// Whether the database answers, the signers sign, and the feed goes on.
    ///
    /// # Errors
    /// What is unusable.
    pub async fn ready(&self) -> Result<(), Error> {
        /// No JSON object, so a signature over it passes for nothing else.
        const PROBE: &[u8] = b"mcps-authority readiness probe";
        self.db.ping().await?;
        let digest = mcps_core::digest::Digest::of(PROBE);
        let ring = self.keys.ring();
        if let Some(trouble) = ring.trouble() {
            return Err(Error::KeyUnusable {
                usage: trouble.usage,
                why: trouble.told.clone(),
            });
        }
        for usage in SERVING {
            let signer = ring.signer(usage, self.now())?;
            let signature = signer.sign(&digest);
            let signature = signature.map_err(|error| Error::KeyUnusable {
                usage: usage.as_str(),
                why: error.0.to_owned(),
            })?;
            let verified: Result<(), Refusal> = signer.public_key().verify(&digest, &signature);
            verified.map_err(Error::CrossCheck)?;
        }
        self.feed.is_fresh().then_some(()).ok_or(Error::FeedBehind)
    }
}
