//! The client of one server: Streamable HTTP as a client speaks it.
//!
//! ```no_run
//! use mcps_transport::http::client::{Client, ClientLimits, Response};
//!
//! # async fn run() -> Result<(), mcps_transport::error::TransportError> {
//! let client = Client::new("https://mcp.example.com/mcp", ClientLimits::default(), None)?;
//! let message = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
//! match client.post(&message[..], http::HeaderMap::new()).await? {
//!     Response::Json { body, .. } => drop(body),
//!     Response::Events { mut events, .. } => while let Some(event) = events.next().await? {
//!         drop(event.data());
//!     },
//!     Response::Accepted { .. } | Response::Refused { .. } => {}
//! }
//! # Ok(()) }
//! ```
//!
//! Credentials in the headers reach that server and nobody else: redirects are errors, proxies of
//! the environment are not asked, and neither errors nor debug output repeat a header or the path
//! or query of an address. A request is sent once. Only when a kept connection turns out to be
//! closed before anything was written to it does the same request go out on a new one.

use std::{fmt, path::Path, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use hyper_util::{client::legacy, rt::TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use self::connector::{Connector, Tasks};
use crate::{
    error::{TransportError, Waiting},
    http::{
        headers::{LAST_EVENT_ID, McpHeaders},
        media::{EVENT_STREAM, JSON},
        tls::provider,
        uri::{canonical, host},
    },
    lanes::Each,
};

mod connector;
mod limits;
mod response;
mod roots;

pub use limits::ClientLimits;
pub use response::{EventReader, EventSource, Next, Response};

/// Both kinds of answer (MCP, *Sending messages*).
const ANY_ANSWER: &str = "application/json, text/event-stream";

/// What the transport itself says about a request, whatever a caller says. No content coding is
/// asked for, since none would be undone.
const OURS: [HeaderName; 11] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Connections of one lane: whoever is served on it is driven on it to the end.
type Pool = legacy::Client<Connector, Full<Bytes>>;

/// A client of one MCP endpoint. A clone shares its connections.
#[derive(Clone)]
pub struct Client {
    pools: Arc<Each<Pool>>,
    connector: Connector,
    uri: Uri,
    host: Arc<str>,
    audience: Arc<str>,
    limits: ClientLimits,
    tasks: Tasks,
}

impl Client {
    /// For the server at this address. Over `https` it trusts the roots of this machine and the
    /// certificates in the PEM file `extra_roots`.
    ///
    /// # Errors
    /// What [`canonical`] refuses; [`TransportError::PemFile`] and [`TransportError::Tls`] when
    /// there are no usable roots.
    pub fn new(
        url: &str,
        limits: ClientLimits,
        extra_roots: Option<&Path>,
    ) -> Result<Self, TransportError> {
        let audience = canonical(url)?;
        let uri: Uri = audience.parse().map_err(|_| TransportError::UrlMalformed)?;
        let authority = uri.authority().ok_or(TransportError::UrlMalformed)?;
        let host = host(authority.as_str())?;
        let tls = match uri.scheme_str() {
            Some("https") => roots::trusting(extra_roots)?,
            _ => trusting_nobody()?,
        };
        Ok(Self {
            pools: Arc::new(Each::new()),
            connector: Connector::new(tls, limits.connect),
            uri,
            host: host.into(),
            audience: audience.into(),
            limits,
            tasks: Tasks::default(),
        })
    }

    fn pool(&self) -> &Pool {
        self.pools.here(|| {
            let limits = &self.limits;
            legacy::Client::builder(self.tasks.clone())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(limits.idle)
                .pool_max_idle_per_host(limits.idle_connections)
                .http1_max_headers(limits.headers)
                .http1_max_buf_size(limits.header_bytes.max(8192))
                .build(self.connector.clone())
        })
    }

    /// The canonical address of the server: what a signature for it names as audience.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Sends a message. Dropping the future before it ends closes the connection.
    ///
    /// # Errors
    /// [`TransportError::Connect`] when nothing was sent; [`TransportError::Redirected`],
    /// [`TransportError::UnexpectedContent`], [`TransportError::BodyTooLong`],
    /// [`TransportError::TimedOut`], [`TransportError::Exchange`] and [`TransportError::Cut`] when
    /// the server may have acted on it.
    pub async fn post(
        &self,
        body: impl Into<Bytes>,
        headers: HeaderMap,
    ) -> Result<Response, TransportError> {
        let mut headers = ours_removed(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        self.ask(Method::POST, ANY_ANSWER, headers, body.into())
            .await
    }

    /// Asks for the stream of the server's own messages or, after an event with this id, for the
    /// rest of the stream that had it (until 2025-11-25). A server without such streams refuses
    /// with 405.
    ///
    /// # Errors
    /// As [`post`](Self::post); [`TransportError::HeaderMalformed`] when the id cannot be in a
    /// header.
    pub async fn get(
        &self,
        last_event_id: Option<&[u8]>,
        headers: HeaderMap,
    ) -> Result<Response, TransportError> {
        let mut headers = ours_removed(headers);
        if let Some(id) = last_event_id {
            let id = HeaderValue::from_bytes(id).map_err(|_| TransportError::HeaderMalformed {
                name: LAST_EVENT_ID,
            })?;
            headers.insert(LAST_EVENT_ID, id);
        }
        self.ask(Method::GET, EVENT_STREAM, headers, Bytes::new())
            .await
    }

    /// Ends the session that the headers name (until 2025-11-25). A server that lets clients end
    /// none refuses with 405.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn delete(&self, headers: HeaderMap) -> Result<Response, TransportError> {
        let headers = ours_removed(headers);
        let ended = self.ask(Method::DELETE, ANY_ANSWER, headers, Bytes::new());
        match ended.await {
            // It is ended; what is said about that, of any kind, is nobody's business.
            Err(TransportError::UnexpectedContent { status }) if status.is_success() => {
                let headers = McpHeaders::default();
                Ok(Response::Accepted { headers })
            }
            ended => ended,
        }
    }

    async fn ask(
        &self,
        method: Method,
        accept: &'static str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, TransportError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static(accept));
        let within = self.limits.answer;
        let answer = timeout(within, self.pool().request(request))
            .await
            .map_err(|_| TransportError::timed_out(Waiting::Answer, within))?
            .map_err(|error| self.failed(error))?;
        Response::read(answer, &self.limits, &self.host, self.tasks.clone()).await
    }

    fn failed(&self, error: legacy::Error) -> TransportError {
        if error.is_connect() {
            TransportError::Connect {
                host: self.host.to_string(),
                source: Arc::new(error),
            }
        } else {
            TransportError::exchange(error)
        }
    }
}

/// Shows the host: paths and queries of addresses have held credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.host)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn ours_removed(mut headers: HeaderMap) -> HeaderMap {
    for name in OURS {
        headers.remove(name);
    }
    headers
}

/// For plain HTTP, where no certificate is ever looked at.
fn trusting_nobody() -> Result<ClientConfig, TransportError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TransportError::tls)?;
    Ok(config
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
