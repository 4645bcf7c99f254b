//! Fetches what the feed tells of, for ever, and puts it in force if it is that and loads.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::trust_source::TrustSource;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::tenant::{self, TenantPolicy};
use tokio::time::{Instant, sleep};

use super::{News, Told, kept};
use crate::judge::{Set, Sets};

/// How often it is looked whether the configuration names further tenants.
const GLANCE: Duration = Duration::from_secs(1);
/// After a failure, how long not to ask again: so long at first, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where documents are fetched from.
pub(crate) trait Documents {
    /// A tenant's document of that digest, as it was received.
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError>;
}

impl Documents for TrustSource {
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        self.policy(tenant, digest).await
    }
}

/// What was tried in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    digest: Digest,
    length: Duration,
    until: Instant,
}

/// Why a document is not in force.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("what was received is another text, of digest {0}")]
    Other(Digest),
    #[error("its text is no policy of a tenant: {0}")]
    Form(#[from] tenant::TenantPolicyError),
    #[error("it does not load:\n{0}")]
    Load(#[from] crate::policy::PolicyErrors),
}

impl Told {
    /// Takes from the home what was in force when it was last known.
    pub(crate) fn recall(&self, home: &Home, tenants: &BTreeSet<String>) {
        for tenant in tenants {
            if self.tenants.load().contains_key(tenant) {
                continue;
            }
            let kept = kept::read(home, tenant);
            let set = kept.and_then(|(digest, document)| match load(&document, &digest) {
                Ok(set) => Some(Arc::new(set)),
                Err(fault) => {
                    tracing::warn!(tenant, %digest, error = %fault, "the policy that was kept of tenant {tenant} is not used: {fault}");
                    None
                }
            });
            let have = set.as_ref().map(|set| set.digest);
            if let Some(digest) = have {
                tracing::info!(tenant, %digest, "tenant {tenant} decides by policy {digest}, which was kept");
            }
            // Since when there is another one nobody knows.
            let since = Timestamp::from_millis(0);
            let news = self.wanted(tenant).filter(|wanted| Some(*wanted) != have);
            self.change(tenant, |standing| {
                standing.set.clone_from(&set);
                standing.news = news.map(|digest| News {
                    digest,
                    since,
                    bad: false,
                    failed: false,
                });
            });
        }
    }

    /// Follows what the feed tells of the tenants of `sets`, for ever.
    pub(crate) async fn keep(
        &self,
        sets: &ArcSwap<Sets>,
        home: &Home,
        documents: &impl Documents,
    ) -> Infallible {
        let Some(mut changes) = self.feed.as_ref().map(|feed| feed.changes()) else {
            return std::future::pending().await;
        };
        let mut pauses: HashMap<String, Option<Pause>> = HashMap::new();
        // A tenant's document that is slow to come holds up nobody else's.
        let (mut pursuits, mut pursued) = (FuturesUnordered::new(), BTreeSet::new());
        loop {
            changes.mark_unchanged();
            let tenants = sets.load().by_authority().clone();
            self.recall(home, &tenants);
            for tenant in tenants {
                if pursued.insert(tenant.clone()) {
                    let pause = pauses.remove(&tenant).flatten();
                    pursuits.push(async move {
                        let pause = self.follow(&tenant, home, documents, pause).await;
                        (tenant, pause)
                    });
                }
            }
            let outrun = async {
                while let Some((tenant, pause)) = pursuits.next().await {
                    pursued.remove(&tenant);
                    // The feed has told of another one meanwhile.
                    let again = self.wanted(&tenant).is_some() && self.is_under_way(&tenant);
                    pauses.insert(tenant, pause);
                    if again {
                        return;
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = outrun => {}
                // The feed is ours, so this ends by news alone.
                _ = changes.changed() => {}
                () = sleep(GLANCE) => {}
            }
        }
    }

    /// Puts in force what the feed tells of. What was tried in vain is said, as it was before.
    pub(super) async fn follow(
        &self,
        tenant: &str,
        home: &Home,
        documents: &impl Documents,
        before: Option<Pause>,
    ) -> Option<Pause> {
        let wanted = self.wanted(tenant)?;
        let known = self.tenants.load();
        let known = known.get(tenant).cloned().unwrap_or_default();
        if known.set.as_ref().map(|set| set.digest) == Some(wanted) {
            if known.news.is_some() {
                self.change(tenant, |standing| standing.news = None);
            }
            return None;
        }
        let is_bad = known
            .news
            .is_some_and(|news| news.digest == wanted && news.bad);
        let pause = before.filter(|pause| pause.digest == wanted);
        if is_bad || pause.is_some_and(|pause| Instant::now() < pause.until) {
            return pause;
        }
        // However many came after the set in force, it is not the newest since the first of them.
        let first = known.news.filter(|news| !news.bad);
        let fresh = News {
            digest: wanted,
            since: first.map_or_else(|| self.clock.now(), |news| news.since),
            bad: false,
            failed: pause.is_some(),
        };
        self.change(tenant, |standing| standing.news = Some(fresh));
        let received = documents.document(tenant, &wanted).await;
        let why = match received {
            Ok(document) => match load(&document, &wanted) {
                Ok(set) => {
                    self.put_in_force(tenant, Arc::new(set));
                    keep_document(home, tenant, wanted, document).await;
                    return None;
                }
                Err(fault @ Fault::Other(_)) => fault.to_string(),
                Err(fault) => {
                    tracing::error!(tenant, digest = %wanted, error = %fault, "the policy {wanted} of tenant {tenant} is refused, the last one stays in force: {fault}");
                    let bad = News { bad: true, ..fresh };
                    self.change(tenant, |standing| standing.news = Some(bad));
                    return None;
                }
            },
            Err(error) => error.to_string(),
        };
        if pause.is_none() {
            tracing::error!(tenant, digest = %wanted, error = why, "the policy {wanted} of tenant {tenant} is not here, the last one stays in force for now: {why}");
        }
        Some(self.rest(tenant, fresh, pause))
    }

    fn put_in_force(&self, tenant: &str, set: Arc<Set>) {
        let (digest, min_level) = (set.digest, set.min_level);
        let (facts, sequences, rules) = set.policies.sizes();
        self.change(tenant, |standing| {
            standing.set = Some(Arc::clone(&set));
            standing.news = None;
        });
        tracing::info!(
            tenant, %digest, %min_level, facts, sequences, rules,
            "tenant {tenant} decides by policy {digest} from now on"
        );
    }

    fn rest(&self, tenant: &str, news: News, before: Option<Pause>) -> Pause {
        let length = before.map_or(FIRST_PAUSE, |pause| {
            pause.length.saturating_mul(2).min(LONGEST_PAUSE)
        });
        let failed = News {
            failed: true,
            ..news
        };
        self.change(tenant, |standing| standing.news = Some(failed));
        Pause {
            digest: news.digest,
            length,
            until: Instant::now() + length,
        }
    }
}

async fn keep_document(home: &Home, tenant: &str, digest: Digest, document: String) {
    let (home, name) = (home.clone(), tenant.to_owned());
    let writing =
        tokio::task::spawn_blocking(move || kept::write(&home, &name, &digest, &document));
    if let Ok(Err(error)) = writing.await {
        tracing::warn!(tenant, %digest, error = %error, "the policy of tenant {tenant} is not kept, so a start without the trust authority would not have it: {error}");
    }
}

/// The set of a document, if it is the one of that digest and loads.
fn load(document: &str, digest: &Digest) -> Result<Set, Fault> {
    let found = tenant::digest(document);
    if found != *digest {
        return Err(Fault::Other(found));
    }
    let policy = TenantPolicy::parse(document.as_bytes())?;
    Ok(Set::of(&policy, found)?)
}
