//! `mcps-gateway serve`: listens, follows the authority's feed, and takes another configuration when
//! its file changes.

mod door;
mod sharing;

pub(crate) use door::tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::End;
use mcps_client::listen::{Horizon, Names};
use mcps_client::renewal;
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_client::web::Web;
use mcps_core::clock::Clock;
use mcps_core::passport::Kind;
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_transport::http::server::{HttpLimits, Server};
use mcps_transport::lanes::Lanes;
use mcps_transport::limits::Limits;
use mcps_transport::shutdown::{Cause, Shutdown};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::aggregate::{Aggregate, Ways};
use crate::asking::Tellings;
use crate::callers::{self, Callers, WELL_KNOWN};
use crate::catalogue::Catalogue;
use crate::config::{Config, IDLE_S, SESSIONS, SESSIONS_EACH, beside};
use crate::discovery::Finder;
use crate::error::GatewayError;
use crate::history::{Histories, Journal};
use crate::judge::{Levels, PolicyJudge, Sets};
use crate::pipeline::{Front, Gateway, Parts};
use crate::quarantine::{Evidence, Rulings};
use crate::record::Recorder;
use crate::routes::{Maker, Routes};
use crate::segment;
use crate::shared::{Secret, Store};
use crate::tenants::Told;
use crate::upstream::Means;

use door::Door;
use sharing::Sharing;

/// Where to listen unless it is said.
const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);
/// How long open streams may take to end once we are asked to stop.
const HUSH: Duration = Duration::from_secs(2);
/// How long calls under way may take then: those that take longer are answered without their servers, while
/// whoever started us still waits for us (Kubernetes 30 s, systemd 90 s).
const LAST_CALLS: Duration = Duration::from_secs(20);
/// And how long until the last answer has been read.
const DRAIN: Duration = Duration::from_secs(23);
/// How often sessions are looked at that nobody uses.
const SWEEP: Duration = Duration::from_secs(10);
/// How often it is looked whether the configuration's file has changed.
const GLANCE: Duration = Duration::from_secs(1);

/// What the gateway was asked to do, beside its configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration's file.
    pub config: PathBuf,
    /// Another address than the configuration's.
    pub listen: Option<SocketAddr>,
    /// Further URLs under which callers reach us.
    pub public_urls: Vec<String>,
    /// Further origins whose pages may call.
    pub origins: Vec<String>,
    /// Another certificate and key than the configuration's.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Only for a client within this process: neither TLS nor other URLs, whatever the configuration says.
    pub within: bool,
    /// Another place for records than the configuration's.
    pub record: Option<PathBuf>,
    /// The password of what gateways share, unless it is in a file.
    pub shared_password: Option<Secret>,
    /// How far off timestamps may be.
    pub window: Window,
    /// How often the authority is asked.
    pub freshness: Freshness,
}

/// Listens until a signal asks it to stop. `ready` is told the URL.
///
/// # Errors
/// A configuration that cannot be read or is none, a home that has not enrolled or that another
/// process listens with, an address that is taken.
pub async fn run(
    home: &Home,
    options: Options,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ready: impl FnOnce(&str),
) -> Result<Cause, GatewayError> {
    run_until(
        home,
        options,
        (clock, random),
        ready,
        std::future::pending(),
    )
    .await
}

