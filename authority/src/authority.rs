//! The authority itself: its name, its published keys, its signers, its store.

mod budgets;
mod reports;
mod standing;

use budgets::Budgets;
pub use standing::{Judged, STATUS_LIFE};

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Action, Cursor, Target};
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{PassportId, StatusReference};
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::trust::KeyUse;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Tenants;
use crate::acks::{AckWriter, Acks, Enforcement, NAMED, enforcement};
use crate::budget::{Budget, Quota};
use crate::error::Error;
use crate::feed::Feed;
use crate::gather::Gathered;
use crate::incidents::Incident;
use crate::keys::{Changed, KeyChangeError, KeyOrder, Keys, SERVING, carry_out};
use crate::kill::{self, Point};
use crate::levels::Policy;
use crate::metrics::Metrics;
use crate::oidc::Oidc;
use crate::outbound::Outbound;
use crate::places::Places;
use crate::signals::issuing::TokenIssuer;
use crate::status_lists::{Listed, StatusLists};
use crate::store::{
    Db, Done, Lifted, NewPolicy, NewVerdict, Ordered, Pushed, Record, Revocation, Revoked, Told,
};

/// What every handler works with; cheap to share.
#[derive(Debug)]
pub struct Authority {
    db: Db,
    name: String,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
    acks: OnceLock<Acks>,
    lists: StatusLists,
    tokens: Arc<TokenIssuer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    policy: Policy,
    outbound: Outbound,
    oidc: Option<Oidc>,
    budgets: Budgets,
    issuing: Places,
    gathered: Gathered,
}

