//! API keys: 256 random bits each, of which the gateway knows the SHA-256.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::random::{Random, RandomError};

use super::{Fault, Known};
use crate::call::{Principal, Proof};
use crate::config::ApiKey;

/// What every key begins with, so that it is known for one where it should not be, by people and by
/// scanners.
pub(super) const PREFIX: &str = "mcpsk_";

/// Who says who the holders of keys are. No authority and no issuer of tokens is called so.
pub(super) const ISSUER: &str = "urn:mcps:api-key";

/// How much of a digest in hexadecimal a record names a key by: as much as keys are found by.
const SHOWN: usize = 16;

/// A new key. Whoever has it is its caller.
///
/// # Errors
/// When the machine has no randomness.
pub(super) fn generate(random: &dyn Random) -> Result<String, RandomError> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Those of a configuration.
#[derive(Debug, Default)]
pub(super) struct ApiKeys {
    /// By the first bytes of their digests, which say nothing of a key to whoever measures how long it
    /// takes to find them.
    keys: HashMap<[u8; 8], Vec<ApiKey>>,
}

fn place(digest: &Digest) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    [a, b, c, d, e, f, g, h]
}

impl ApiKeys {
    pub(super) fn new(keys: &[ApiKey]) -> Self {
        let mut found: HashMap<[u8; 8], Vec<ApiKey>> = HashMap::new();
        for key in keys {
            let place = place(&key.sha256);
            found.entry(place).or_default().push(key.clone());
        }
        Self { keys: found }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub(super) fn recognise(&self, text: &str, now: Timestamp) -> Result<Known, Fault> {
        let digest = Digest::of(text.as_bytes());
        let mut near = self.keys.get(&place(&digest)).into_iter().flatten();
        let key = near.find(|key| key.sha256.is_same(&digest));
        let key = key.ok_or(Fault::Invalid("nobody here has this key"))?;
        if key.is_over(now) {
            return Err(Fault::Invalid("the key has expired"));
        }
        Ok(known(key))
    }

    /// Whether this very key of a caller's is good still; `id` is what a record names it by.
    pub(super) fn knows(&self, tenant: &str, name: &str, id: &str, now: Timestamp) -> bool {
        let Ok(place) = u64::from_str_radix(id, 16).map(u64::to_be_bytes) else {
            return false;
        };
        let mut near = self.keys.get(&place).into_iter().flatten();
        near.any(|key| key.tenant == tenant && key.name == name && !key.is_over(now))
    }

    /// Whether a caller has a key that is good.
    pub(super) fn has(&self, tenant: &str, name: &str, now: Timestamp) -> bool {
        let mut all = self.keys.values().flatten();
        all.any(|key| key.tenant == tenant && key.name == name && !key.is_over(now))
    }
}

/// Who the holder of a key is.
pub(super) fn known(key: &ApiKey) -> Known {
    let digest = key.sha256.to_string();
    Known {
        tenant: key.tenant.clone(),
        principal: Principal {
            name: key.name.clone(),
            owner: key.owner.clone(),
            groups: key.groups.clone(),
            issuer: ISSUER.to_owned(),
            proof: Proof::ApiKey {
                id: digest.get(..SHOWN).unwrap_or_default().to_owned(),
            },
            claims: None,
        },
    }
}
