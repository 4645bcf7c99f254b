//! Going to somebody else's address, without being sent to places that are nobody else's.
//!
//! A name is resolved once, every address it has must be a public one, and the connection goes to
//! that very address: a second answer of the resolver changes nothing. No redirect is followed, no
//! proxy asked, and an answer has a bound in size and time.

mod public;
mod txt;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request, Response, StatusCode, Uri, header, request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
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

/// Longest time for the whole exchange, where none is stated.
pub const TIME: Duration = Duration::from_secs(5);

/// Where this machine's resolvers are named.
const RESOLVERS: &str = "/etc/resolv.conf";

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is not one to fetch from.
    #[error("only https:// is gone to")]
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
    #[error("it answered {0}; success is needed, and redirects are not followed")]
    Status(StatusCode),
    /// The answer is too large, or broke off.
    #[error("its answer is longer than {0} bytes, or broke off")]
    Body(usize),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
}

/// Finds the addresses of a host.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Every address that a host has now; numbers in any of the old forms are addresses too.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;
}

/// As this machine resolves names.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }
}

/// Goes to public addresses.
#[derive(Clone, Debug)]
pub struct Outbound {
    local: bool,
    /// Addresses of private networks, and `http://` on this machine.
    private: bool,
    resolver: Arc<dyn Resolve>,
    /// Who is asked for TXT records; of nobody that was named, the public ones of this machine.
    txt_resolvers: Vec<SocketAddr>,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// What the body is.
    pub content_type: &'static str,
    /// Names, in lower case, and values.
    pub headers: &'a [(&'static str, String)],
    /// Text.
    pub body: &'a str,
}

/// A place that may be gone to.
struct Place {
    uri: Uri,
    host: String,
    secure: bool,
    addresses: Vec<SocketAddr>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Outbound {
    /// `local`: `http://` and addresses of this machine and of private networks are gone to as
    /// well, which is for trying things out.
    #[must_use]
    pub fn new(local: bool) -> Self {
        Self::with(local, Arc::new(System))
    }

    /// With another resolver.
    #[must_use]
    pub fn with(local: bool, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            local,
            private: false,
            resolver,
            txt_resolvers: Vec::new(),
        }
    }

    /// For addresses that whoever runs the authority has configured: private networks are gone to as
    /// well, and `http://` on this machine.
    #[must_use]
    pub fn configured() -> Self {
        Self {
            private: true,
            ..Self::new(false)
        }
    }

    /// With resolvers for TXT records that may be anywhere, since they were named.
    #[must_use]
    pub fn with_resolvers(self, txt_resolvers: Vec<SocketAddr>) -> Self {
        Self {
            txt_resolvers,
            ..self
        }
    }

