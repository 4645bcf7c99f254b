//! Whom we believe and how lately we asked: anchors, passports seen, and their revocation status
//! within bounded staleness. Whatever is not known to be good is refused.

mod pushed;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::random::{Random, hex16};
use mcps_core::refusal::Refusal;
use mcps_core::status::{State, Status};
use mcps_core::trust::{ISSUE_SKEW, Standing, TrustBundle, TrustStore};

use crate::authority::AuthorityClient;
use crate::error::ClientError;
use crate::feed::Feed;
use crate::follower::Follower;
use crate::home::{Home, Kept};

/// What goes on when nothing is heard from the authority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CutOff {
    /// Each level for as long as what was last heard is fresh enough for it.
    #[default]
    Levels,
    /// Nothing from L2 on, as soon as the authority's word has lapsed.
    Refuse,
}

/// How often and how patiently the authority is asked.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// A status younger than this is used without asking again.
    pub refresh: Duration,
    /// After a failure, how long not to ask again.
    pub retry: Duration,
    /// What goes on without it.
    pub cut_off: CutOff,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(5),
            retry: Duration::from_secs(1),
            cut_off: CutOff::default(),
        }
    }
}

/// Passports remembered; when full, those that are expired make room and new ones are refused.
const MAX_KNOWN: usize = 100_000;

#[derive(Debug)]
struct Known {
    passport: Arc<Passport>,
    standing: Standing,
    /// The authority's key that signed the last member that is relied upon.
    anchor: Option<KeyId>,
    /// When the first of the passport and its chain expires: until then `standing` holds.
    until: Timestamp,
}

/// What was heard of one passport, subject or issuer.
#[derive(Debug, Default)]
struct Heard {
    status: Option<Status>,
    failed_at: Option<Timestamp>,
}

impl Heard {
    /// A revocation is for good, whatever is said later, by a replica that lags or an authority
    /// restored from a backup. Of all else the newest counts, in whatever order it arrives.
    fn hear(&mut self, status: Status) {
        let newer = |old: &Status| match (old.state, status.state) {
            (State::Revoked, _) => false,
            (_, State::Revoked) => true,
            _ => old.produced_at <= status.produced_at,
        };
        if self.status.as_ref().is_none_or(newer) {
            self.status = Some(status);
        }
        self.failed_at = None;
    }
}

#[derive(Debug)]
struct Anchors {
    store: TrustStore,
    bundle: Option<Arc<TrustBundle>>,
}

/// What the authority last said, and how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Age of the status.
    pub age: Duration,
    /// The level now recorded at the authority, which may be below the passport's.
    pub recorded: Option<TrustLevel>,
    /// The highest level it is good for, whatever its age.
    pub most: TrustLevel,
}

impl Live {
    /// What is known of two passports of which both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let lower = self.recorded.into_iter().chain(other.recorded).min();
        Self {
            age: self.age.max(other.age),
            recorded: lower,
            most: self.most.min(other.most),
        }
    }

    /// The highest level that it is good for and whose bound on staleness its age meets.
    ///
    /// # Errors
    /// [`Refusal::StatusTooOld`] when it meets none.
    pub fn level(&self) -> Result<TrustLevel, Refusal> {
        let meets =
            |level: &TrustLevel| level.status_bound().is_some_and(|bound| self.age <= bound);
        let level = TrustLevel::ALL.into_iter().rev().find(meets);
        let too_old = Refusal::StatusTooOld {
            level: TrustLevel::L1,
        };
        Ok(level.ok_or(too_old)?.min(self.most))
    }
}

/// One process' view of whom to believe.
#[derive(Debug)]
pub struct TrustSource {
    anchors: ArcSwap<Anchors>,
    authority: Option<AuthorityClient>,
    freshness: Freshness,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    known: Mutex<HashMap<PassportId, Known>>,
    heard: Mutex<HashMap<PassportId, Heard>>,
    /// What the authority tells by itself.
    feed: Option<Arc<Feed>>,
}

