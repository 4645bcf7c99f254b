//! The listener: Streamable HTTP as a server speaks it.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::{HeaderMap, StatusCode};
//! use mcps_transport::http::server::{Edge, Endpoint, Post, Reply, Server};
//!
//! struct Echo;
//!
//! impl Endpoint for Echo {
//!     async fn post(&self, post: Post) -> Reply {
//!         Reply::Json { status: StatusCode::OK, headers: HeaderMap::new(), body: post.body }
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = tokio::net::TcpListener::bind(("127.0.0.1", 8080)).await?;
//! let edge = Edge::default().allow_host("mcp.example.com")?;
//! Server::new(listener, Echo).with_edge(edge).serve(std::future::pending()).await?;
//! # Ok(()) }
//! ```
//!
//! What is refused here, and with what: a `Host` that is missing, repeated or unlike the request
//! target (400) or not ours (403), an `Origin` that is not ours (403), another path (404), another
//! method (405 with `Allow`; documents have GET alone), a head that is too large (431), malformed or framed in two ways (400),
//! a body that is not JSON by its type (415), too large (413), too slow (408) or cut off (never
//! answered, never handed on), an `Accept` without what an answer may be (406), a
//! `Transfer-Encoding` but `chunked` (501), more than we hold (503). Slow heads, idle connections
//! and clients that do not read are closed without an answer.
//!
//! Where a request has both `Transfer-Encoding` and `Content-Length`, hyper reads it by the former
//! alone and closes the connection after the answer (RFC 9112 §6.3), so nothing can be smuggled
//! behind it.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{error::TransportError, lanes::Lanes};

mod answer;
mod call;
mod connection;
mod edge;
mod endpoint;
mod intake;
mod limits;
mod patience;
mod refusal;
mod reply;
mod stage;

pub use edge::Edge;
pub use endpoint::{Delete, Endpoint, Get, Post};
pub use limits::HttpLimits;
pub use reply::Reply;
pub use stage::Gone;
pub(in crate::http) use stage::Here;

pub use crate::http::tls::Tls;

/// How long no connection is accepted after the system could not give one (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection beyond the limit is told, without waiting for its request.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A listener that is not serving yet.
#[derive(Debug)]
pub struct Server<E> {
    listener: TcpListener,
    endpoint: E,
    edge: Edge,
    limits: HttpLimits,
    tls: Option<Tls>,
    lanes: Option<Arc<Lanes>>,
}

impl<E: Endpoint> Server<E> {
    /// Answers with `endpoint` what reaches `listener`, over plain HTTP.
    #[must_use]
    pub fn new(listener: TcpListener, endpoint: E) -> Self {
        Self {
            listener,
            endpoint,
            edge: Edge::default(),
            limits: HttpLimits::default(),
            tls: None,
            lanes: None,
        }
    }

    /// With other rules on host, origin and path.
    #[must_use]
    pub fn with_edge(self, edge: Edge) -> Self {
        Self { edge, ..self }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(self, limits: HttpLimits) -> Self {
        Self { limits, ..self }
    }

    /// Over TLS, and nothing else.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }

    /// Each connection on one of these, instead of where [`Server::serve`] runs. They are to outlive it.
    #[must_use]
    pub fn with_lanes(self, lanes: Arc<Lanes>) -> Self {
        Self {
            lanes: Some(lanes),
            ..self
        }
    }

    /// Serves until `stop` ends. Then no connection is accepted any more, idle ones close, and
    /// exchanges under way have [`HttpLimits::drain`] to end before they are aborted. Event streams
    /// end when their endpoint ends them.
    ///
    /// Dropping the future aborts everything at once.
    ///
    /// # Errors
    /// [`TransportError::Listen`] when the listener is unusable. What goes wrong with one
    /// connection ends that connection.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), TransportError> {
        let Self {
            listener,
            endpoint,
            edge,
            limits,
            tls,
            lanes,
        } = self;
        let mut keeper = JoinSet::new();
        if let (Some(tls), Some(every)) = (&tls, limits.certificate_check) {
            keeper.spawn(follow(tls.clone(), every));
        }
        let shared = Arc::new(connection::Shared {
            endpoint,
            edge,
            limits,
            bodies: intake::Bodies::new(&limits),
            tls,
        });
        let places = Arc::new(Semaphore::new(
            limits.connections.min(Semaphore::MAX_PERMITS),
        ));
        let (stopped, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
                        let serve = async move |socket| {
                            connection::serve(shared, socket, peer, stopping).await;
                            drop(place);
                        };
                        let Some((lane, runtime)) = lanes.as_deref().and_then(Lanes::place) else {
                            connections.spawn(serve(socket));
                            continue;
                        };
                        let moved = socket.into_std();
                        connections.spawn_on(
                            async move {
                                match moved.and_then(TcpStream::from_std) {
                                    Ok(socket) => serve(socket).await,
                                    Err(error) => {
                                        tracing::debug!(%peer, %error, "a connection was lost")
                                    }
                                }
                                drop(lane);
                            },
                            runtime,
                        );
                    }
                    Err(_) => {
                        tracing::debug!(%peer, "refused a connection: there are too many");
                        refuse(socket, shared.tls.is_some());
                    }
                },
                Err(error) if is_of_listener(&error) => {
                    return Err(TransportError::Listen(Arc::new(error)));
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        drop(stopped);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(limits.drain, drained).await.is_err() {
            tracing::warn!(left = connections.len(), "connections were aborted");
        }
        connections.shutdown().await;
        Ok(())
    }
}

/// Says why, where that can be said, without waiting for anything.
fn refuse(socket: TcpStream, encrypted: bool) {
    if !encrypted && let Ok(socket) = socket.into_std() {
        // Not blocking; a new socket has room for this.
        let _ = io::Write::write(&mut &socket, FULL);
    }
}

/// Whether it is not just one connection that failed, or the system that is short of something.
fn is_of_listener(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected | io::ErrorKind::Unsupported
    )
}

/// Keeps to the certificate files. One that cannot be used is reported, and the last good one kept.
async fn follow(tls: Tls, every: Duration) {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tls.refresh() {
            Ok(false) => {}
            Ok(true) => tracing::info!("the TLS certificate was replaced"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the TLS certificate was not replaced, the last one stays in use"
            ),
        }
    }
}

#[cfg(test)]
pub(in crate::http) mod tests;
