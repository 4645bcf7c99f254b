//! `mcps-wrap --listen`: a server reached over Streamable HTTP by callers that sign. It is a process
//! that speaks standard input and output, one for each session or one for all, or it is a server
//! over HTTP itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcps_client::desk::Desk;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::identity::Identity;
use mcps_client::link::End;
use mcps_client::listen::{Behind, Horizon, Hub, Names, Parts, Upstream, UpstreamOptions};
use mcps_client::relay;
use mcps_client::renewal;
use mcps_client::trust_source::TrustSource;
use mcps_client::verify::Verifier;
use mcps_core::clock::Clock;
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_transport::http::server::{Server, Tls};
use mcps_transport::limits::Limits;
use mcps_transport::shutdown::{Cause, Shutdown};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::wrap::WrapOptions;

/// How long open streams may take to end once we are asked to stop.
const HUSH: Duration = Duration::from_secs(2);
/// How often sessions are looked at that nobody uses.
const SWEEP: Duration = Duration::from_secs(10);

/// Where the server is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A process that we start: its command and arguments.
    Command {
        /// The words.
        words: Vec<String>,
        /// Whether all who speak 2026-07-28 share one process. Earlier revisions have sessions, and
        /// each of those a process of its own.
        shared: bool,
    },
    /// A server over Streamable HTTP.
    Upstream(UpstreamOptions),
}

/// Where and for whom to listen.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// The server behind.
    pub place: Place,
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// Under which URLs callers reach us, beside the address itself: the audience they sign for.
    pub public_urls: Vec<String>,
    /// Pages of these origins may call.
    pub origins: Vec<String>,
    /// Certificate chain and private key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The most sessions at a time, which may each have a server process.
    pub max_sessions: usize,
    /// The most sessions of one signing caller.
    pub max_sessions_each: usize,
    /// After how long without use a session ends.
    pub session_idle: Duration,
}

/// Listens until a signal asks it to stop. `ready` is told the URL.
///
/// # Errors
/// A home that has not enrolled or that another listener uses, an address that is taken, URLs and
/// certificates that are none.
pub async fn run(
    home: &Home,
    options: WrapOptions,
    listen: ListenOptions,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    ready: impl FnOnce(&str),
) -> Result<Cause, ClientError> {
    let identity = Arc::new(Identity::load(home, End::Server)?);
    let trust = Arc::new(TrustSource::load(
        home,
        options.freshness,
        Arc::clone(&clock),
        Arc::clone(&random),
    )?);
    let horizon = Arc::new(Horizon::load(home)?);
    let mut stop = Shutdown::listen()?;
    if listen.address.ip().is_unspecified() && listen.public_urls.is_empty() {
        return Err(ClientError::NoPublicUrl(listen.address));
    }
    let (behind, shown) = match &listen.place {
        Place::Command { words, shared } => {
            let (shown, shared) = (relay::shown(words), *shared);
            let words = words.clone();
            (Behind::Command { words, shared }, shown)
        }
        Place::Upstream(options) => {
            let upstream = Arc::new(Upstream::new(options)?);
            (Behind::Url(upstream), options.address.shown())
        }
    };
    let tls = listen.tls.as_ref();
    let tls = tls.map(|(certificate, key)| Tls::load(certificate, key));
    let tls = tls.transpose()?;
    let bound = async {
        let listener = TcpListener::bind(listen.address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = bound.await.map_err(|source| ClientError::Listen {
        address: listen.address,
        source,
    })?;
    let scheme = if listen.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let names = Names::new(&listen.public_urls, &listen.origins, scheme, address)?;
    let Names { uris, edge } = names;
    let desk = Desk::new(
        options.carrier,
        options.mode,
        options.min_level,
        &identity,
        &clock,
    );
    let replay = ReplayGuard::since(options.window.replay_limits(), horizon.floor());
    let url = uris.first().cloned().unwrap_or_default();
    tracing::info!(
        passport_id = %identity.id()?, carrier = %options.carrier, mode = ?options.mode, min_level = %options.min_level, url,
        "listening at {url} as {} ({:?}, callers from {} on): {shown}",
        identity.passport()?.agent_name(), options.mode, options.min_level,
    );
    if listen.tls.is_none() && !address.ip().is_loopback() {
        tracing::warn!(
            "others can read what is said here: signatures keep nobody from that; give --tls-cert and --tls-key, \
             or let something in front of this speak HTTPS"
        );
    }
    let hub = Hub::new(Parts {
        desk,
        carrier: options.carrier,
        uris,
        verifier: Verifier {
            trust: Arc::clone(&trust),
            replay: Arc::new(replay),
            clock: Arc::clone(&clock),
            window: options.window,
        },
        random,
        horizon,
        behind,
        max_sessions: listen.max_sessions,
        max_sessions_each: listen.max_sessions_each,
        limits: Limits::default(),
    });
    let mut server = Server::new(listener, hub.clone()).with_edge(edge);
    if let Some(tls) = tls {
        server = server.with_tls(tls);
    }
    ready(&url);
    let mut cause = Cause::Terminate;
    let serving = server.serve(async {
        cause = stop.requested().await;
        tracing::info!("asked to stop; finishing what is under way");
        // Whoever reads slowly does not hold up the end.
        drop(timeout(HUSH, hub.hush()).await);
    });
    let idle_ms = i64::try_from(listen.session_idle.as_millis()).unwrap_or(i64::MAX);
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP).await;
            hub.sweep(idle_ms);
        }
    };
    let expelling = async {
        let Some(mut changes) = trust.changes() else {
            return std::future::pending().await;
        };
        while changes.changed().await.is_ok() {
            hub.expel();
        }
    };
    tokio::select! {
        served = serving => served?,
        () = sweeping => {}
        () = expelling => {}
        () = renewal::keep(home.clone(), Arc::clone(&identity), clock) => return Err(Refusal::Passport("none is loaded").into()),
        never = trust.follow(home, &identity) => match never {},
    }
    trust.store_feed(home);
    hub.close().await;
    Ok(cause)
}
