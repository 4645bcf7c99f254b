//! The API keys of operators: 256 random bits, kept as their SHA-256.

use std::fmt;

use mcps_core::digest::Digest;
use mcps_core::random::{Random, RandomError};

use crate::bearer;

/// What every key begins with, so that scanners for leaked secrets can find it.
pub const PREFIX: &str = "mcps_op_";

/// An operator's API key: `mcps_op_` and 43 characters of base64url. Shown once, never logged.
#[derive(Clone)]
pub struct OperatorKey(String);

impl OperatorKey {
    /// A new key.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        bearer::generate(PREFIX, random).map(Self)
    }

    /// Reads a key; anything that cannot be one is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bearer::is_sound(PREFIX, text).then(|| Self(text.to_owned()))
    }

    /// The key itself, for showing it this once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::OperatorKey;
    use mcps_core::random::SeededRandom;

    #[test]
    fn a_key_reads_back_and_does_not_show_in_debug() {
        let key = OperatorKey::generate(&SeededRandom::new(1)).unwrap();
        assert_eq!(key.reveal().len(), 51);
        assert_eq!(OperatorKey::parse(key.reveal()).unwrap().hash(), key.hash());
        assert_eq!(format!("{key:?}"), "OperatorKey(..)");
        for bad in [
            "",
            "mcps_op_",
            "mcps_op_AAAA",
            &key.reveal()[8..],
            &format!("{}=", key.reveal()),
        ] {
            assert!(OperatorKey::parse(bad).is_none(), "{bad}");
        }
    }
}
