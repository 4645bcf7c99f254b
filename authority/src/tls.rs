//! Connections by TLS, for the HTTP server to take.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use crate::certificate::Certificate;
use crate::listener::{Capped, Client, Held, Peer};

/// Most names in a certificate that are looked at.
const MOST_NAMES: usize = 8;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long whoever is refused may take to hear it.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Ready = (TlsStream<Held>, SocketAddr);

/// Takes connections. Whoever is slow with its handshake holds nobody up but has a place.
#[derive(Debug)]
pub(crate) struct TlsListener {
    listener: Capped,
    certificate: Arc<Certificate>,
    handshakes: JoinSet<io::Result<Ready>>,
}

impl TlsListener {
    pub(crate) fn new(listener: Capped, certificate: Arc<Certificate>) -> Self {
        Self {
            listener,
            certificate,
            handshakes: JoinSet::new(),
        }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<Held>;
    type Addr = SocketAddr;

    /// Nothing is lost when this is dropped: what is under way is kept in the set.
    async fn accept(&mut self) -> Ready {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => match done {
                    Ok(Ok(ready)) => return ready,
                    Ok(Err(error)) => tracing::debug!(error = %error, "no TLS: {error}"),
                    Err(error) => tracing::error!(error = %error, "a handshake failed: {error}"),
                },
                (stream, from) = self.listener.accept() => {
                    let acceptor = TlsAcceptor::from(self.certificate.current());
                    let stream = stream.showing(Arc::clone(&self.certificate));
                    self.handshakes.spawn(shaken(acceptor, stream, from));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn shaken(acceptor: TlsAcceptor, stream: Held, from: SocketAddr) -> io::Result<Ready> {
    let accepted = acceptor.accept(stream).into_fallible();
    let (error, mut stream) = match timeout(HANDSHAKE, accepted).await? {
        Ok(stream) => return Ok((stream, from)),
        Err(failed) => failed,
    };
    if let Some(why) = uncertified(&error) {
        tracing::info!(%from, "{from} is not spoken to: {why}");
        // What is closed with something unread is reset, and the alert that says why is lost with it.
        let mut rest = [0; 1024];
        let last = async {
            stream.shutdown().await?;
            while stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        let heard = timeout(LAST_WORDS, last).await;
        tracing::trace!(?heard, "a refused connection is closed");
    }
    Err(error)
}

/// What is wrong with a client's certificate, if it is that for which a handshake has failed.
fn uncertified(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::NoCertificatesPresented => {
            Some("it shows no client certificate, and one is required".to_owned())
        }
        rustls::Error::InvalidCertificate(why) => {
            Some(format!("its client certificate is not good here: {why}"))
        }
        _ => None,
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (held, connection) = stream.io().get_ref();
        let shown = connection.peer_certificates();
        let client = shown.zip(held.certificate()).map(|(chain, by)| Client {
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            by: Arc::clone(by),
        });
        Self {
            from: *stream.remote_addr(),
            names: shown.and_then(<[_]>::first).map(names).unwrap_or_default(),
            client: client.map(Arc::new),
        }
    }
}

/// The names in a certificate: URIs as SPIFFE has them, then names of hosts. A common name is for people.
fn names(certificate: &CertificateDer<'_>) -> Arc<[String]> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Arc::default();
    };
    let uris = certificate.valid_uri_names();
    let names = uris.chain(certificate.valid_dns_names()).take(MOST_NAMES);
    names.map(str::to_owned).collect()
}