/// The same, until `left` at the latest.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    home: &Home,
    options: Options,
    (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
    ready: impl FnOnce(&str),
    left: impl Future<Output = ()>,
) -> Result<Cause, GatewayError> {
    let mut config = Config::load(&options.config)?;
    if options.within {
        config.keep_within();
    }
    let config = Arc::new(config);
    let identity = Identity::load(home, End::Server)
        .map_err(|error| GatewayError::of_home(home, Kind::Gateway, error))?;
    let identity = Arc::new(identity);
    let trust = TrustSource::load(
        home,
        options.freshness,
        Arc::clone(&clock),
        Arc::clone(&random),
    );
    let trust = Arc::new(trust?);
    let horizon = Arc::new(Horizon::load(home)?);
    let stop = Shutdown::listen().map_err(ClientError::from)?;
    let door = Door::open(&options, &config).await?;
    let Names { uris, edge } = door.names;
    let url = uris.first().cloned().unwrap_or_default();
    let (journal, mut found) = Journal::open(&home.path("histories"), Arc::clone(&clock))?;
    let own = ReplayGuard::since(options.window.replay_limits(), horizon.floor());
    let sharing = Sharing {
        home,
        options: &options,
        horizon: &horizon,
        clock: &clock,
        random: &random,
    };
    let store = sharing.join(config.shared.as_ref(), &mut found).await?;
    let replay = sharing.replay(store.as_ref());
    let means = Means {
        identity: Arc::clone(&identity),
        verifier: Verifier {
            trust: Arc::clone(&trust),
            replay: Arc::new(own),
            clock: Arc::clone(&clock),
            window: options.window,
        },
        random: Arc::clone(&random),
        horizon,
        limits: Limits::default(),
        max_sessions: config.max_sessions.unwrap_or(SESSIONS),
        max_sessions_each: config.max_sessions_per_caller.unwrap_or(SESSIONS_EACH),
        strays: Arc::default(),
        evidence: Arc::new(Evidence::load(
            home,
            trust.feed().cloned(),
            Arc::clone(&clock),
        )),
    };
    let idle_s = config.session_idle_s.unwrap_or(IDLE_S);
    let idle_ms = i64::try_from(idle_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let record = options.record.as_deref().or(config.record.as_deref());
    let recorder = Recorder::open(
        &home.path(segment::FOLDER),
        config.segments.keep(),
        record,
        Some(identity.shared_signer()),
        Arc::clone(&clock),
    )?;
    let servers = config.server.len();
    let told = Told::new(trust.feed().cloned(), Arc::clone(&clock));
    let sets = Sets::load(&config, beside(&options.config), Arc::clone(&told))?;
    told.recall(home, sets.by_authority());
    let sets = Arc::new(ArcSwap::from_pointee(sets));
    let said = Told::new(trust.feed().cloned(), Arc::clone(&clock));
    said.recall(home, &config.verdict_tenants());
    let mut histories = Histories::new(journal, found, Arc::clone(&clock));
    if let Some(store) = &store {
        histories = histories.shared(store);
    }
    let config = Arc::new(ArcSwap::new(config));
    let catalogue = Arc::new(Catalogue::load(
        home,
        Arc::clone(&clock),
        Arc::clone(&config),
    )?);
    let rulings = Rulings::new(
        Arc::clone(&config),
        Arc::clone(&said),
        Arc::clone(&means.evidence),
    );
    let (rulings, evidence) = (Arc::new(rulings), Arc::clone(&means.evidence));
    let current = {
        let config = Arc::clone(&config);
        move || config.load_full()
    };
    let ways = Arc::<Ways>::default();
    let together = Aggregate {
        config: Arc::clone(&config),
        levels: Levels::new(Arc::clone(&sets)),
        ways: Arc::clone(&ways),
        catalogue: Arc::clone(&catalogue),
        rulings: Arc::clone(&rulings),
        clock: Arc::clone(&clock),
    };
    let callers = Callers::new(&config.load(), Web::new()?, Arc::clone(&clock));
    let callers = Arc::new(ArcSwap::from_pointee(callers));
    let maker = Maker {
        means,
        replay,
        together: Arc::new(together),
        ways,
        uris: uris.clone(),
    };
    let routes = Routes::new(maker, &config.load())?;
    let gateway = Arc::new(Gateway {
        parts: Parts {
            levels: Levels::new(Arc::clone(&sets)),
            judge: Arc::new(PolicyJudge::new(Arc::clone(&sets), histories)),
            sets: Arc::clone(&sets),
            callers: Arc::clone(&callers),
            trust: Arc::clone(&trust),
            uris,
            catalogue: Arc::clone(&catalogue),
            rulings,
            config,
            recorder,
            clock: Arc::clone(&clock),
            random,
        },
        routes,
        finder: Finder::default(),
        tellings: Tellings::default(),
    });
    let name = identity.passport().map_err(ClientError::from)?;
    tracing::info!(
        passport_id = %name.id(), url, servers,
        "listening at {url} as {}, in front of {servers} servers", name.agent_name()
    );
    if door.tls.is_none() && !door.address.ip().is_loopback() {
        tracing::warn!(
            "others can read what is said here: signatures keep nobody from that; give --tls-cert and --tls-key, \
             or let something in front of this speak HTTPS"
        );
    }
    let front = Front(Arc::clone(&gateway));
    let limits = HttpLimits {
        drain: DRAIN,
        ..HttpLimits::default()
    };
    let mut server = Server::new(door.listener, front)
        .with_edge(edge.and_below().with_documents(WELL_KNOWN))
        .with_limits(limits);
    let lanes = options.lanes()?;
    if let Some(lanes) = &lanes {
        server = server.with_lanes(Arc::clone(lanes));
    }
    if let Some(tls) = door.tls {
        server = server.with_tls(tls);
    }
    ready(&url);
    let mut cause = Cause::Terminate;
    // Endpoints that are there no more, as long as something is under way at them.
    let (mut leaving, stopped) = (JoinSet::new(), Notify::new());
    let stopping = async {
        cause = tokio::select! {
            cause = gateway.until_stopped(stop, (&options.config, options.within), &mut leaving) => cause,
            () = left => Cause::Terminate,
        };
        tracing::info!("asked to stop; finishing what is under way");
        stopped.notify_one();
        // Whoever reads slowly does not hold up the end.
        drop(timeout(HUSH, gateway.hush()).await);
    };
    let finishing = async {
        stopped.notified().await;
        sleep(LAST_CALLS).await;
        for route in gateway.routes.all() {
            route.hub.finish();
        }
        std::future::pending().await
    };
    let expelling = async {
        let Some(mut changes) = trust.changes() else {
            return std::future::pending().await;
        };
        while changes.changed().await.is_ok() {
            gateway
                .routes
                .all()
                .iter()
                .for_each(|route| route.hub.expel());
        }
    };
    tokio::select! {
        served = server.serve(stopping) => served.map_err(ClientError::from)?,
        () = gateway.sweep(idle_ms) => {}
        () = finishing => {}
        () = expelling => {}
        () = renewal::keep(home.clone(), Arc::clone(&identity), clock) => {
            return Err(ClientError::from(Refusal::Passport("none is loaded")).into());
        }
        never = trust.follow(home, &identity) => match never {},
        never = kept(store.as_deref()) => match never {},
        never = told.keep(|| sets.load().by_authority().clone(), home, trust.as_ref()) => match never {},
        never = said.keep(|| current().verdict_tenants(), home, trust.as_ref()) => match never {},
        never = evidence.keep(&current, &catalogue, trust.as_ref()) => match never {},
        never = callers::keep(&callers) => match never {},
    }
    trust.store_feed(home);
    leaving.shutdown().await;
    // One server that does not end holds up no other.
    let routes = gateway.routes.all();
    join_all(routes.iter().map(|route| route.close())).await;
    // Servers were talked to on them.
    drop(lanes);
    Ok(cause)
}

impl Options {
    /// What connections are served on. A client within this process waits for its answers alone, and is best
    /// served where it runs.
    fn lanes(&self) -> Result<Option<Arc<Lanes>>, ClientError> {
        let lanes = (!self.within).then(Lanes::start).transpose()?;
        Ok(lanes.map(Arc::new))
    }
}

async fn kept(store: Option<&Store>) -> std::convert::Infallible {
    match store {
        Some(store) => store.keep().await,
        None => std::future::pending().await,
    }
}

impl Gateway {
    /// Waits until a signal asks to stop. Another one, or a change of the file, exchanges the
    /// configuration.
    async fn until_stopped(
        &self,
        mut stop: Shutdown,
        (file, within): (&Path, bool),
        leaving: &mut JoinSet<()>,
    ) -> Cause {
        let mut seen = changed_at(file);
        loop {
            let cause = tokio::select! {
                cause = stop.requested() => Some(cause),
                () = sleep(GLANCE) => None,
                Some(_) = leaving.join_next(), if !leaving.is_empty() => continue,
            };
            let now = changed_at(file);
            match cause {
                Some(Cause::Hangup) => {}
                Some(cause) => return cause,
                None if now == seen => continue,
                None => {}
            }
            seen = now;
            match self.reload(file, within) {
                Ok(gone) => {
                    for route in gone {
                        leaving.spawn(async move { route.retire().await });
                    }
                }
                Err(error) => {
                    tracing::error!(error = %error, "the configuration was not exchanged, the last one stays in force: {error}");
                }
            }
        }
    }

    /// Exchanges the configuration. What endpoints are no more is returned.
    fn reload(
        &self,
        file: &Path,
        within: bool,
    ) -> Result<Vec<Arc<crate::routes::Route>>, GatewayError> {
        let mut config = Config::load(file)?;
        if within {
            config.keep_within();
        }
        let config = Arc::new(config);
        let told = Arc::clone(self.parts.sets.load().told());
        let sets = Sets::load(&config, beside(file), told)?;
        if config.shared != self.parts.config.load().shared {
            tracing::warn!(
                "[shared] is another now; it is taken up when the gateway is started again"
            );
        }
        let routes = self.routes.of(&config)?;
        let servers = config.server.len();
        // What judges comes first: who or what is let in by the rest is judged by it already.
        self.parts.sets.store(Arc::new(sets));
        let gone = self.routes.exchange(routes);
        for server in gone.iter().filter_map(|route| route.server.as_deref()) {
            self.catalogue().forget(server);
        }
        let callers = self.parts.callers.load().again(&config);
        self.parts.callers.store(Arc::new(callers));
        self.parts.config.store(config);
        self.part_from_strangers();
        tracing::info!(
            servers,
            "the configuration was exchanged; there are {servers} servers"
        );
        Ok(gone)
    }

    async fn hush(&self) {
        for route in self.routes.all() {
            route.hub.hush().await;
        }
    }

    async fn sweep(&self, idle_ms: i64) {
        loop {
            sleep(SWEEP).await;
            for route in self.routes.all() {
                route.hub.sweep(idle_ms);
            }
            self.part_from_strangers();
            self.recorder().prune();
        }
    }

    /// Ends the sessions of callers whose keys have expired or are configured no more.
    fn part_from_strangers(&self) {
        let (callers, now) = (self.parts.callers.load(), self.clock().now());
        for route in self.routes.all() {
            route.hub.part_from(|guest| callers.is_gone(guest, now));
        }
    }
}

fn changed_at(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|file| file.modified())
        .ok()
}
