//! What the authority has of tenants, their policies and what their operators said of tools: the feed
//! says which document is in force, the authority gives its text, and what did not load or does not
//! have that digest replaces nothing.

mod kept;
mod matter;
mod pursuit;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::feed::Feed;
use mcps_core::clock::{Clock, SystemClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::judge::{Denial, Set};
pub(crate) use matter::Fault;
pub use matter::{Matter, Said};

/// How long a call waits for a document that the feed has told of and that is being fetched.
const PATIENCE: Duration = Duration::from_secs(2);

/// A tenant's standing here.
#[derive(Debug)]
struct Standing<M> {
    /// What is in force.
    matter: Option<Arc<M>>,
    /// Another document that the feed tells of and that is not in force here.
    news: Option<News>,
}

impl<M> Default for Standing<M> {
    fn default() -> Self {
        Self {
            matter: None,
            news: None,
        }
    }
}

impl<M> Clone for Standing<M> {
    fn clone(&self) -> Self {
        Self {
            matter: self.matter.clone(),
            news: self.news,
        }
    }
}

/// A document that is not in force here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct News {
    digest: Digest,
    /// Since when it is known that what is in force is not the newest.
    since: Timestamp,
    /// Its text is here and does not load.
    bad: bool,
    /// It was asked for in vain.
    failed: bool,
}

/// What the authority told of tenants, as far as it is in force here.
#[derive(Debug)]
pub struct Told<M = Set> {
    feed: Option<Arc<Feed>>,
    clock: Arc<dyn Clock>,
    tenants: ArcSwap<BTreeMap<String, Standing<M>>>,
    /// Counts what was taken into force, or given up.
    changes: watch::Sender<u64>,
}

impl<M: Matter> Told<M> {
    /// Nothing yet, by that feed.
    #[must_use]
    pub fn new(feed: Option<Arc<Feed>>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            feed,
            clock,
            tenants: ArcSwap::default(),
            changes: watch::Sender::new(0),
        })
    }

    /// Nothing, and nobody tells.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Self::new(None, Arc::new(SystemClock))
    }

    /// The digest of the document that is in force as the feed has it.
    fn wanted(&self, tenant: &str) -> Option<Digest> {
        let feed = self.feed.as_ref()?;
        feed.read(|follower| M::told(follower.blocks(), tenant))
    }

    /// What is in force for a caller of a tenant who has that level; `None` where the authority was
    /// heard and nobody ever said anything. What is known of it may be as old as what is known of
    /// revocations at that level.
    ///
    /// # Errors
    /// Why that is not known.
    pub(crate) fn in_force(
        &self,
        tenant: &str,
        have: TrustLevel,
    ) -> Result<Option<Arc<M>>, Denial> {
        let refused = |code, why: String| Denial::new(code, M::RULE, why);
        let (now, name) = (self.clock.now(), M::NAME);
        let known = self.feed.as_ref().and_then(|feed| {
            feed.read(|follower| {
                let wanted = M::told(follower.blocks(), tenant);
                Some((wanted, follower.freshness(now)?))
            })
        });
        let Some((wanted, freshness)) = known else {
            let why = format!(
                "nothing was heard from the trust authority, which has the {name} of tenant {tenant}"
            );
            return Err(refused(Code::AuthorityUnreachable, why));
        };
        let level = have.max(TrustLevel::L1);
        let recent = |age: Duration| {
            if level.status_bound().is_some_and(|bound| age <= bound) {
                return Ok(());
            }
            let seconds = age.as_secs();
            let why = format!(
                "what the {name} of tenant {tenant} says was last known {seconds} s ago, too long for {level}"
            );
            Err(refused(Code::StatusTooOld, why))
        };
        let Some(wanted) = wanted else {
            return recent(freshness.age).map(|()| None);
        };
        let tenants = self.tenants.load();
        let standing = tenants.get(tenant);
        let news = standing
            .and_then(|standing| standing.news)
            .filter(|news| news.digest == wanted);
        let Some(matter) = standing.and_then(|standing| standing.matter.as_ref()) else {
            return Err(match news {
                Some(news) if news.bad => refused(
                    Code::Denied,
                    format!(
                        "the {name} {wanted} of tenant {tenant} does not load here, and there was none before; the log says why"
                    ),
                ),
                _ => refused(
                    Code::AuthorityUnreachable,
                    format!(
                        "the {name} {wanted} of tenant {tenant} could not be fetched from the trust authority"
                    ),
                ),
            });
        };
        // One that does not load may be no reason to do without the one before.
        let outlived = |news: News| news.bad && M::OUTLIVES_BAD;
        let newest = matter.digest() == wanted || news.is_some_and(outlived);
        // Whichever came since, it is known that there is a newer one.
        let outdated = standing
            .and_then(|standing| standing.news)
            .filter(|news| !newest && !outlived(*news));
        let outdated = outdated.map_or(0, |news| now.since(news.since).unsigned_abs());
        let age = freshness.age.max(Duration::from_millis(outdated));
        recent(age).map(|()| Some(Arc::clone(matter)))
    }

    /// Counts what was taken into force, or given up.
    pub(crate) fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    /// Waits, for a moment at most, while something that the feed told of is being fetched.
    pub(crate) async fn settled(&self, tenant: &str) {
        if !self.is_under_way(tenant) {
            return;
        }
        let Some(feed) = &self.feed else {
            return;
        };
        let (mut news, mut changes) = (feed.changes(), self.changes.subscribe());
        let waiting = async {
            while self.is_under_way(tenant) {
                // Both senders are there as long as we are.
                tokio::select! {
                    _ = news.changed() => {}
                    _ = changes.changed() => {}
                }
            }
        };
        // What is in force by then, or why there is none, is what the call meets.
        let _ = timeout(PATIENCE, waiting).await;
    }

    /// Whether the feed was not heard yet, or told of a policy that is not in force here and was not
    /// given up.
    fn is_under_way(&self, tenant: &str) -> bool {
        let Some(feed) = &self.feed else {
            return false;
        };
        let Some(wanted) = self.wanted(tenant) else {
            let now = self.clock.now();
            return feed.read(|follower| follower.freshness(now).is_none());
        };
        let tenants = self.tenants.load();
        let Some(standing) = tenants.get(tenant) else {
            return true;
        };
        let news = standing.news.filter(|news| news.digest == wanted);
        let in_force = standing.matter.as_ref().map(|matter| matter.digest());
        in_force != Some(wanted) && !news.is_some_and(|news| news.bad || news.failed)
    }

    /// Changes the standing of a tenant, as one step for whoever reads.
    fn change(&self, tenant: &str, change: impl Fn(&mut Standing<M>)) {
        self.tenants.rcu(|tenants| {
            let mut tenants = BTreeMap::clone(tenants);
            change(tenants.entry(tenant.to_owned()).or_default());
            tenants
        });
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}
