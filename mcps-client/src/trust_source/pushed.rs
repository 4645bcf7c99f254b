//! What the authority tells by itself, before it is asked: its revocation feed.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mcps_core::digest::Digest;
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::manifest::Manifest;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::refusal::Refusal;
use mcps_core::trust::{Standing, TrustBundle};
use tokio::sync::watch;

use super::{CutOff, Heard, Live, TrustSource};
use crate::authority::AuthorityClient;
use crate::error::ClientError;
use crate::feed::{Feed, Keys, Log, Watcher, acknowledge, pursue};
use crate::home::Home;
use crate::identity::Identity;
use crate::link::Guest;

/// How long the feed suffices for a passport of which the authority could not be asked.
const UNANSWERED: Duration = Duration::from_secs(60);
/// How often the key set is fetched without an occasion.
const KEYS: Duration = Duration::from_secs(60);

/// The keys of the authority that a home has pinned.
struct Pinned<'a> {
    trust: &'a TrustSource,
    home: &'a Home,
}

impl Keys for Pinned<'_> {
    fn bundle(&self) -> Option<Arc<TrustBundle>> {
        self.trust.anchors.load().bundle.clone()
    }

    async fn refresh(&self) {
        self.trust.renew_keys(self.home).await;
    }
}

impl TrustSource {
    /// What is known of a recognised passport and of each issuer between it and the authority: from
    /// the feed, as long as its word has not lapsed, else by asking. Of one that is new here the
    /// authority is asked once whether it ever recorded it.
    ///
    /// # Errors
    /// What the feed or a status refuses it with; [`Refusal::AuthorityUnreachable`] when nothing
    /// was ever heard. What is old is returned with its age: the caller bounds it.
    pub async fn live(&self, passport: &Passport, standing: Standing) -> Result<Live, Refusal> {
        self.admits(passport, standing.relied)?;
        let pushed = self.pushed(passport, standing.relied);
        let always_asks = self.freshness.refresh.is_zero();
        if let Some((live, true)) = pushed
            && !always_asks
            && self.vouched(passport, standing.relied)
        {
            return Ok(live);
        }
        let asked = self.asked(passport, standing.relied).await;
        // It may have been revoked while we asked.
        self.admits(passport, standing.relied)?;
        match (asked, pushed) {
            (Ok(asked), Some((pushed, _))) => Ok(Live {
                age: asked.age.min(pushed.age),
                most: asked.most,
                ..asked.and(pushed)
            }),
            (Err(Refusal::AuthorityUnreachable), Some((pushed, _))) => Ok(pushed),
            (asked, _) => asked,
        }
    }

    /// Whether the feed has nothing against a recognised passport. Asks nobody.
    ///
    /// # Errors
    /// What it is refused with.
    pub fn admits(&self, passport: &Passport, relied: usize) -> Result<(), Refusal> {
        let Some(feed) = &self.feed else {
            return Ok(());
        };
        let anchor = self.anchor(passport.id());
        feed.judge(passport, relied, anchor.as_ref(), self.clock.now())?;
        Ok(())
    }

