//! The form of the secrets that are shown once and then known by their SHA-256: a prefix, by which
//! scanners for leaked secrets find them, and 256 random bits in 43 characters of base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::random::{Random, RandomError};

/// A new secret.
///
/// # Errors
/// [`RandomError`] when the source fails.
pub(crate) fn generate(prefix: &str, random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whether a text can be such a secret.
pub(crate) fn is_sound(prefix: &str, text: &str) -> bool {
    let secret = text.strip_prefix(prefix);
    let bytes = secret.and_then(|secret| URL_SAFE_NO_PAD.decode(secret).ok());
    bytes.is_some_and(|bytes| bytes.len() == 32)
}
