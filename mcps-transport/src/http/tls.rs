//! TLS: the certificate of a listener, which can be replaced while it serves.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::error::TransportError;

/// The certificate chain and private key of a listener, both as PEM files. TLS 1.3 and 1.2.
///
/// A clone is the same certificate: reloading one reloads all. Connections that are open keep what
/// they began with; new ones get the new certificate.
#[derive(Clone)]
pub struct Tls(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
    /// What the files looked like when they were last read, well or not.
    seen: Mutex<Seen>,
}

/// Time of change and length of both files.
type Seen = Option<[(SystemTime, u64); 2]>;

impl Tls {
    /// Reads the files: the server's certificate first, then its intermediates; the key in PKCS#8,
    /// PKCS#1 or SEC1.
    ///
    /// # Errors
    /// [`TransportError::PemFile`] when a file cannot be read or holds nothing of its kind;
    /// [`TransportError::Tls`] when the key is not that of the certificate, or unusable.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TransportError> {
        let seen = look(certificate, key);
        let config = read(certificate, key)?;
        Ok(Self(Arc::new(Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(config),
            seen: Mutex::new(seen),
        })))
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was in use then stays in use.
    pub fn reload(&self) -> Result<(), TransportError> {
        let seen = look(&self.0.certificate, &self.0.key);
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let config = read(&self.0.certificate, &self.0.key)?;
        self.0.current.store(Arc::new(config));
        Ok(())
    }

    /// Reads the files again if they have changed since they were last read. Whether they had.
    ///
    /// Whoever replaces them should move new files into their place, the key first: a pair that
    /// does not match is refused, and tried again with the next change.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn refresh(&self) -> Result<bool, TransportError> {
        let seen = look(&self.0.certificate, &self.0.key);
        if *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) == seen {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// What a new connection is to use.
    pub(in crate::http) fn current(&self) -> Arc<ServerConfig> {
        self.0.current.load_full()
    }
}

/// Shows where it came from, never a key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.0.certificate)
            .field("key", &self.0.key)
            .finish_non_exhaustive()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TransportError> {
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| TransportError::pem_file(key, source))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TransportError::tls)?;
    let mut config = config
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TransportError::tls)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// At least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let failed = |source| TransportError::pem_file(file, source);
    let found = CertificateDer::pem_file_iter(file).map_err(failed)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(failed)?;
    if found.is_empty() {
        return Err(failed(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn look(certificate: &Path, key: &Path) -> Seen {
    let look = |file: &Path| {
        let found = std::fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    Some([look(certificate)?, look(key)?])
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
