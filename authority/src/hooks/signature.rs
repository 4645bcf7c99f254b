//! Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` and `webhook-signature` over
//! `id.timestamp.body`, by HMAC-SHA256 (`v1`) or ed25519 (`v1a`).

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcps_core::clock::Timestamp;

/// How far the sender's clock may differ from ours.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// Most signatures in one header: more than one while a key is changed.
const MAX_SIGNATURES: usize = 8;
/// Longest `webhook-id`.
const MAX_ID: usize = 128;

/// What signatures of a source are verified with.
#[derive(Clone)]
pub enum Verifier {
    /// A public key of 32 bytes.
    Ed25519(Vec<u8>),
    /// The secret that both sides have, 24 to 64 bytes.
    Hmac(Vec<u8>),
}

/// Neither key is shown.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

/// Why a key of a source cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form.
    #[error("a public key is `whpk_` and base64 of 32 bytes")]
    PublicKey,
    /// Not of the form.
    #[error("a secret is `whsec_` and base64 of 24 to 64 bytes")]
    Secret,
}

/// Why a report is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// A header is missing or not of its form.
    #[error("`{0}` is missing or not of its form")]
    Header(&'static str),
    /// The timestamp is too far from now.
    #[error("its timestamp is more than 5 minutes from now; set the sender's clock")]
    Time,
    /// No signature is by the source's key over these bytes.
    #[error(
        "no signature over these bytes, no token and no address shows that it is from this source"
    )]
    Signature,
}

/// The three headers.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

impl Verifier {
    /// Reads `whpk_…`.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`].
    pub fn public_key(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix("whpk_").map(|key| STANDARD.decode(key));
        match bytes {
            Some(Ok(bytes)) if bytes.len() == 32 => Ok(Self::Ed25519(bytes)),
            _ => Err(KeyError::PublicKey),
        }
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// [`KeyError::Secret`].
    pub fn secret(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix("whsec_").map(|key| STANDARD.decode(key));
        match bytes {
            Some(Ok(bytes)) if (24..=64).contains(&bytes.len()) => Ok(Self::Hmac(bytes)),
            _ => Err(KeyError::Secret),
        }
    }

    /// `ed25519` or `hmac`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::Hmac(_) => "hmac",
        }
    }

    /// The bytes to be stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) | Self::Hmac(bytes) => bytes,
        }
    }

    /// What was stored.
    #[must_use]
    pub fn stored(scheme: &str, bytes: Vec<u8>) -> Option<Self> {
        match scheme {
            "ed25519" => Some(Self::Ed25519(bytes)),
            "hmac" => Some(Self::Hmac(bytes)),
            _ => None,
        }
    }

    /// Verifies a report as it was received and gives its id.
    ///
    /// # Errors
    /// [`Unsigned`].
    pub fn verify<'a>(
        &self,
        headers: Headers<'a>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<&'a str, Unsigned> {
        let sound = |id: &&str| (1..=MAX_ID).contains(&id.len()) && !id.contains('.');
        let id = headers
            .id
            .filter(sound)
            .ok_or(Unsigned::Header("webhook-id"))?;
        let timestamp = headers.timestamp.filter(|text| text.len() <= 12);
        let timestamp = timestamp.ok_or(Unsigned::Header("webhook-timestamp"))?;
        let seconds: i64 = timestamp
            .parse()
            .map_err(|_| Unsigned::Header("webhook-timestamp"))?;
        let at = Timestamp::from_millis(seconds.saturating_mul(1000));
        if now.since(at).unsigned_abs() > TOLERANCE.as_millis() as u64 {
            return Err(Unsigned::Time);
        }
        let signatures = headers
            .signature
            .ok_or(Unsigned::Header("webhook-signature"))?;
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let good = signatures
            .split(' ')
            .take(MAX_SIGNATURES)
            .any(|signature| self.signed(signature, &signed));
        good.then_some(id).ok_or(Unsigned::Signature)
    }

    fn signed(&self, signature: &str, message: &[u8]) -> bool {
        let Some((version, signature)) = signature.split_once(',') else {
            return false;
        };
        let Ok(signature) = STANDARD.decode(signature) else {
            return false;
        };
        match (self, version) {
            (Self::Ed25519(key), "v1a") => {
                let key = UnparsedPublicKey::new(&ED25519, key);
                key.verify(message, &signature).is_ok()
            }
            (Self::Hmac(secret), "v1") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, message, &signature).is_ok()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
