//! The client certificate by which a source proves itself.

use mcps_core::digest::Digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use webpki::EndEntityCert;

/// Longest name.
const MAX_NAME: usize = 256;
/// What the two are stored with before them.
const ONE: &str = "sha256:";
const NAMED: &str = "san:";

/// Whose certificate it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// That one, by its SHA-256.
    One(Digest),
    /// Any with that alternative name.
    Named(String),
}

/// A certificate that was shown, verified, and is good now.
#[derive(Clone, Copy, Debug)]
pub struct ShownClient<'a> {
    /// Its SHA-256.
    pub fingerprint: Digest,
    /// Its alternative names.
    pub names: &'a [String],
}

/// Why a source cannot prove itself by that certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientProofError {
    /// One of the two says which.
    #[error(
        "say which certificate it shows: `certificate`, or `san` with a name in it; one of them"
    )]
    Which,
    /// No certificate.
    #[error("`certificate` is no certificate in PEM")]
    Pem,
    /// No name.
    #[error("`san` is 1 to 256 visible ASCII characters: a URI or DNS name of the certificate")]
    Name,
}

impl ClientProof {
    /// Either a certificate in PEM or a name.
    ///
    /// # Errors
    /// [`ClientProofError`].
    pub fn new(pem: Option<&str>, name: Option<&str>) -> Result<Self, ClientProofError> {
        match (pem, name) {
            (Some(pem), None) => {
                let own = CertificateDer::from_pem_slice(pem.as_bytes());
                let own = own.map_err(|_| ClientProofError::Pem)?;
                EndEntityCert::try_from(&own).map_err(|_| ClientProofError::Pem)?;
                Ok(Self::One(Digest::of(own.as_ref())))
            }
            (None, Some(name)) => {
                let sound = (1..=MAX_NAME).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_graphic());
                let named = sound.then(|| Self::Named(name.to_owned()));
                named.ok_or(ClientProofError::Name)
            }
            _ => Err(ClientProofError::Which),
        }
    }

    /// As it is stored and shown: `sha256:` and hex, or `san:` and the name.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::One(digest) => format!("{ONE}{digest}"),
            Self::Named(name) => format!("{NAMED}{name}"),
        }
    }

    /// Reads that.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        match text.strip_prefix(ONE) {
            Some(hex) => Digest::from_hex(hex).map(Self::One),
            None => Some(Self::Named(text.strip_prefix(NAMED)?.to_owned())),
        }
    }

    /// Whether a certificate that was shown is the one.
    #[must_use]
    pub fn is(&self, shown: ShownClient<'_>) -> bool {
        match self {
            Self::One(digest) => shown.fingerprint.is_same(digest),
            Self::Named(name) => shown.names.contains(name),
        }
    }
}

#[cfg(test)]
mod tests;
