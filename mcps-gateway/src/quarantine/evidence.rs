//! Held definitions that nobody need look at: they are in the manifest that the authority has of their
//! server, and the server has the level that the operator asks for. Nothing is promoted by that before
//! it is written down, and it ends as soon as the feed says otherwise.

mod keeping;
mod kept;
mod unsteady;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::feed::Feed;
use mcps_client::home::Home;
use mcps_client::link::Peer;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::feed::Target;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Kind, PassportId};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::Store;
use crate::config::ServerPassport;
pub use kept::Grant;

/// How long a call of what is held waits until it was looked whether it is promoted.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which passport a server listed its tools with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The tenant that it is registered in.
    pub tenant: String,
    /// Its name there.
    pub name: String,
    /// The level that the passport is worth, which holds as long as no other was told.
    pub stated: TrustLevel,
    /// The passport's id.
    pub passport: PassportId,
    /// When that ends.
    pub until: Timestamp,
}

impl Shown {
    /// What a peer's passport says, if it is a server's and somebody vouches for it.
    #[must_use]
    pub fn of(peer: &Peer) -> Option<Self> {
        let passport = Some(&peer.passport).filter(|_| peer.recognised)?;
        let ext = passport.ext().filter(|ext| ext.kind == Kind::Server)?;
        Some(Self {
            tenant: ext.tenant.clone(),
            name: passport.agent_name().to_owned(),
            stated: passport.trust_level().min(peer.level),
            passport: passport.id().clone(),
            until: passport.expires_at(),
        })
    }
}

/// What the feed says of a server now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Registered {
    level: TrustLevel,
    manifest: Digest,
}

/// Definitions that were promoted by server and tool.
type Grants = BTreeMap<(String, String), Grant>;

/// What there is.
#[derive(Debug)]
pub struct Evidence {
    feed: Option<Arc<Feed>>,
    clock: Arc<dyn Clock>,
    store: Store,
    home: Home,
    /// What servers showed, by their names here.
    shown: Mutex<HashMap<String, Shown>>,
    grants: ArcSwap<Grants>,
    /// Counts what was promoted so, or is not any more.
    changes: AtomicU64,
    /// What was to be promoted could not be written down, and that was said.
    unwritten: AtomicBool,
    /// The generation of the catalogue that was looked at last.
    looked: watch::Sender<u64>,
    /// Somebody waits for a look at a later one.
    wanted: Notify,
}

impl Evidence {
    /// With what was promoted before, as the home has it.
    #[must_use]
    pub fn load(home: &Home, feed: Option<Arc<Feed>>, clock: Arc<dyn Clock>) -> Self {
        let grants: Grants = kept::read(home).into_iter().map(Grant::named).collect();
        Self {
            feed,
            clock,
            store: Store::new(home),
            home: home.clone(),
            shown: Mutex::default(),
            grants: ArcSwap::from_pointee(grants),
            changes: AtomicU64::default(),
            unwritten: AtomicBool::default(),
            looked: watch::Sender::new(0),
            wanted: Notify::new(),
        }
    }

    /// As if each server had shown again what it showed when its tools were promoted, for whoever asks
    /// in place of the gateway.
    #[must_use]
    pub fn recalled(self) -> Self {
        for ((server, _), grant) in self.grants.load().iter() {
            self.show(server, grant.shown.clone());
        }
        self
    }

    /// A server has listed its tools, all of them signed with this passport.
    pub fn show(&self, server: &str, shown: Shown) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(server.to_owned(), shown);
    }

    fn shown(&self, server: &str) -> Option<Shown> {
        let all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(server).cloned()
    }

    /// Whether a definition was promoted so, of a server that must show that passport, and the feed
    /// still says what it said then.
    #[must_use]
    pub fn vouches(
        &self,
        (server, tool): (&str, &str),
        passport: &ServerPassport,
        hash: &Digest,
        need: TrustLevel,
    ) -> bool {
        let grants = self.grants.load();
        let grant = grants.get(&(server.to_owned(), tool.to_owned()));
        let Some(grant) = grant.filter(|grant| grant.hash == *hash) else {
            return false;
        };
        let shown = self.shown(server);
        let shown = shown.filter(|shown| {
            passport.is(Some(&shown.tenant), &shown.name)
                && (&shown.tenant, &shown.name) == (&grant.shown.tenant, &grant.shown.name)
        });
        let now = shown.and_then(|shown| self.registered(&shown));
        now.is_some_and(|now| now.manifest == grant.manifest && now.level >= need)
    }

    /// What the feed says of a server, as far as that is fresh enough for the level that it says.
    fn registered(&self, shown: &Shown) -> Option<Registered> {
        let now = self.clock.now();
        if now >= shown.until {
            return None;
        }
        let (tenant, name) = (shown.tenant.clone(), shown.name.clone());
        let (server, passport) = (
            Target::Server { tenant, name },
            Target::Passport(shown.passport.clone()),
        );
        let whole = [Target::All, Target::Tenant(shown.tenant.clone())];
        let feed = self.feed.as_ref()?;
        feed.read(|follower| {
            let fresh = follower.freshness(now)?.level().ok()?;
            let blocks = follower.blocks();
            let mut all = [&server, &passport].into_iter().chain(&whole);
            if all.any(|target| blocks.target(target, now).is_some()) {
                return None;
            }
            let told = [&server, &passport]
                .into_iter()
                .filter_map(|target| blocks.level_of(target));
            Some(Registered {
                level: told.min().unwrap_or(shown.stated).min(fresh),
                manifest: blocks.manifest(&shown.tenant, &shown.name)?,
            })
        })
    }

    /// What was promoted so, and is as far as is known.
    pub(crate) fn grants(&self) -> Arc<Grants> {
        self.grants.load_full()
    }

    /// Waits, for a moment at most, until it was looked whether what servers had listed by that generation of the
    /// catalogue is promoted so.
    pub(crate) async fn weighed(&self, generation: u64) {
        if self.feed.is_none() || *self.looked.borrow() >= generation {
            return;
        }
        let mut looked = self.looked.subscribe();
        self.wanted.notify_one();
        // What is promoted by then is what the call meets.
        drop(timeout(PATIENCE, looked.wait_for(|looked| *looked >= generation)).await);
    }

    /// Counts what was promoted so, or is not any more.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn replace(&self, grants: Grants) {
        self.grants.store(Arc::new(grants));
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
