//! The certificate that the service shows, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, fs, io};

use arc_swap::ArcSwap;
use mcps_core::clock::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use zeroize::Zeroizing;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(10);

/// Largest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, PEM: the service's certificate first, then its intermediates.
    pub certificate: PathBuf,
    /// The private key, PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Who vouches for clients; without it nobody is asked for a certificate.
    pub clients: Option<ClientCa>,
}

/// Who vouches for clients.
#[derive(Clone, Debug)]
pub struct ClientCa {
    /// Certificate authorities, PEM.
    pub file: PathBuf,
    /// Whether nobody is spoken to who shows no certificate of theirs.
    pub required: bool,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds nothing of what it should.
    #[error("{} holds no {what}: {source}; give the PEM file of it", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// Key and certificate do not go together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
    /// Clients cannot be held against the certificate authorities.
    #[error("the certificate authorities for clients cannot be used: {0}")]
    Clients(#[from] VerifierBuilderError),
}

/// A certificate in use. TLS 1.3 and 1.2.
pub struct Certificate {
    files: TlsFiles,
    current: ArcSwap<Current>,
    /// What was last read, good or not.
    read: Mutex<Content>,
}

/// What new connections use.
struct Current {
    config: Arc<ServerConfig>,
    /// Who says whether a client's certificate is good, if clients are asked for one.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What the two files hold.
#[derive(PartialEq, Eq)]
struct Content {
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    clients: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn load(files: &TlsFiles) -> Result<Self, CertificateError> {
        let content = Content::read(files)?;
        Ok(Self {
            current: ArcSwap::from_pointee(content.config(files)?),
            files: files.clone(),
            read: Mutex::new(content),
        })
    }

    /// What a new connection is to use. Those that are open keep what they began with.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Whether a client's chain, its own certificate first, is good at an instant, by the certificate
    /// authorities of now: a connection may be older than they are.
    #[must_use]
    pub fn vouches(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> bool {
        let current = self.current.load();
        let (Some(clients), Some((own, others))) = (&current.clients, chain.split_first()) else {
            return false;
        };
        let Ok(millis) = u64::try_from(now.as_millis()) else {
            return false;
        };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(millis));
        clients.verify_client_cert(own, others, now).is_ok()
    }

    /// Reads the files again. Whether they had changed.
    ///
    /// # Errors
    /// [`CertificateError`]: what was in use stays in use. What is bad is complained of once.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let content = Content::read(&self.files)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == content {
            return Ok(false);
        }
        let config = content.config(&self.files);
        *read = content;
        drop(read);
        self.current.store(Arc::new(config?));
        Ok(true)
    }

    /// Reads the files now and then, for ever.
    pub(crate) async fn keep(self: Arc<Self>) -> std::convert::Infallible {
        let mut unreadable = false;
        loop {
            tokio::time::sleep(LOOK).await;
            let own = Arc::clone(&self);
            // Files may be far away.
            let refreshed = tokio::task::spawn_blocking(move || own.refresh()).await;
            match refreshed {
                Ok(Ok(true)) => tracing::info!("the TLS certificate was replaced; in use now"),
                Ok(Err(CertificateError::File { .. })) if unreadable => {}
                Ok(Err(error)) => {
                    unreadable = matches!(error, CertificateError::File { .. });
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the TLS certificate is not replaced, the one before stays in use: {error}"
                    );
                }
                Ok(Ok(false)) => unreadable = false,
                Err(_) => {}
            }
        }
    }
}

impl Content {
    fn read(files: &TlsFiles) -> Result<Self, CertificateError> {
        Ok(Self {
            chain: read(&files.certificate)?,
            key: read(&files.key)?.into(),
            clients: match &files.clients {
                Some(clients) => Some(read(&clients.file)?),
                None => None,
            },
        })
    }

    fn config(&self, files: &TlsFiles) -> Result<Current, CertificateError> {
        let none = |path: &Path, what| {
            let path = path.to_owned();
            move |source| CertificateError::Pem { path, what, source }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.chain)
            .collect::<Result<_, _>>()
            .map_err(none(&files.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(none(&files.key, "private key"))?;
        if chain.is_empty() {
            let wrong = none(&files.certificate, "certificate");
            return Err(wrong(pem::Error::NoItemsFound));
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions()?;
        let mut vouching: Option<Arc<dyn ClientCertVerifier>> = None;
        let config = match (&files.clients, &self.clients) {
            (Some(clients), Some(pem)) => {
                let roots = Arc::new(roots(pem).map_err(none(&clients.file, "certificate"))?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match clients.required {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build()?;
                vouching = Some(Arc::clone(&verifier));
                config.with_client_cert_verifier(verifier)
            }
            _ => config.with_no_client_auth(),
        };
        let mut config = config.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Current {
            config: Arc::new(config),
            clients: vouching,
        })
    }
}

/// Certificate authorities. One that cannot be read is left out, and then it vouches for nobody.
fn roots(pem: &[u8]) -> Result<RootCertStore, pem::Error> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    match roots.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(roots),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let fail = |source| CertificateError::File {
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(fail)?.len();
    if size > MAX_FILE {
        return Err(fail(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map_err(fail)
}

/// Shows where it came from, never a key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
