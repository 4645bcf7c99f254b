//! The seam to key custody: a file today, a token or a key service tomorrow.

use std::fmt;

use crate::digest::Digest;
use crate::key::PublicKey;
use crate::signature::Signature;

/// The key could not be used; nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key could not be used: {0}")]
pub struct SignerError(pub &'static str);

/// Whoever can sign with one P-256 key.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs a SHA-256 digest; always the low-S form.
    ///
    /// # Errors
    /// [`SignerError`] when the custody refuses or fails.
    fn sign(&self, digest: &Digest) -> Result<Signature, SignerError>;
}
