//! One connection, from its handshake to the end of the last exchange on it.

use std::{
    convert::Infallible,
    future::poll_fn,
    mem,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    answer::Answer,
    call::{Call, Work, lock},
    edge::{Admitted, Edge},
    endpoint::{Delete, Endpoint, Get, Post},
    intake::{self, Bodies},
    limits::HttpLimits,
    patience::Patience,
    refusal::Refusal,
    reply::Reply,
    stage::{Exchange, Gone, Stages},
};
use crate::http::{headers::McpHeaders, tls::Tls};

/// The bounds are in `Patience`, where the wait for a next request is told from a slow head. Having
/// one of its own makes hyper read while it is idle, without which no bound would be noticed.
const UNREACHED: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of what a client still sends after its last answer is read and thrown away, and how
/// long that may take: closing with bytes unread would take the answer from it (RFC 9112 §9.6).
const LINGER_BYTES: u64 = 8 * 1024 * 1024;
const LINGER: Duration = Duration::from_millis(500);

/// What all connections of a listener share.
pub(super) struct Shared<E> {
    pub(super) endpoint: E,
    pub(super) edge: Edge,
    pub(super) limits: HttpLimits,
    pub(super) bodies: Bodies,
    pub(super) tls: Option<Tls>,
}

/// Serves until the client closes, a limit is exceeded, or `stopping` changes and the exchange
/// under way has ended; then waits for endpoint calls whose client is gone.
pub(super) async fn serve<E: Endpoint>(
    shared: Arc<Shared<E>>,
    socket: TcpStream,
    peer: SocketAddr,
    stopping: watch::Receiver<()>,
) {
    // Small messages; whoever waits for one waits for it alone.
    let _ = socket.set_nodelay(true);
    let Some(tls) = shared.tls.as_ref().map(Tls::current) else {
        return exchange(shared, socket, peer, stopping).await;
    };
    let handshake = TlsAcceptor::from(tls).accept(socket);
    match timeout(shared.limits.header_read, handshake).await {
        Ok(Ok(stream)) => exchange(shared, stream, peer, stopping).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn exchange<E, S>(
    shared: Arc<Shared<E>>,
    stream: S,
    peer: SocketAddr,
    mut stopping: watch::Receiver<()>,
) where
    E: Endpoint,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.limits;
    let stages = Arc::new(Stages::default());
    let stream = TokioIo::new(Patience::new(stream, Arc::clone(&stages), &limits));
    let connection = Arc::new(Connection {
        shared,
        peer,
        stages,
        calls: Mutex::new(JoinSet::new()),
    });
    let service = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| Box::pin(Arc::clone(&connection).answer(request)))
    };
    let mut served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(UNREACHED)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(HttpLimits::WRITE_BUFFER))
        .serve_connection(stream, service);
    let ended = tokio::select! {
        ended = poll_fn(|cx| served.poll_without_shutdown(cx)) => Some(ended),
        _ = stopping.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut served).graceful_shutdown();
            poll_fn(|cx| served.poll_without_shutdown(cx)).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
    part(served.into_parts().io.into_inner()).await;
    let mut calls = mem::take(&mut *lock(&connection.calls));
    while calls.join_next().await.is_some() {}
}

/// Closes so that the last answer arrives.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let parting = async {
        stream.shutdown().await?;
        let mut rest = stream.take(LINGER_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let _ = timeout(LINGER, parting).await;
}

struct Connection<E> {
    shared: Arc<Shared<E>>,
    peer: SocketAddr,
    stages: Arc<Stages>,
    /// The call of the endpoint whose client has left.
    calls: Mutex<JoinSet<()>>,
}

impl<E: Endpoint> Connection<E> {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answer>, Infallible> {
        let (exchange, gone) = Exchange::begin(Arc::clone(&self.stages));
        let (head, body) = request.into_parts();
        let mut response = match self.shared.edge.admit(&head.uri, &head.headers) {
            Err(refusal) => self.refused(refusal),
            Ok(admitted) => {
                let mut response = self.admitted(head, body, &admitted, gone).await;
                admitted.label(response.headers_mut());
                response
            }
        };
        response.body_mut().hold(exchange);
        Ok(response)
    }

    async fn admitted(
        &self,
        head: Parts,
        body: Incoming,
        admitted: &Admitted,
        gone: Gone,
    ) -> Response<Answer> {
        if head.method == Method::OPTIONS
            && let Some(response) = admitted.preflight(&head.headers)
        {
            return response;
        }
        match self.dispatch(head, body, gone).await {
            Ok(reply) => reply.into_response(&self.shared.limits),
            Err(refusal) => self.refused(refusal),
        }
    }

    async fn dispatch(&self, head: Parts, body: Incoming, gone: Gone) -> Result<Reply, Refusal> {
        let shared = Arc::clone(&self.shared);
        let peer = self.peer;
        let path = head.uri.path().to_owned();
        if shared.edge.is_document(&path) {
            if head.method != Method::GET {
                return Err(Refusal::DOCUMENT_METHOD);
            }
            intake::no_body(&body)?;
            let get = Get {
                path,
                headers: McpHeaders::new(head.headers),
                peer,
                gone,
            };
            return self
                .call(Box::pin(async move { shared.endpoint.document(get).await }))
                .await;
        }
        match head.method {
            Method::POST => {
                intake::admit_post(&head.headers)?;
                let (body, room) = self.shared.bodies.read(body, &self.shared.limits).await?;
                let post = Post {
                    path,
                    headers: McpHeaders::new(head.headers),
                    body,
                    peer,
                    gone,
                    _room: room,
                };
                self.call(Box::pin(async move { shared.endpoint.post(post).await }))
                    .await
            }
            Method::GET => {
                intake::admit_get(&head.headers)?;
                intake::no_body(&body)?;
                let headers = McpHeaders::new(head.headers);
                let get = Get {
                    path,
                    headers,
                    peer,
                    gone,
                };
                self.call(Box::pin(async move { shared.endpoint.get(get).await }))
                    .await
            }
            Method::DELETE => {
                intake::no_body(&body)?;
                let headers = McpHeaders::new(head.headers);
                let delete = Delete {
                    path,
                    headers,
                    peer,
                    gone,
                };
                self.call(Box::pin(
                    async move { shared.endpoint.delete(delete).await },
                ))
                .await
            }
            _ => Err(Refusal::METHOD),
        }
    }

    /// Runs a call of the endpoint.
    const fn call(&self, work: Work) -> Call<'_> {
        Call::new(work, &self.calls)
    }

    fn refused(&self, refusal: Refusal) -> Response<Answer> {
        let status = refusal.status.as_u16();
        tracing::debug!(peer = %self.peer, status, "refused a request: {}", refusal.reason());
        refusal.into_response()
    }
}
