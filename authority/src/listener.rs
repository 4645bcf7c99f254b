//! A listener that holds so many connections at once and no more. Whoever comes then waits in the
//! system's queue until one ends.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::certificate::Certificate;

/// How many connections are held at once, unless something else is configured: as many as may follow
/// the feed, and some.
pub(crate) const MAX_CONNECTIONS: usize = 12_000;
/// How many are held at the address for those who give orders.
pub(crate) const MAX_ORDERING: usize = 256;

/// A listener with so many places.
#[derive(Debug)]
pub(crate) struct Capped {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Capped {
    /// Over a listener.
    #[must_use]
    pub(crate) fn new(listener: TcpListener, places: usize) -> Self {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { listener, places }
    }
}

impl Listener for Capped {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        // An error would mean that the places are closed, which nobody does.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (
            Held {
                stream,
                _place: place,
                certificate: None,
            },
            from,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, and its place.
#[derive(Debug)]
pub(crate) struct Held {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
    /// By what clients are asked for certificates, where they are.
    certificate: Option<Arc<Certificate>>,
}

impl Held {
    /// The same, on which that certificate is shown.
    #[must_use]
    pub(crate) fn showing(self, certificate: Arc<Certificate>) -> Self {
        Self {
            certificate: Some(certificate),
            ..self
        }
    }

    /// The certificate that is shown on it.
    #[must_use]
    pub(crate) const fn certificate(&self) -> Option<&Arc<Certificate>> {
        self.certificate.as_ref()
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The address.
    pub(crate) from: SocketAddr,
    /// The names in the certificate that was shown and verified; none without one.
    pub(crate) names: Arc<[String]>,
    /// That certificate; none without one.
    pub(crate) client: Option<Arc<Client>>,
}

/// What a client has shown.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its certificate, and those that lead to who vouches for it.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// By what it was asked for it.
    pub(crate) by: Arc<Certificate>,
}

impl Client {
    /// SHA-256 of its certificate, if that is still good.
    #[must_use]
    pub(crate) fn fingerprint(&self, now: Timestamp) -> Option<Digest> {
        let own = self.chain.first()?;
        let good = self.by.vouches(&self.chain, now);
        good.then(|| Digest::of(own.as_ref()))
    }
}

impl Connected<IncomingStream<'_, Capped>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Capped>) -> Self {
        Self {
            from: *stream.remote_addr(),
            names: Arc::default(),
            client: None,
        }
    }
}