impl Authority {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        db: Db,
        keys: Arc<Keys>,
        feed: Arc<Feed>,
        (lists, tokens): (StatusLists, Arc<TokenIssuer>),
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        outbound: Outbound,
    ) -> Self {
        let policy = Policy::default();
        let issuing = Places::new(db.issuing());
        Self {
            gathered: Gathered::new(&db, &policy, &issuing),
            issuing,
            budgets: Budgets::new(Quota::USUAL, Quota::USUAL, Quota::FETCH),
            db,
            policy,
            outbound,
            oidc: None,
            name: keys.ring().bundle().authority().to_owned(),
            keys,
            feed,
            acks: OnceLock::new(),
            lists,
            tokens,
            clock,
            random,
        }
    }

    /// A place in the status lists for a passport, and how it is written in it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn place(&self) -> Result<(i64, StatusReference), Error> {
        self.lists.place(&self.db).await
    }

    /// The signed status list of that number.
    ///
    /// # Errors
    /// As [`StatusLists::list`].
    pub async fn status_list(&self, number: i64) -> Result<Listed, Error> {
        let (db, keys) = (&self.db, self.keys.as_ref());
        self.lists.list(number, db, keys, self.now()).await
    }

    /// With other quotas than the usual ones: for what issues, what cuts off and what fetches tokens.
    #[must_use]
    pub fn with_quotas(self, issue: Quota, order: Quota, fetch: Quota) -> Self {
        Self {
            budgets: Budgets::new(issue, order, fetch),
            ..self
        }
    }

    /// With an OpenID provider whose tokens operators may present.
    #[must_use]
    pub fn with_oidc(self, oidc: Option<Oidc>) -> Self {
        Self { oidc, ..self }
    }

    /// The OpenID provider whose tokens operators may present.
    #[must_use]
    pub const fn oidc(&self) -> Option<&Oidc> {
        self.oidc.as_ref()
    }

    /// The budgets for issuing.
    #[must_use]
    pub const fn issue_budget(&self) -> &Budget {
        &self.budgets.issue
    }

    /// The budgets for cutting off, and for taking that back.
    #[must_use]
    pub const fn order_budget(&self) -> &Budget {
        &self.budgets.order
    }

    /// The budgets for fetching security event tokens.
    #[must_use]
    pub const fn fetch_budget(&self) -> &Budget {
        &self.budgets.fetch
    }

    /// Waits for a place among those who issue, of which there are fewer than connections to the
    /// database: what cuts off always finds one.
    ///
    /// # Errors
    /// [`Error::Busy`] after five seconds.
    pub async fn issuing(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.issuing.take().await
    }

    /// Where the steps of issuing are asked for that are done for several at once.
    #[must_use]
    pub const fn gathered(&self) -> &Gathered {
        &self.gathered
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

    /// Whoever makes security event tokens.
    #[must_use]
    pub fn tokens(&self) -> &TokenIssuer {
        &self.tokens
    }

    /// The store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// What levels are computed by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How others are fetched from.
    #[must_use]
    pub const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Whoever follows the feed hears at once of a level that has changed.
    pub fn told(&self, told: &Told) {
        if let Some(position) = &told.position {
            let level = told.level.map(TrustLevel::number);
            tracing::info!(position, level, "a level has changed");
            self.announced("trust_change");
        }
    }

    /// Puts a tenant's policy in force; whoever follows the feed hears of it at once.
    ///
    /// # Errors
    /// As [`Db::push_policy`].
    pub async fn push_policy(&self, new: &NewPolicy) -> Result<Pushed, Error> {
        let pushed = self.db.push_policy(new).await?;
        if pushed.changed && !new.dry_run {
            let (tenant, version) = (&new.tenant, pushed.version.version);
            tracing::info!(
                tenant,
                version,
                digest = pushed.version.digest,
                position = pushed.version.told_at,
                "tenant {tenant} decides by version {version} of its policy"
            );
            self.announced("policy_change");
        }
        Ok(pushed)
    }

    /// Whoever follows the feed hears at once of a manifest that was published.
    pub fn manifest_told(&self) {
        self.announced("manifest_change");
    }

    /// Carries out what an operator orders about a tool; whoever follows the feed hears of it at once.
    ///
    /// # Errors
    /// As [`Db::order_verdict`].
    pub async fn order_verdict(&self, new: &NewVerdict) -> Result<Ordered, Error> {
        let ordered = self.db.order_verdict(new).await?;
        if let Some(order) = ordered
            .order
            .as_ref()
            .filter(|_| ordered.changed && !new.dry_run)
        {
            let (tenant, version) = (&new.tenant, order.version);
            tracing::info!(
                tenant,
                version,
                order = order.verb,
                digest = order.digest,
                position = order.told_at,
                "order {version} about a tool of tenant {tenant}"
            );
            self.announced("verdict_change");
        }
        Ok(ordered)
    }

    /// The level of a passport now: what it states, and no more than what was told of its subject.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn level_of(&self, record: &Record) -> Result<TrustLevel, Error> {
        let (tenant, name) = (&record.tenant, &record.name);
        let told = self.db.told_level(tenant, record.kind, name).await?;
        Ok(told.map_or(record.trust_level, |told| told.min(record.trust_level)))
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

    /// Who judges and writes what followers say, until the authority is dropped; of several the
    /// first.
    #[must_use]
    pub fn ack_writer(&self) -> AckWriter {
        let (keys, clock) = (Arc::clone(&self.keys), Arc::clone(&self.clock));
        let (acks, writer) = AckWriter::new(&self.name, self.db.clone(), keys, clock);
        let _ = self.acks.set(acks);
        writer
    }

    /// Where followers say how far they enforce the feed.
    ///
    /// # Errors
    /// [`Error::FeedBehind`] when nobody writes what they say.
    pub fn acks(&self) -> Result<&Acks, Error> {
        self.acks.get().ok_or(Error::FeedBehind)
    }

    /// How far a position of the feed is enforced by followers of those tenants; the newest one unless
    /// stated.
    ///
    /// # Errors
    /// [`Error::Ahead`], [`Error::Database`].
    pub async fn enforcement(
        &self,
        position: Option<Cursor>,
        tenants: &Tenants,
    ) -> Result<Enforcement, Error> {
        let now = self.now();
        let newest = self.db.head().await?.position.cursor();
        let position = position.unwrap_or(newest);
        if position > newest {
            return Err(Error::Ahead { newest });
        }
        let mut followers = self.db.followers(now.minus(NAMED), now).await?;
        followers.retain(|follower| tenants.contains(&follower.id.tenant));
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
        if done.changed && !done.repeated && !order.dry_run {
            self.announced(action.as_str());
        }
        Ok(done)
    }

    /// Ends an alert, and takes back what sources did for it if nothing else holds its target back.
    ///
    /// # Errors
    /// As [`Db::lift`].
    pub async fn lift(
        &self,
        over: &Incident,
        target: &Target,
        order: &Revocation,
    ) -> Result<Lifted, Error> {
        let lifted = self.db.lift(over, target, order).await?;
        if lifted.done.changed && !lifted.done.repeated && !order.dry_run {
            self.announced("reinstate");
        }
        Ok(lifted)
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
        if order.dry_run {
            return Ok(done);
        }
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
            self.announced("revoke");
        }
        Ok(revoked)
    }

    /// An order was committed: counts it, and wakes the feed.
    fn announced(&self, kind: &'static str) {
        kill::at(Point::Ordered);
        self.metrics().ordered(kind);
        self.feed.wake();
    }

    /// What this process has counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.feed.metrics()
    }

    /// [`Authority::metrics`] as text, with what there is to measure at this moment.
    #[must_use]
    pub fn measured(&self) -> String {
        self.feed.measure();
        self.metrics().measure_database(&self.db);
        self.metrics().text()
    }

    /// The record of an issued passport.
    ///
    /// # Errors
    /// [`Error::PassportNotFound`] or [`Error::Database`].
    pub async fn issued(&self, id: &PassportId) -> Result<Record, Error> {
        self.db.passport(id).await?.ok_or(Error::PassportNotFound)
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
            self.announced("authority_key");
        }
        Ok(changed)
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
