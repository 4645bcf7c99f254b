//! Starting, running and stopping.

use std::convert::Infallible;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use mcps_core::clock::{Clock, ManualClock, Timestamp};
use mcps_core::random::Random;
use mcps_core::trust::{KeyUse, TrustBundle};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::Grants;
use crate::api;
use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::config::{Config, KeyPlace};
use crate::custody::Custody;
use crate::feed::Feed;
use crate::founding::found_or_find;
use crate::keys::{Keyring, Keys};
use crate::levels::{Policy, reassess_for_ever};
use crate::listener::{Capped, MAX_ORDERING, Peer};
use crate::oidc::Oidc;
use crate::operator_key::OperatorKey;
use crate::outbound::Outbound;
use crate::signals::issuing::TokenIssuer;
use crate::signals::polling::poll_for_ever;
use crate::start::StartError;
use crate::status_lists::StatusLists;
use crate::store::{Db, KeyChange, NewOperator, Scribe};
use crate::tls::TlsListener;
use crate::trail;
use crate::webhooks::deliver_for_ever;

/// How long requests under way may take to finish once the service is told to stop.
const DRAIN: Duration = Duration::from_secs(15);
/// How often connections to the database that have been closed are opened again.
const OPENED_EVERY: Duration = Duration::from_secs(10);

/// How many may wait to be connected, as when all followers come back at once. The system may allow less.
const BACKLOG: u32 = 8192;

/// Who changes something at the command line, in the audit trail.
pub const COMMAND: &str = "command line";