    /// What the TXT records of a name hold; of none, nothing.
    ///
    /// # Errors
    /// [`TxtError`].
    pub async fn texts(&self, name: &str, random: &dyn Random) -> Result<Vec<Vec<u8>>, TxtError> {
        match self.txt_resolvers.as_slice() {
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
        let fetched = timeout(TIME, async {
            let place = self.place(url).await?;
            let request = place
                .request(Method::GET)?
                .header(header::ACCEPT, "text/plain, application/json");
            let answer = place.ask(request, Bytes::new(), limit).await?;
            match answer.status() {
                StatusCode::OK => Ok(answer.into_body()),
                other => Err(OutboundError::Status(other)),
            }
        });
        fetched.await.map_err(|_| OutboundError::TimedOut)?
    }

    /// Sends something. What is answered beside the status is not looked at.
    ///
    /// # Errors
    /// [`OutboundError`]; a status of any kind is none.
    pub async fn post(&self, post: Post<'_>) -> Result<StatusCode, OutboundError> {
        let sent = timeout(TIME, async {
            let place = self.place(post.url).await?;
            let body = Bytes::from(post.body.to_owned());
            place.status(place.posting(&post)?, body).await
        });
        sent.await.map_err(|_| OutboundError::TimedOut)?
    }

    /// Sends something, and gives what is answered within that time, with at most `limit` bytes.
    ///
    /// # Errors
    /// [`OutboundError`]; a status of any kind is none.
    pub async fn exchange(
        &self,
        post: Post<'_>,
        limit: usize,
        time: Duration,
    ) -> Result<Response<Vec<u8>>, OutboundError> {
        let sent = timeout(time, async {
            let place = self.place(post.url).await?;
            let request = place.posting(&post)?;
            let request = request.header(header::ACCEPT, "application/json");
            let body = Bytes::from(post.body.to_owned());
            place.ask(request, body, limit).await
        });
        sent.await.map_err(|_| OutboundError::TimedOut)?
    }

    /// Whether an address may be gone to as things are. It is looked at again whenever it is gone to.
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn check(&self, url: &str) -> Result<(), OutboundError> {
        let checked = timeout(TIME, self.place(url)).await;
        checked.map_err(|_| OutboundError::TimedOut)?.map(|_| ())
    }

    /// Resolves a name once. All the addresses that it has must be ones to go to, and one of these very
    /// addresses is gone to.
    async fn place(&self, url: &str) -> Result<Place, OutboundError> {
        let uri: Uri = url.parse().map_err(|_| OutboundError::Address)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if self.local || (self.private && is_loopback(&uri)) => false,
            _ => return Err(OutboundError::Insecure),
        };
        let host = uri.host().ok_or(OutboundError::Address)?;
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let found = self.resolver.resolve(&host, port).await;
        let addresses = found.map_err(|_| OutboundError::Unresolved)?;
        if addresses.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        let public = addresses.iter().all(|address| is_public(address.ip()));
        if !public && !self.local && !self.private {
            return Err(OutboundError::NotPublic);
        }
        Ok(Place {
            uri,
            host,
            secure,
            addresses,
        })
    }
}

/// Whether an address is one of this machine, written as such.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
}

impl Place {
    fn request(&self, method: Method) -> Result<request::Builder, OutboundError> {
        let authority = self.uri.authority().ok_or(OutboundError::Address)?;
        // What stands before an `@` is nobody's business but the sender's.
        let host = authority.as_str();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = self.uri.path_and_query();
        Ok(Request::builder()
            .method(method)
            .uri(path.map_or("/", |path| path.as_str()))
            .header(header::HOST, host)
            .header(header::USER_AGENT, "mcps-authority"))
    }

    fn posting(&self, post: &Post<'_>) -> Result<request::Builder, OutboundError> {
        let request = self.request(Method::POST)?;
        let mut request = request.header(header::CONTENT_TYPE, post.content_type);
        for (name, value) in post.headers {
            request = request.header(*name, value);
        }
        Ok(request)
    }

    async fn ask(
        &self,
        request: request::Builder,
        body: Bytes,
        limit: usize,
    ) -> Result<Response<Vec<u8>>, OutboundError> {
        let (response, _connection) = self.send(request, body).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, limit).collect().await;
        let body = body.map_err(|_| OutboundError::Body(limit))?;
        Ok(Response::from_parts(head, body.to_bytes().to_vec()))
    }

    async fn status(
        &self,
        request: request::Builder,
        body: Bytes,
    ) -> Result<StatusCode, OutboundError> {
        let (response, _connection) = self.send(request, body).await?;
        Ok(response.status())
    }

    /// The answer, and the task that its body comes by: it ends when it is dropped.
    async fn send(
        &self,
        request: request::Builder,
        body: Bytes,
    ) -> Result<(Response<Incoming>, JoinSet<()>), OutboundError> {
        let request = request.body(Full::new(body));
        let request = request.map_err(|_| OutboundError::Address)?;
        let stream = TcpStream::connect(self.addresses.as_slice()).await;
        let stream = stream.map_err(OutboundError::Unreachable)?;
        if !self.secure {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|_| OutboundError::Address)?;
        let tls = TlsConnector::from(Arc::new(trusting()?));
        let stream = tls.connect(name, stream).await;
        exchange(stream.map_err(OutboundError::Tls)?, request).await
    }
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
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, JoinSet<()>), OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(OutboundError::Http)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // What breaks off is noticed by whoever reads.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await;
    Ok((response.map_err(OutboundError::Http)?, tasks))
}

#[cfg(test)]
mod tests;