impl TrustSource {
    /// Believes `store`, and asks `authority`, whose verified key set is `bundle`, for status.
    /// Without an authority every status is unknown, and so every signed call is refused.
    #[must_use]
    pub fn new(
        store: TrustStore,
        authority: Option<(AuthorityClient, TrustBundle)>,
        freshness: Freshness,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let mut store = store;
        let (authority, bundle) = match authority {
            Some((client, bundle)) => {
                store.add_bundle(&bundle, TrustLevel::L4);
                (Some(client), Some(Arc::new(bundle)))
            }
            None => (None, None),
        };
        let feed = bundle.as_ref().map(|bundle| {
            let follower = Follower::new(bundle.authority());
            Arc::new(Feed::new(follower))
        });
        let anchors = ArcSwap::from_pointee(Anchors { store, bundle });
        Self {
            anchors,
            authority,
            freshness,
            clock,
            random,
            known: Mutex::default(),
            heard: Mutex::default(),
            feed,
        }
    }

    /// From a home directory that has enrolled.
    ///
    /// # Errors
    /// What [`Home::authority`] and [`Home::trust`] say.
    pub fn load(
        home: &Home,
        freshness: Freshness,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClientError> {
        Self::load_at(home, None, freshness, clock, random)
    }

    /// The same with the authority at another address than the home's.
    ///
    /// # Errors
    /// As [`TrustSource::load`].
    pub fn load_at(
        home: &Home,
        url: Option<&str>,
        freshness: Freshness,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ClientError> {
        let pin = home.authority()?;
        let bundle = home.trust(&pin.root()?)?;
        let client = AuthorityClient::of_home(url.unwrap_or(&pin.url), home)?;
        let feed = Feed::load(home, bundle.authority());
        let authority = Some((client, bundle));
        let store = TrustStore::default();
        Ok(Self {
            feed: Some(Arc::new(feed)),
            ..Self::new(store, authority, freshness, clock, random)
        })
    }

    /// Fetches the authority's key set again and takes it into use if it is signed by the pinned
    /// root, or one that it led to, and not older than ours. Returns whether it was newer.
    ///
    /// # Errors
    /// The authority's silence or a key set that is not its own; the present one stays in use.
    pub async fn refresh_bundle(&self, home: &Home) -> Result<bool, ClientError> {
        let Some(authority) = &self.authority else {
            return Ok(false);
        };
        let bundle = authority.trust().await?;
        let present = self.anchors.load();
        let known = present.bundle.as_ref();
        // What this process believes holds, whatever became of the home.
        if let Some(known) = known {
            bundle.verify(known.signer())?;
        }
        let known = known.map_or(i64::MIN, |bundle| bundle.number());
        let kept = match bundle.number() < known {
            true => Kept::Older,
            false => home.keep_trust(&bundle)?,
        };
        if kept == Kept::Older {
            return Err(Refusal::Statement {
                what: "trust bundle",
                why: "the key set is older than the one known",
            }
            .into());
        }
        if bundle.number() == known {
            return Ok(false);
        }
        let mut store = present.store.clone();
        store.add_bundle(&bundle, TrustLevel::L4);
        self.anchors.store(Arc::new(Anchors {
            store,
            bundle: Some(Arc::new(bundle)),
        }));
        // Passports stay known; each is judged again by the new keys when it is next used.
        for entry in self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values_mut()
        {
            entry.until = Timestamp::from_millis(0);
        }
        Ok(true)
    }

    /// The passport behind an id: the one that came along, judged now, or one judged before.
    ///
    /// # Errors
    /// [`Refusal::PassportWanted`] when only the id came and it is not known; what
    /// [`TrustStore::verify`] says of it, at every call.
    pub fn passport(
        &self,
        id: &PassportId,
        brought: Option<&Passport>,
    ) -> Result<(Arc<Passport>, Standing), Refusal> {
        let now = self.clock.now();
        let anchors = self.anchors.load();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get_mut(id)
            && brought
                .is_none_or(|brought| brought.signed_digest() == entry.passport.signed_digest())
        {
            let passport = Arc::clone(&entry.passport);
            if now < entry.until {
                return Ok((passport, entry.standing));
            }
            (entry.standing, entry.anchor) = anchors.store.trace(&passport, now)?;
            entry.until = until(&passport);
            return Ok((passport, entry.standing));
        }
        let passport = brought.ok_or(Refusal::PassportWanted)?;
        // An id is known by the first passport that was judged good under it. One that nobody
        // recognises is judged anew each time, so that it cannot occupy an id.
        if known.contains_key(id) {
            return Err(Refusal::Passport("another passport is known under this id"));
        }
        let (standing, anchor) = anchors.store.trace(passport, now)?;
        let passport = Arc::new(passport.clone());
        if standing.recognised {
            if known.len() >= MAX_KNOWN {
                known.retain(|_, entry| entry.passport.expires_at() > now);
            }
            if known.len() >= MAX_KNOWN {
                return Err(Refusal::Full("the table of known passports"));
            }
            let until = until(&passport);
            let entry = Known {
                passport: Arc::clone(&passport),
                standing,
                anchor,
                until,
            };
            known.insert(id.clone(), entry);
        }
        Ok((passport, standing))
    }

    /// The passport known by an id, whether or not it still holds.
    #[must_use]
    pub fn remembered(&self, id: &PassportId) -> Option<Arc<Passport>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).map(|entry| Arc::clone(&entry.passport))
    }