/// A running authority. Dropping it ends it at once; [`Running::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where it listens for those who give orders, if they have an address of their own.
    pub order_addr: Option<SocketAddr>,
    /// Where it answers `/metrics` without a key.
    pub metrics_addr: Option<SocketAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Its name: the issuer on every passport.
    pub name: String,
    /// Thumbprint of its root key.
    pub root_kid: String,
    /// The first operator's key, at the first start only. Nobody can show it again.
    pub operator_key: Option<OperatorKey>,
    /// `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Where its keys are, for people: those that serve, and the root key.
    pub custody: [String; 2],
    db: Db,
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Opens the database, finds or founds the authority, and serves it until told otherwise.
///
/// # Errors
/// [`StartError`], whose message says what to do.
pub async fn serve(
    config: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Running, StartError> {
    make_private(&config.data_dir).map_err(|source| StartError::DataDir {
        path: config.data_dir.clone(),
        source,
    })?;
    let listen = std::iter::once(config.listen).chain(config.order_listen);
    for address in listen.filter(|address| !address.ip().is_loopback()) {
        if config.tls.is_none() && !config.allow_insecure_http {
            return Err(StartError::Insecure(address));
        }
    }
    let certificate = config.tls.as_ref().map(Certificate::load).transpose()?;
    let certificate = certificate.map(Arc::new);
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let db = open(&config).await?;
    db.migrate().await?;
    if config.database_url.is_some() && !db.is_walled().await? {
        tracing::warn!(
            "the database's role may see all rows, so PostgreSQL itself does not keep tenants apart; give the authority a role that is neither superuser nor BYPASSRLS: docs/access.md"
        );
    }
    // Before the authority is founded: a taken address must not cost the first operator's key.
    let (listener, addr) = bind(config.listen)?;
    let mut listeners = vec![Capped::new(listener, config.max_connections)];
    let mut order_addr = None;
    if let Some(address) = config.order_listen {
        let (listener, addr) = bind(address)?;
        // Whatever the other address is full of, here is a place.
        listeners.push(Capped::new(listener, MAX_ORDERING));
        order_addr = Some(addr);
    }
    let metrics = listen_for_metrics(&config)?;
    let metrics_addr = metrics.as_ref().map(|(_, addr)| *addr);
    let founded = found_or_find(&config, &db, clock.as_ref(), random.as_ref()).await?;
    let name = founded.keys.bundle().authority().to_owned();
    let root_kid = founded.keys.bundle().signer().to_string();
    let custody = founded.custody;
    let whereabouts = [KeyUse::Passport, KeyUse::Root].map(|usage| custody.whereabouts(usage));
    // Whatever else is asked for, what is revoked gets out.
    let apart = db.apart().await?;
    let keys = Keys::new(founded.keys, apart.clone(), custody, Arc::clone(&clock));
    let keys = Arc::new(keys);
    record(&db, &keys, clock.as_ref()).await?;
    let feed = Feed::new(&name, apart, Arc::clone(&keys), Arc::clone(&clock));
    let feed = Arc::new(feed);
    feed.catch_up().await;
    let tended = {
        let (keys, clock) = (Arc::clone(&keys), Arc::clone(&clock));
        let keep = trail::Keep {
            events: config.keep_events,
            incidents: config.keep_incidents,
        };
        trail::tend(db.clone(), keys, clock, keep)
    };
    let opened = keep_open(db.clone());
    let public = config.public_url.clone();
    let public = public.unwrap_or_else(|| format!("{scheme}://{addr}"));
    let levels = {
        let (db, feed, clock) = (db.clone(), Arc::clone(&feed), Arc::clone(&clock));
        reassess_for_ever(db, feed, Policy::default(), clock)
    };
    let own_clock = Arc::clone(&clock);
    let outbound = Outbound::new(config.local_origins);
    let outbound = outbound.with_resolvers(config.dns_resolvers.clone());
    let tokens = Arc::new(TokenIssuer::new(&public, Arc::clone(&keys)));
    let delivered = deliver_for_ever(
        db.clone(),
        outbound.clone(),
        Arc::clone(&tokens),
        Arc::clone(&clock),
        Arc::clone(&random),
    );
    let authority = Authority::new(
        db.clone(),
        keys,
        Arc::clone(&feed),
        (StatusLists::new(&public), tokens),
        Arc::clone(&clock),
        random,
        outbound,
    );
    let authority =
        authority.with_quotas(config.issue_quota, config.order_quota, config.fetch_quota);
    let oidc = config.oidc.clone();
    let oidc = oidc.map(|oidc| Oidc::new(oidc, Arc::clone(&own_clock)));
    let authority = authority.with_oidc(oidc);
    let authority = Arc::new(authority);
    let router = api::router(Arc::clone(&authority));
    let (stop, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&feed).run());
    if let Some((metrics, _)) = metrics {
        let router = api::metrics_router(Arc::clone(&authority));
        let metrics = Capped::new(metrics, MAX_ORDERING);
        tasks.spawn(answer(metrics, router, stop.subscribe()));
    }
    tasks.spawn(authority.ack_writer().run());
    let mut stopping = stop.subscribe();
    let polled = poll_for_ever(Arc::clone(&authority));
    tasks.spawn(async move {
        tokio::select! {
            never = polled => match never {},
            never = tended => match never {},
            never = levels => match never {},
            never = delivered => match never {},
            () = authority.keep_superseding() => {}
            never = opened => match never {},
            // An error means that the handle is gone, which is the same.
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    });
    for listener in listeners {
        let (router, stopped) = (router.clone(), stop.subscribe());
        match &certificate {
            Some(certificate) => {
                let listener = TlsListener::new(listener, Arc::clone(certificate));
                tasks.spawn(answer(listener, router, stopped));
            }
            None => {
                tasks.spawn(answer(listener, router, stopped));
            }
        }
    }
    if let Some(certificate) = certificate {
        let mut stopped = stop.subscribe();
        tasks.spawn(async move {
            tokio::select! {
                never = certificate.keep() => match never {},
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    }
    let (engine, operator_key) = (db.engine(), founded.operator_key);
    Ok(Running {
        addr,
        order_addr,
        metrics_addr,
        scheme,
        name,
        root_kid,
        operator_key,
        engine,
        custody: whereabouts,
        db,
        feed,
        clock,
        stop,
        tasks,
    })
}

/// The listener for metrics, if there is to be one.
fn listen_for_metrics(config: &Config) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    let Some(address) = config.metrics_listen else {
        return Ok(None);
    };
    match bind(address) {
        Ok(bound) => Ok(Some(bound)),
        Err(StartError::Listen { address, source }) => {
            Err(StartError::MetricsListen { address, source })
        }
        Err(other) => Err(other),
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(failed)?;
    // As `TcpListener::bind` does: the port is free again as soon as we end.
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    let listener = socket.listen(BACKLOG).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Answers at one address until told to stop.
async fn answer<L>(listener: L, router: axum::Router, mut stopped: watch::Receiver<bool>)
where
    L: Listener<Addr = SocketAddr>,
    Peer: for<'a> Connected<IncomingStream<'a, L>>,
{
    let told = async move {
        // An error means that the handle is gone, which is the same.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    // Who asks counts, where nobody is named.
    let router = router.into_make_service_with_connect_info::<Peer>();
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(told)
        .await;
    if let Err(error) = served {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the listener failed"
        );
    }
}

/// Adds an operator who holds `grants` to a database that has been founded, and returns the key. For when
/// the first one was lost, and for everybody who needs one of their own.
///
/// # Errors
/// [`StartError`]; [`StartError::NotFounded`] before the first start.
pub async fn add_operator(
    config: &Config,
    name: &str,
    grants: Grants,
    expires_at: Option<Timestamp>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<OperatorKey, StartError> {
    let (db, _) = open_changing(config, clock).await?;
    let key = OperatorKey::generate(random)?;
    let operator = NewOperator::new(name, &key, random)?
        .holding(grants)
        .until(expires_at);
    let added = db.add_operator(&operator, COMMAND, clock.now()).await;
    added.map_err(StartError::Audit)?;
    db.close().await;
    Ok(key)
}

/// The database and the custody of an authority that has been founded, for changing something while
/// it runs or not. It needs the audit key, by which what is changed is recorded.
///
/// # Errors
/// [`StartError`]; [`StartError::NotFounded`] before the first start.
pub async fn open_changing(
    config: &Config,
    clock: &dyn Clock,
) -> Result<(Db, Custody), StartError> {
    let db = open_founded(config).await?;
    let founding = db.founding().await?.ok_or(StartError::NotFounded)?;
    let bundle = TrustBundle::parse(&founding.bundle)?;
    bundle.verify(bundle.signer())?;
    let now = clock.now();
    let authority = bundle.authority().to_owned();
    let changes = db.key_changes().await?;
    recording(&db, config, bundle, &changes, now)?;
    let begun = db.begin_audit(&authority, now).await;
    begun.map_err(StartError::Audit)?;
    Ok((db, Custody::new(config)?))
}

/// Has every change to the database recorded, by the audit key that the configuration leads to.
pub(crate) fn recording(
    db: &Db,
    config: &Config,
    bundle: TrustBundle,
    changes: &[KeyChange],
    now: Timestamp,
) -> Result<(), StartError> {
    let custody = Custody::new(config)?;
    let mut ring = Keyring::gather(bundle, changes, &custody, now, None);
    if ring.signer(KeyUse::Audit, now).is_err() {
        // While keys move from files to a token, the one that records it is still in a file.
        let files = Custody::new(&Config {
            keys: KeyPlace::Files,
            ..config.clone()
        })?;
        ring = Keyring::gather(ring.bundle().clone(), changes, &files, now, Some(&ring));
    }
    let keys = Arc::new(Keys::fixed(ring, Arc::new(ManualClock::new(now))));
    db.record_by(Scribe::new(keys));
    Ok(())
}

/// Has every change recorded, signed by those keys.
async fn record(db: &Db, keys: &Arc<Keys>, clock: &dyn Clock) -> Result<(), StartError> {
    db.record_by(Scribe::new(Arc::clone(keys)));
    let authority = keys.ring().bundle().authority().to_owned();
    let begun = db.begin_audit(&authority, clock.now()).await;
    begun.map_err(StartError::Audit)
}

/// Opens the database of an authority that has been founded, while it runs or not.
///
/// # Errors
/// [`StartError`]; [`StartError::NotFounded`] before the first start.
pub async fn open_founded(config: &Config) -> Result<Db, StartError> {
    let file = config.data_dir.join("authority.db");
    if config.database_url.is_none() && !file.exists() {
        return Err(StartError::NotFounded);
    }
    let db = open(config).await?;
    db.migrate().await?;
    db.founding().await?.ok_or(StartError::NotFounded)?;
    Ok(db)
}

impl Running {
    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// Takes no more connections, lets requests under way finish for up to 15 seconds, and closes
    /// the database.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // Streams never end by themselves.
        self.feed.stop();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("requests were still under way after 15 s and were cut off");
        }
        self.tasks.shutdown().await;
        self.feed.close().await;
        trail::checkpoint(&self.db, self.clock.as_ref()).await;
        self.db.close().await;
    }
}

pub(crate) async fn open(config: &Config) -> Result<Db, StartError> {
    match config.database_url.as_deref() {
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Db::open_postgres(url).await?)
        }
        Some(_) => Err(StartError::DatabaseUrl),
        None => {
            let file = config.data_dir.join("authority.db");
            touch_private(&file).map_err(|source| StartError::DataDir {
                path: file.clone(),
                source,
            })?;
            Ok(Db::open_sqlite(&file).await?)
        }
    }
}

pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // Fails here, with a message about the folder, rather than later about some file in it.
    fs::read_dir(folder).map(|_| ())
}

/// SQLite gives its side files the mode of the database file.
fn touch_private(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
        .map(|_| ())
}

/// Keeps all connections to the database open, so that a burst does not begin with opening them. Not at
/// once: a start is not to wait for it, nor to be slowed down by it.
async fn keep_open(db: Db) -> Infallible {
    loop {
        tokio::time::sleep(OPENED_EVERY).await;
        if let Err(error) = db.open_all().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "not all connections to the database are open"
            );
        }
    }
}
