//! Tenants whose policies the authority has: the feed says which document is in force, the authority
//! gives its text, and what did not load or does not have that digest replaces nothing.

mod kept;
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

/// How long a call waits for a policy that the feed has told of and that is being fetched.
const PATIENCE: Duration = Duration::from_secs(2);
/// Which rule a refusal names.
const RULE: &str = "tenant.policy";

/// A tenant's standing here.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// The set in force.
    set: Option<Arc<Set>>,
    /// Another document that the feed tells of and that is not in force here.
    news: Option<News>,
}

/// A document that is not in force here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct News {
    digest: Digest,
    /// Since when it is known that the set in force is not the newest.
    since: Timestamp,
    /// Its text is here and does not load.
    bad: bool,
    /// It was asked for in vain.
    failed: bool,
}

/// What the authority told of tenants' policies, as far as it is in force here.
#[derive(Debug)]
pub struct Told {
    feed: Option<Arc<Feed>>,
    clock: Arc<dyn Clock>,
    tenants: ArcSwap<BTreeMap<String, Standing>>,
    /// Counts what was taken into force, or given up.
    changes: watch::Sender<u64>,
}

impl Told {
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
        feed.read(|follower| follower.blocks().policy(tenant))
    }

    /// The set by which a caller of a tenant is judged who has that level. What is known of the policy
    /// may be as old as what is known of revocations at that level.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn set(&self, tenant: &str, have: TrustLevel) -> Result<Arc<Set>, Denial> {
        let refused = |code, why: String| Err(Denial::new(code, RULE, why));
        let now = self.clock.now();
        let known = self.feed.as_ref().and_then(|feed| {
            feed.read(|follower| Some((follower.blocks().policy(tenant), follower.freshness(now)?)))
        });
        let Some((wanted, freshness)) = known else {
            let why = format!(
                "nothing was heard from the trust authority, which says what tenant {tenant} decides by"
            );
            return refused(Code::AuthorityUnreachable, why);
        };
        let Some(wanted) = wanted else {
            let why = format!(
                "nobody has said what tenant {tenant} decides by; push it: mcps policy push {tenant} FILES"
            );
            return refused(Code::Denied, why);
        };
        let tenants = self.tenants.load();
        let standing = tenants.get(tenant);
        let news = standing
            .and_then(|standing| standing.news)
            .filter(|news| news.digest == wanted);
        let Some(set) = standing.and_then(|standing| standing.set.as_ref()) else {
            return match news {
                Some(news) if news.bad => refused(
                    Code::Denied,
                    format!(
                        "the policy {wanted} of tenant {tenant} does not load here, and there was none before; the log says why"
                    ),
                ),
                _ => refused(
                    Code::AuthorityUnreachable,
                    format!(
                        "the policy {wanted} of tenant {tenant} could not be fetched from the trust authority"
                    ),
                ),
            };
        };
        // One that does not load is no reason to do without the one before.
        let newest = set.digest == wanted || news.is_some_and(|news| news.bad);
        // Whichever came since, it is known that there is a newer one.
        let outdated = standing
            .and_then(|standing| standing.news)
            .filter(|news| !newest && !news.bad);
        let outdated = outdated.map_or(0, |news| now.since(news.since).unsigned_abs());
        let age = freshness.age.max(Duration::from_millis(outdated));
        let level = have.max(TrustLevel::L1);
        if level.status_bound().is_some_and(|bound| age <= bound) {
            return Ok(Arc::clone(set));
        }
        let seconds = age.as_secs();
        refused(
            Code::StatusTooOld,
            format!(
                "that the policy {} of tenant {tenant} is in force was last known {seconds} s ago, too long for {level}",
                set.digest
            ),
        )
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
        let in_force = standing.set.as_ref().map(|set| set.digest);
        in_force != Some(wanted) && !news.is_some_and(|news| news.bad || news.failed)
    }

    /// Changes the standing of a tenant, as one step for whoever reads.
    fn change(&self, tenant: &str, change: impl Fn(&mut Standing)) {
        self.tenants.rcu(|tenants| {
            let mut tenants = BTreeMap::clone(tenants);
            change(tenants.entry(tenant.to_owned()).or_default());
            tenants
        });
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}
