//! The life of one request, one line a stage. Each stage hands the next what it alone can make, and
//! only what the last has cleared is ever forwarded.

mod credentials;
mod discovery;
mod mirrored;
mod refusing;
mod stages;
mod standing;
mod subscribing;
mod target;
mod weight;

use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_client::fetch;
use mcps_client::trust_source::TrustSource;
use mcps_core::clock::Clock;
use mcps_core::random::{Random, hex16};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Delete, Endpoint, Get, Post, Reply};

use crate::asking::Tellings;
use crate::call::Stages;
use crate::callers::{Callers, Known};
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::discovery::Finder;
use crate::judge::{Judge, Levels, Sets};
use crate::quarantine::Rulings;
use crate::record::Recorder;
use crate::routes::Routes;
use credentials::Letter;

/// All of the gateway that requests meet.
pub struct Gateway {
    pub(crate) parts: Parts,
    pub(crate) routes: Routes,
    pub(crate) finder: Finder,
    pub(crate) tellings: Tellings,
}

/// What it decides and remembers by.
pub struct Parts {
    /// The configuration in force.
    pub config: Arc<ArcSwap<Config>>,
    /// Minimum levels by it.
    pub levels: Levels,
    /// The policies in force.
    pub sets: Arc<ArcSwap<Sets>>,
    /// Whoever else decides.
    pub judge: Arc<dyn Judge>,
    /// Callers that do not sign.
    pub callers: Arc<ArcSwap<Callers>>,
    /// What the authority says of them.
    pub trust: Arc<TrustSource>,
    /// The names of the endpoint of all servers, the first ours to tell.
    pub uris: Vec<String>,
    /// Tools and their pins.
    pub catalogue: Arc<Catalogue>,
    /// How those stand for whom.
    pub rulings: Arc<Rulings>,
    /// What is written down.
    pub recorder: Recorder,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids of decisions.
    pub random: Arc<dyn Random>,
}

impl Gateway {
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.parts.clock.as_ref()
    }

    pub(crate) const fn recorder(&self) -> &Recorder {
        &self.parts.recorder
    }

    pub(crate) fn judge(&self) -> &dyn Judge {
        self.parts.judge.as_ref()
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.parts.catalogue
    }

    /// A server, or one of all, says that its tools have changed.
    pub(crate) fn changed(&self, server: Option<&str>) {
        let config = self.parts.config.load();
        let all = config.server.iter().map(|server| server.name.as_str());
        for name in all.filter(|name| server.is_none_or(|server| server == *name)) {
            self.catalogue().forget(name);
        }
    }

    /// Whether callers of a tenant may reach a server, by the configuration in force: a session that
    /// began under another has no right by that.
    pub(crate) fn reaches(&self, tenant: &str, server: &str) -> bool {
        let config = self.parts.config.load();
        let known = config.server.iter().find(|known| known.name == server);
        known.is_some_and(|server| server.admits(tenant))
    }

    /// The tenant whose callers need not say who they are.
    pub(crate) fn anonymous(&self) -> Option<String> {
        let config = self.parts.config.load();
        let open = config.tenant.iter().find(|(_, tenant)| tenant.anonymous);
        open.map(|(name, _)| name.clone())
    }

    pub(crate) fn decision_id(&self) -> String {
        // As Link::decision_id: nothing can be signed without randomness either.
        hex16(self.parts.random.as_ref()).unwrap_or_default()
    }
}

/// The gateway as the listener asks it.
#[derive(Clone)]
pub struct Front(pub Arc<Gateway>);

impl Front {
    async fn answer(&self, post: Post) -> Result<Reply, Box<Reply>> {
        let stages = Stages::begin();
        let route = self.0.route(&post.path)?;
        let arrived = route.hub.arrive(&post)?;
        let letter = Letter {
            headers: &post.headers,
            signed: arrived.is_signed(),
            id: arrived.id(),
        };
        let known = self.0.credentials(&route, letter).await?;
        let guest = known.as_ref().map(Known::guest);
        let arrived = route.hub.claimed(arrived, guest.as_ref())?;
        let verified = route.hub.verify(arrived, &post).await?;
        let identified = self
            .0
            .authenticate(&route, verified, (known, stages))
            .await?;
        let trusted = self.0.trust(&route, identified).await?;
        let entered = self.0.enter(&route, trusted).await?;
        let meant = self.0.meant(&route, entered).await?;
        let placed = self.0.place(&route, meant).await?;
        let intact = self.0.integrity(&route, placed, &post).await?;
        let judged = self.0.judged(&route, intact).await?;
        let cleared = self.0.recorded(&route, judged).await?;
        self.0.forward(&route, cleared, post).await
    }

    async fn attend(&self, get: Get) -> Result<Reply, Box<Reply>> {
        let route = self.0.route(&get.path)?;
        let known = self.0.credentials(&route, fetching(&get.headers)).await?;
        let guest = known.as_ref().map(Known::guest);
        let fetched = route.hub.verify_fetch(&get.headers, "GET", guest.as_ref());
        let fetched = fetched.await?;
        let reader = self.0.reader(&route, &fetched, (&get.headers, known))?;
        route
            .hub
            .attend_to(fetched, get, Some(Box::new(reader)))
            .await
    }

    async fn leave(&self, delete: Delete) -> Result<Reply, Box<Reply>> {
        let route = self.0.route(&delete.path)?;
        let known = self
            .0
            .credentials(&route, fetching(&delete.headers))
            .await?;
        let guest = known.as_ref().map(Known::guest);
        route.hub.leave(delete, guest.as_ref()).await
    }
}

/// A request without a body, which is signed in a header.
fn fetching(headers: &McpHeaders) -> Letter<'_> {
    Letter {
        headers,
        signed: headers.raw().contains_key(fetch::HEADER),
        id: None,
    }
}

impl Endpoint for Front {
    async fn post(&self, post: Post) -> Reply {
        self.answer(post).await.unwrap_or_else(|reply| *reply)
    }

    async fn get(&self, get: Get) -> Reply {
        self.attend(get).await.unwrap_or_else(|reply| *reply)
    }

    async fn delete(&self, delete: Delete) -> Reply {
        self.leave(delete).await.unwrap_or_else(|reply| *reply)
    }

    async fn document(&self, get: Get) -> Reply {
        self.0.metadata(&get)
    }
}
