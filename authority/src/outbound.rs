//! Fetching what somebody else's address holds, without being sent to places that are nobody else's.
//!
//! A name is resolved once, every address it has must be a public one, and the connection goes to
//! that very address: a second answer of the resolver changes nothing. No redirect is followed, no
//! proxy asked, and an answer has a bound in size and time.

mod public;
mod txt;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mcps_core::random::Random;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub use public::is_public;
pub use txt::TxtError;

/// Longest time for the whole exchange.
const TIME: Duration = Duration::from_secs(5);

/// Where this machine's resolvers are named.
const RESOLVERS: &str = "/etc/resolv.conf";

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is not one to fetch from.
    #[error("only https:// is fetched")]
    Insecure,
    /// The address cannot be read.
    #[error("the address cannot be read")]
    Address,
    /// The name is not known.
    #[error("its name is not known")]
    Unresolved,
    /// It leads into a private network.
    #[error("its name leads to an address that is not public")]
    NotPublic,
    /// Nobody answers.
    #[error("it cannot be connected to")]
    Unreachable(#[source] io::Error),
    /// Its certificate is not believed, or TLS failed otherwise.
    #[error("its TLS certificate is not believed, or TLS failed otherwise")]
    Tls(#[source] io::Error),
    /// This machine has no roots to believe certificates by.
    #[error("this machine has no root certificates")]
    Roots(#[source] rustls::Error),
    /// It does not speak HTTP/1.1.
    #[error("it did not answer as HTTP/1.1")]
    Http(#[source] hyper::Error),
    /// It answered something else than 200.
    #[error("it answered {0}; 200 is needed, and redirects are not followed")]
    Status(StatusCode),
    /// The answer is too large, or broke off.
    #[error("its answer is longer than {0} bytes, or broke off")]
    Body(usize),
    /// It took too long.
    #[error("it took longer than 5 seconds")]
    TimedOut,
}

/// Fetches from public addresses.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    local: bool,
    /// Addresses of private networks, and `http://` on this machine.
    private: bool,
    /// Who is asked for TXT records; of nobody that was named, the public ones of this machine.
    resolvers: Vec<SocketAddr>,
}

impl Outbound {
    /// `local`: `http://` and addresses of this machine and of private networks are fetched from as
    /// well, which is for trying things out.
    #[must_use]
    pub const fn new(local: bool) -> Self {
        Self {
            local,
            private: false,
            resolvers: Vec::new(),
        }
    }

    /// For addresses that whoever runs the authority has configured: private networks are fetched from as
    /// well, and `http://` on this machine.
    #[must_use]
    pub const fn configured() -> Self {
        Self {
            local: false,
            private: true,
            resolvers: Vec::new(),
        }
    }

    /// With resolvers that may be anywhere, since they were named.
    #[must_use]
    pub fn with_resolvers(self, resolvers: Vec<SocketAddr>) -> Self {
        Self { resolvers, ..self }
    }

    /// What the TXT records of a name hold; of none, nothing.
    ///
    /// # Errors
    /// [`TxtError`].
    pub async fn texts(&self, name: &str, random: &dyn Random) -> Result<Vec<Vec<u8>>, TxtError> {
        match self.resolvers.as_slice() {
            [] => {
                let own = txt::public_resolvers(Path::new(RESOLVERS));
                txt::ask(&own, name, random).await
            }
            named => txt::ask(named, name, random).await,
        }
    }

    /// What a GET answers with 200, at most `limit` bytes.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, OutboundError> {
        let fetched = timeout(TIME, self.fetch(url, limit)).await;
        fetched.map_err(|_| OutboundError::TimedOut)?
    }

    async fn fetch(&self, url: &str, limit: usize) -> Result<Vec<u8>, OutboundError> {
        let uri: Uri = url.parse().map_err(|_| OutboundError::Address)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.local || (self.private && is_loopback(&uri)) => false,
            _ => return Err(OutboundError::Insecure),
        };
        let host = uri.host().ok_or(OutboundError::Address)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = connect(&self.resolve(host, port).await?).await?;
        if !secure {
            return exchange(stream, &uri, limit).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| OutboundError::Address)?;
        let tls = TlsConnector::from(Arc::new(trusting()?));
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(OutboundError::Tls)?;
        exchange(stream, &uri, limit).await
    }

    /// The addresses of a host, all of which may be gone to.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        let found = lookup_host((host, port)).await;
        let found: Vec<SocketAddr> = found.map_err(|_| OutboundError::Unresolved)?.collect();
        if found.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        let allowed =
            self.local || self.private || found.iter().all(|address| is_public(address.ip()));
        allowed.then_some(found).ok_or(OutboundError::NotPublic)
    }
}

/// Whether an address is one of this machine, written as such.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, OutboundError> {
    let stream = TcpStream::connect(addresses).await;
    stream.map_err(OutboundError::Unreachable)
}

/// Certificates are believed as this machine believes them.
fn trusting() -> Result<ClientConfig, OutboundError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider));
    let verifier = verifier.map_err(OutboundError::Roots)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(OutboundError::Roots)?;
    // In rustls every verifier of one's own is set in this way; this one asks the platform.
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    uri: &Uri,
    limit: usize,
) -> Result<Vec<u8>, OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(OutboundError::Http)?;
    // Ends with this function, whatever comes.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let authority = uri.authority().ok_or(OutboundError::Address)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .header(header::ACCEPT, "text/plain, application/json")
        .header(header::USER_AGENT, "mcps-authority")
        .body(Empty::<Bytes>::new())
        .map_err(|_| OutboundError::Address)?;
    let response = sender.send_request(request).await;
    let response = response.map_err(OutboundError::Http)?;
    if response.status() != StatusCode::OK {
        return Err(OutboundError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), limit).collect().await;
    let body = body.map_err(|_| OutboundError::Body(limit))?;
    Ok(body.to_bytes().to_vec())
}