    /// The same of a passport that is known by its id; one that nobody recognises has nothing
    /// against it.
    ///
    /// # Errors
    /// As [`TrustSource::admits`].
    pub fn admits_known(&self, id: &PassportId) -> Result<(), Refusal> {
        let known = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .get(id)
                .map(|known| (Arc::clone(&known.passport), known.standing.relied))
        };
        known.map_or(Ok(()), |(passport, relied)| self.admits(&passport, relied))
    }

    /// Whether the feed has nothing against a caller without a passport: its name, its owner, its
    /// tenant. Asks nobody.
    ///
    /// # Errors
    /// What it is refused with.
    pub fn admits_guest(&self, guest: &Guest) -> Result<(), Refusal> {
        let Some(feed) = &self.feed else {
            return Ok(());
        };
        let now = self.clock.now();
        let blocks = feed.read(|follower| {
            let blocks = guest.targets().into_iter();
            let blocks = blocks.filter_map(|target| follower.blocks().target(&target, now));
            blocks.max()
        });
        blocks.map_or(Ok(()), |block| Err(block.into()))
    }

    /// The same, and what the feed says is fresh enough for L1: nobody else could be asked.
    ///
    /// # Errors
    /// What it is refused with; [`Refusal::AuthorityUnreachable`] when nothing was ever heard, and
    /// [`Refusal::StatusTooOld`].
    pub fn vouches_for_guest(&self, guest: &Guest) -> Result<(), Refusal> {
        self.admits_guest(guest)?;
        let feed = self.feed.as_ref().ok_or(Refusal::AuthorityUnreachable)?;
        let now = self.clock.now();
        let freshness = feed.read(|follower| follower.freshness(now));
        let freshness = freshness.ok_or(Refusal::AuthorityUnreachable)?;
        freshness.level().map(drop)
    }

    /// Tells whenever what the feed has against anybody may have changed. `None` without a feed.
    #[must_use]
    pub fn changes(&self) -> Option<watch::Receiver<u64>> {
        self.feed.as_ref().map(|feed| feed.changes())
    }

    /// What the authority tells by itself, as far as it is known.
    #[must_use]
    pub const fn feed(&self) -> Option<&Arc<Feed>> {
        self.feed.as_ref()
    }

    /// A tenant's policy as the authority gives it. The caller compares its digest.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Problem`], [`ClientError::Answer`].
    pub async fn policy(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        let authority = self.authority.as_ref();
        let authority = authority.ok_or(Refusal::AuthorityUnreachable)?;
        authority.policy_document(tenant, digest).await
    }

    /// What stands of a tenant's tools as the authority gives it. The caller compares its digest.
    ///
    /// # Errors
    /// As [`TrustSource::policy`].
    pub async fn verdicts(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        let authority = self.authority.as_ref();
        let authority = authority.ok_or(Refusal::AuthorityUnreachable)?;
        authority.verdicts_document(tenant, digest).await
    }

    /// The manifest of that digest, whoever signed it: the feed told the digest.
    ///
    /// # Errors
    /// As [`TrustSource::policy`]; what says something else.
    pub async fn manifest_of(&self, digest: &Digest) -> Result<Manifest, ClientError> {
        let authority = self.authority.as_ref();
        let authority = authority.ok_or(Refusal::AuthorityUnreachable)?;
        let shown = authority.manifest_by_digest(digest).await?;
        let manifest = shown.root().get("manifest");
        let manifest = manifest.ok_or(Refusal::Tool("no manifest where one should be"))?;
        Ok(Manifest::vouched(manifest, digest)?)
    }

    /// Follows the authority's keys and its feed for ever, stores how far it came, and tells the
    /// authority so as `identity`.
    pub async fn follow(&self, home: &Home, identity: &Identity) -> Infallible {
        let (Some(feed), Some(authority)) = (&self.feed, &self.authority) else {
            return self.follow_keys(home).await;
        };
        let (clock, random) = (self.clock.as_ref(), self.random.as_ref());
        let mut log = Log::new(authority.url(), Arc::clone(&self.clock));
        tokio::select! {
            never = self.follow_keys(home) => never,
            never = self.pursue(home, feed, authority, &mut log) => never,
            never = feed.keep(home) => never,
            never = acknowledge(feed, authority, identity, clock, random) => never,
        }
    }

    /// Follows the feed for ever and tells `watcher` of it; nothing is stored.
    ///
    /// # Errors
    /// [`Refusal::AuthorityUnreachable`] without an authority.
    pub async fn watch(
        &self,
        home: &Home,
        watcher: &mut impl Watcher,
    ) -> Result<Infallible, Refusal> {
        let none = Refusal::AuthorityUnreachable;
        let (Some(feed), Some(authority)) = (&self.feed, &self.authority) else {
            return Err(none);
        };
        Ok(self.pursue(home, feed, authority, watcher).await)
    }

    /// Stores how far the feed was followed, before the process ends. Waits for the disk.
    pub fn store_feed(&self, home: &Home) {
        if let Some(Err(error)) = self.feed.as_ref().map(|feed| feed.store(home)) {
            tracing::warn!(error = %error, "how far the revocation feed was followed is not kept: {error}");
        }
    }

    async fn pursue(
        &self,
        home: &Home,
        feed: &Feed,
        authority: &AuthorityClient,
        watcher: &mut impl Watcher,
    ) -> Infallible {
        let keys = Pinned { trust: self, home };
        let (clock, random) = (self.clock.as_ref(), self.random.as_ref());
        pursue(feed, authority, &keys, clock, random, watcher).await
    }

    async fn follow_keys(&self, home: &Home) -> Infallible {
        loop {
            self.renew_keys(home).await;
            tokio::time::sleep(KEYS).await;
        }
    }

    async fn renew_keys(&self, home: &Home) {
        match self.refresh_bundle(home).await {
            Ok(true) => {
                tracing::info!("the trust authority published a new key set; in use now");
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(error = %error, "key set not refreshed: {error}"),
        }
    }

    /// What the feed says, and whether that suffices without asking.
    fn pushed(&self, passport: &Passport, relied: usize) -> Option<(Live, bool)> {
        let feed = self.feed.as_ref()?;
        let told = |id: &PassportId| {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.get(id)?.status.as_ref()?.trust_level
        };
        let known = feed.knowledge(passport, relied, told, self.clock.now())?;
        let live = Live {
            age: known.freshness.age,
            recorded: known.recorded,
            most: self.most(!known.freshness.lapsed),
        };
        Some((live, known.suffices))
    }

    async fn asked(&self, passport: &Passport, relied: usize) -> Result<Live, Refusal> {
        let mut live = self.status(passport.id()).await?;
        for issuer in passport.issuer_chain().iter().take(relied) {
            live = live.and(self.status(issuer.id()).await?);
        }
        Ok(live)
    }

    /// Whether the authority was asked once and knew them all: the feed does not mention a passport
    /// that it never recorded. Where it does not answer, the feed suffices for a while.
    fn vouched(&self, passport: &Passport, relied: usize) -> bool {
        let now = self.clock.now();
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let issuers = passport.issuer_chain().iter().take(relied);
        let mut ids = std::iter::once(passport).chain(issuers).map(Passport::id);
        ids.all(|id| match heard.get(id) {
            Some(Heard {
                status: Some(status),
                ..
            }) => status.admits().is_ok(),
            Some(Heard {
                failed_at: Some(at),
                ..
            }) => *at <= now && now < at.plus(UNANSWERED),
            _ => false,
        })
    }

    /// The highest level without a word of the authority that has not lapsed.
    pub(super) const fn most(&self, vouched: bool) -> TrustLevel {
        match self.freshness.cut_off {
            CutOff::Refuse if !vouched => TrustLevel::L1,
            CutOff::Refuse | CutOff::Levels => TrustLevel::L4,
        }
    }

    fn anchor(&self, id: &PassportId) -> Option<KeyId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id)?.anchor.clone()
    }
}

#[cfg(test)]
mod tests;
