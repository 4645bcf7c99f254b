//! Which endpoints there are: one for each server, and one for all of them. A configuration that is
//! exchanged keeps those whose servers are reached as before, and with them their sessions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mcps_client::desk::{Desk, Mode};
use mcps_client::listen::{Behind, Hub, Opens, PATH, Parts, Upstream};
use mcps_client::replay::Replay;
use mcps_client::verify::Verifier;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use tokio::time::{Instant, sleep};

use crate::aggregate::Ways;
use crate::config::{Config, Server};
use crate::error::GatewayError;
use crate::upstream::{self, Means};

/// How long calls under way keep an endpoint that is there no more.
const FAREWELL: Duration = Duration::from_secs(60);
/// How often it is looked whether there are any.
const GLANCE: Duration = Duration::from_millis(100);

/// One endpoint.
pub(crate) struct Route {
    pub(crate) hub: Hub,
    /// The one server behind it; absent where all are.
    pub(crate) server: Option<String>,
    made_of: MadeOf,
    way: Arc<dyn Opens>,
}

/// What an endpoint cannot change while it is there.
#[derive(Clone, PartialEq)]
struct MadeOf {
    server: Option<Server>,
    /// Whether callers that do not sign are let as far as to be judged.
    plain: bool,
}

impl MadeOf {
    fn new(server: Option<&Server>, config: &Config) -> Self {
        // Who may call it, and at which level, is judged at each call.
        let server = server.map(|server| Server {
            tenant: None,
            tenants: None,
            tool: BTreeMap::new(),
            pass_unlisted: false,
            hold: None,
            min_level: crate::config::Level::default(),
            ..server.clone()
        });
        let open = config.tenant.values().any(|tenant| tenant.anonymous);
        let plain = open || config.knows_bearers();
        Self { server, plain }
    }
}

impl Route {
    /// What the log calls it.
    pub(crate) fn name(&self) -> &str {
        self.server.as_deref().unwrap_or("*")
    }

    /// Lets what is under way come to its end, and then ends its sessions.
    pub(crate) async fn retire(&self) {
        let until = Instant::now() + FAREWELL;
        // Whoever only listens here hears nothing more.
        self.hub.hush().await;
        while self.hub.busy() > 0 && Instant::now() < until {
            sleep(GLANCE).await;
        }
        self.close().await;
    }

    /// Ends its sessions.
    pub(crate) async fn close(&self) {
        self.hub.close().await;
        self.way.close().await;
    }
}

/// What all endpoints are made of.
pub(crate) struct Maker {
    pub(crate) means: Means,
    /// Who remembers the nonces of callers.
    pub(crate) replay: Arc<dyn Replay>,
    /// The way to all servers as one.
    pub(crate) together: Arc<dyn Opens>,
    /// Those to each of them.
    pub(crate) ways: Arc<Ways>,
    /// The names of [`PATH`] itself.
    pub(crate) uris: Vec<String>,
}

impl Maker {
    fn make(&self, server: Option<&Server>, config: &Config) -> Result<Route, GatewayError> {
        let made_of = MadeOf::new(server, config);
        let (way, headers) = match server {
            Some(server) => (
                upstream::way(server, &self.means)?,
                upstream::headers(server),
            ),
            None => (Arc::clone(&self.together), Vec::new()),
        };
        let least = if made_of.plain {
            TrustLevel::L0
        } else {
            TrustLevel::L1
        };
        let (carrier, means) = (Carrier::Native, &self.means);
        let clock = &means.verifier.clock;
        let name = server.map(|server| server.name.clone());
        let uris = self.uris.iter().map(|uri| match &name {
            Some(name) => format!("{uri}/{name}"),
            None => uri.clone(),
        });
        let hub = Hub::new(Parts {
            desk: Desk::new(carrier, Mode::Enforce, least, &means.identity, clock),
            carrier,
            uris: uris.collect(),
            verifier: Verifier {
                replay: Arc::clone(&self.replay),
                ..means.verifier.clone()
            },
            random: Arc::clone(&means.random),
            horizon: Arc::clone(&means.horizon),
            behind: Behind::Url(Arc::new(Upstream::of(Arc::clone(&way), headers))),
            max_sessions: means.max_sessions,
            max_sessions_each: means.max_sessions_each,
            limits: means.limits,
        });
        Ok(Route {
            hub,
            server: name,
            made_of,
            way,
        })
    }
}

/// The endpoints by the last part of their path; that of all servers has none.
pub(crate) type Table = BTreeMap<String, Arc<Route>>;

/// All endpoints.
pub(crate) struct Routes {
    maker: Maker,
    table: ArcSwap<Table>,
}

impl Routes {
    /// Those of a configuration.
    pub(crate) fn new(maker: Maker, config: &Config) -> Result<Self, GatewayError> {
        let routes = Self {
            maker,
            table: ArcSwap::default(),
        };
        routes.exchange(routes.of(config)?);
        Ok(routes)
    }

    /// The endpoint at a path.
    pub(crate) fn find(&self, path: &str) -> Option<Arc<Route>> {
        let rest = path.strip_prefix(PATH)?;
        let name = match rest.strip_prefix('/') {
            Some(name) if !name.is_empty() => name,
            Some(_) => return None,
            None => "",
        };
        self.table.load().get(name).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Route>> {
        self.table.load().values().cloned().collect()
    }

    /// Those of another configuration, among them those that are here and stay as they are.
    pub(crate) fn of(&self, config: &Config) -> Result<Table, GatewayError> {
        let before = self.table.load_full();
        let mut table = Table::new();
        // A session of all servers has a way to each, and keeps none to what is elsewhere now.
        let is_moved = config.server.iter().any(|server| {
            let route = before.get(&server.name);
            route.is_some_and(|route| route.made_of != MadeOf::new(Some(server), config))
        });
        for server in config.server.iter().map(Some).chain([None]) {
            let name = server
                .map(|server| server.name.as_str())
                .unwrap_or_default();
            let made_of = MadeOf::new(server, config);
            let is_same =
                |route: &&Arc<Route>| route.made_of == made_of && !(server.is_none() && is_moved);
            let same = before.get(name).filter(is_same);
            let route = match same {
                Some(route) => Arc::clone(route),
                None => Arc::new(self.maker.make(server, config)?),
            };
            table.insert(name.to_owned(), route);
        }
        Ok(table)
    }

    /// Exchanges them for those. What is no more is returned: what is under way there goes on.
    pub(crate) fn exchange(&self, table: Table) -> Vec<Arc<Route>> {
        let before = self.table.load_full();
        let is_kept = |route: &Arc<Route>| {
            table
                .get(route.server.as_deref().unwrap_or_default())
                .is_some_and(|kept| Arc::ptr_eq(kept, route))
        };
        let gone = before.values().filter(|route| !is_kept(route)).cloned();
        let gone = gone.collect();
        let named = table.values().filter_map(|route| {
            let name = route.server.clone()?;
            Some((name, Arc::clone(&route.way)))
        });
        self.maker.ways.store(Arc::new(named.collect()));
        self.table.store(Arc::new(table));
        gone
    }
}