    /// What the authority says of a recognised passport, asked again when the last answer is
    /// older than the refresh interval.
    ///
    /// # Errors
    /// [`Refusal::Revoked`] or [`Refusal::Expired`] when it says so; [`Refusal::AuthorityUnreachable`]
    /// when it never answered. Old answers are returned with their age: the caller bounds it.
    pub async fn status(&self, id: &PassportId) -> Result<Live, Refusal> {
        let now = self.clock.now();
        let (last, resting) = self.last(id, now);
        // A clock that was set back must not make an old answer fresh.
        let fresh = |status: &Status| {
            let at = status.produced_at;
            status.state == State::Revoked
                || (now < at.plus(self.freshness.refresh) && at <= now.plus(ISSUE_SKEW))
        };
        if resting || last.as_ref().is_some_and(fresh) {
            return self.judge(last.as_ref());
        }
        if let Err(error) = self.ask(id).await {
            let advice = match &error {
                // Produced just now, in its own words.
                ClientError::Refused(Refusal::StatusTooOld { .. }) => {
                    "; set the clocks of both machines (NTP)"
                }
                _ => "",
            };
            tracing::warn!(passport_id = %id, error = %error, "no status from the trust authority for {id}: {error}{advice}");
            self.note(id, |heard| heard.failed_at = Some(now));
        }
        // Judged by all that was heard: terminal words outlive any silence, and any contradiction.
        self.judge(self.last(id, now).0.as_ref())
    }

    /// What was last heard of a passport, and whether the authority just failed to answer.
    fn last(&self, id: &PassportId, now: Timestamp) -> (Option<Status>, bool) {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(heard) = heard.get(id) else {
            return (None, false);
        };
        let resting = |at: Timestamp| at <= now && now < at.plus(self.freshness.retry);
        (heard.status.clone(), heard.failed_at.is_some_and(resting))
    }

    fn judge(&self, status: Option<&Status>) -> Result<Live, Refusal> {
        let status = status.ok_or(Refusal::AuthorityUnreachable)?;
        status.admits()?;
        // As old as it seems new, after a clock was set back.
        let age = self.clock.now().since(status.produced_at).unsigned_abs();
        let vouched = self.clock.now() < status.fresh_until;
        Ok(Live {
            age: Duration::from_millis(age),
            recorded: status.trust_level,
            most: self.most(vouched),
        })
    }

    async fn ask(&self, id: &PassportId) -> Result<(), ClientError> {
        let authority = self
            .authority
            .as_ref()
            .ok_or(Refusal::AuthorityUnreachable)?;
        let nonce = hex16(self.random.as_ref())?;
        let text = authority.status_text(id, &nonce).await?;
        let anchors = self.anchors.load();
        let bundle = anchors
            .bundle
            .as_ref()
            .ok_or(Refusal::AuthorityUnreachable)?;
        let status = Status::verify(&text, bundle, id, &nonce, self.clock.now())?;
        self.note(id, |heard| heard.hear(status));
        Ok(())
    }

    /// A status as if the authority had just given it, and nothing before.
    #[cfg(test)]
    pub(crate) fn preload(&self, passport: &Passport, status: Status) {
        let _ = self.passport(passport.id(), Some(passport));
        self.note(passport.id(), |heard| heard.status = Some(status));
    }

    fn note(&self, id: &PassportId, change: impl FnOnce(&mut Heard)) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= MAX_KNOWN && !heard.contains_key(id) {
            // What is forgotten is asked for again, and refused as long as nobody answers.
            heard.clear();
        }
        change(heard.entry(id.clone()).or_default());
    }
}

/// When the first of a passport and its chain expires.
fn until(passport: &Passport) -> Timestamp {
    let chain = passport.issuer_chain().iter().map(Passport::expires_at);
    chain.fold(passport.expires_at(), Timestamp::min)
}

#[cfg(test)]
mod tests;
