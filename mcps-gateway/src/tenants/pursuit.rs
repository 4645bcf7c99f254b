//! Fetches what the feed tells of, for ever, and puts it in force if it is that and loads.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::trust_source::TrustSource;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use tokio::time::{Instant, sleep};

use super::{Fault, Matter, News, Said, Standing, Told, kept};
use crate::judge::Set;

/// How often it is looked whether the configuration names further tenants.
const GLANCE: Duration = Duration::from_secs(1);
/// After a failure, how long not to ask again: so long at first, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where documents are fetched from.
pub(crate) trait Documents<M> {
    /// A tenant's document of that digest, as it was received.
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError>;
}

impl Documents<Set> for TrustSource {
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        self.policy(tenant, digest).await
    }
}

impl Documents<Said> for TrustSource {
    async fn document(&self, tenant: &str, digest: &Digest) -> Result<String, ClientError> {
        self.verdicts(tenant, digest).await
    }
}

/// What was tried in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    digest: Digest,
    length: Duration,
    until: Instant,
}

impl<M: Matter> Told<M> {
    /// Takes from the home what was in force when it was last known.
    pub(crate) fn recall(&self, home: &Home, tenants: &BTreeSet<String>) {
        for tenant in tenants {
            if self.tenants.load().contains_key(tenant) {
                continue;
            }
            let name = M::NAME;
            let kept = kept::read(home, name, tenant);
            let matter = kept.and_then(|(digest, document)| match load::<M>(&document, &digest) {
                Ok(matter) => Some(Arc::new(matter)),
                Err(fault) => {
                    tracing::warn!(tenant, %digest, error = %fault, "the {name} that was kept of tenant {tenant} is not used: {fault}");
                    None
                }
            });
            let have = matter.as_ref().map(|matter| matter.digest());
            if let Some(digest) = have {
                tracing::info!(tenant, %digest, "tenant {tenant} decides by {name} {digest}, which was kept");
            }
            // Since when there is another one nobody knows.
            let since = Timestamp::from_millis(0);
            let news = self.wanted(tenant).filter(|wanted| Some(*wanted) != have);
            self.change(tenant, |standing| {
                standing.matter.clone_from(&matter);
                standing.news = news.map(|digest| News {
                    digest,
                    since,
                    bad: false,
                    failed: false,
                });
            });
        }
    }

    /// Follows what the feed tells of those tenants, whichever they are at the moment, for ever.
    pub(crate) async fn keep(
        &self,
        tenants: impl Fn() -> BTreeSet<String>,
        home: &Home,
        documents: &impl Documents<M>,
    ) -> Infallible {
        let Some(mut changes) = self.feed.as_ref().map(|feed| feed.changes()) else {
            return std::future::pending().await;
        };
        let mut pauses: HashMap<String, Option<Pause>> = HashMap::new();
        // A tenant's document that is slow to come holds up nobody else's.
        let (mut pursuits, mut pursued) = (FuturesUnordered::new(), BTreeSet::new());
        loop {
            changes.mark_unchanged();
            let followed = tenants();
            self.recall(home, &followed);
            for tenant in followed {
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
        documents: &impl Documents<M>,
        before: Option<Pause>,
    ) -> Option<Pause> {
        let name = M::NAME;
        let known = self.tenants.load();
        let known = known.get(tenant).cloned().unwrap_or_default();
        let Some(wanted) = self.wanted(tenant) else {
            self.begin(tenant, &known);
            return None;
        };
        if known.matter.as_ref().map(|matter| matter.digest()) == Some(wanted) {
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
        // However many came after what is in force, it is not the newest since the first of them.
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
            Ok(document) => match load::<M>(&document, &wanted) {
                Ok(matter) => {
                    self.put_in_force(tenant, Arc::new(matter));
                    keep_document(home, (name, tenant), wanted, document).await;
                    return None;
                }
                Err(fault @ Fault::Other(_)) => fault.to_string(),
                Err(fault) => {
                    tracing::error!(tenant, digest = %wanted, error = %fault, "the {name} {wanted} of tenant {tenant} is refused, the last one stays in force: {fault}");
                    let bad = News { bad: true, ..fresh };
                    self.change(tenant, |standing| standing.news = Some(bad));
                    return None;
                }
            },
            Err(error) => error.to_string(),
        };
        if pause.is_none() {
            tracing::error!(tenant, digest = %wanted, error = why, "the {name} {wanted} of tenant {tenant} is not here, the last one stays in force for now: {why}");
        }
        Some(self.rest(tenant, fresh, pause))
    }

    /// As long as nobody has said anything, nothing is what is in force, and what comes later replaces
    /// that.
    fn begin(&self, tenant: &str, known: &Standing<M>) {
        let now = self.clock.now();
        let feed = self.feed.as_ref();
        let heard = feed.is_some_and(|feed| feed.read(|it| it.freshness(now).is_some()));
        if let (true, None, Some(blank)) = (heard, &known.matter, M::blank()) {
            let blank = Arc::new(blank);
            self.change(tenant, |standing| {
                standing.matter = Some(Arc::clone(&blank));
            });
        }
    }

    fn put_in_force(&self, tenant: &str, matter: Arc<M>) {
        self.change(tenant, |standing| {
            standing.matter = Some(Arc::clone(&matter));
            standing.news = None;
        });
        matter.entered(tenant);
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

async fn keep_document(
    home: &Home,
    (matter, tenant): (&'static str, &str),
    digest: Digest,
    document: String,
) {
    let (home, name) = (home.clone(), tenant.to_owned());
    let writing = tokio::task::spawn_blocking(move || {
        kept::write(&home, (matter, &name), &digest, &document)
    });
    if let Ok(Err(error)) = writing.await {
        tracing::warn!(tenant, %digest, error = %error, "the {matter} of tenant {tenant} is not kept, so a start without the trust authority would not have it: {error}");
    }
}

/// What a document says, if it is the one of that digest and loads.
fn load<M: Matter>(document: &str, digest: &Digest) -> Result<M, Fault> {
    let found = Digest::of(document.as_bytes());
    match found == *digest {
        true => M::load(document, found),
        false => Err(Fault::Other(found)),
    }
}
