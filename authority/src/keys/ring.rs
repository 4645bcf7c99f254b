//! The active keys of one key set, each with whoever signs by it here.

use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::key::KeyId;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle};

use super::begins;
use crate::custody::{Custody, CustodyError};
use crate::error::Error;
use crate::store::KeyChange;

/// What is signed by keys that are needed to serve.
pub const SERVING: [KeyUse; 4] = [
    KeyUse::Passport,
    KeyUse::Status,
    KeyUse::Feed,
    KeyUse::Audit,
];

/// Why this process is not ready, as far as its keys go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What the key signs.
    pub usage: &'static str,
    /// What to do, for whoever asks.
    pub told: String,
    /// The same with the whereabouts, for the log.
    pub log: String,
}

#[derive(Clone, Debug)]
struct Bearer {
    usage: KeyUse,
    /// From when on it signs, in milliseconds since the Unix epoch.
    from: i64,
    id: KeyId,
    /// `None` when the private key is not here.
    signer: Option<Arc<dyn Signer>>,
    /// Why it is not.
    lack: Option<Trouble>,
}

/// A key set, and its active keys.
#[derive(Clone, Debug)]
pub struct Keyring {
    bundle: TrustBundle,
    bearers: Vec<Bearer>,
    trouble: Option<Trouble>,
}

impl Keyring {
    /// The active keys of `bundle`, which must have been verified: those of `old`, or else out of
    /// the custody. What is missing is its trouble.
    #[must_use]
    pub fn gather(
        bundle: TrustBundle,
        changes: &[KeyChange],
        custody: &Custody,
        now: Timestamp,
        old: Option<&Self>,
    ) -> Self {
        let mut ring = Self {
            bundle,
            bearers: Vec::new(),
            trouble: None,
        };
        for key in ring.bundle.keys() {
            if key.state != KeyState::Active || !SERVING.contains(&key.usage) {
                continue;
            }
            let id = key.public_key.key_id();
            let known = old.and_then(|old| old.bearer(key.usage, id));
            let found = match known {
                Some(signer) => Ok(Some(signer)),
                None => custody.find(key.usage, id),
            };
            let (signer, lack) = match found {
                Ok(Some(signer)) => (Some(signer), None),
                Ok(None) => (None, Some(Trouble::missing(key.usage, id, custody))),
                Err(error) => {
                    let trouble = Trouble::unreadable(key.usage, id, custody, &error);
                    (None, Some(trouble))
                }
            };
            ring.bearers.push(Bearer {
                usage: key.usage,
                from: begins(changes, id).unwrap_or(i64::MIN),
                id: id.clone(),
                signer,
                lack,
            });
        }
        // Nobody needs a key that another one has taken over from.
        let needed = |bearer: &&Bearer| {
            let by = ring.at(bearer.usage, now);
            by.is_none_or(|by| by.from <= bearer.from)
        };
        let mut needed = ring.bearers.iter().filter(needed);
        ring.trouble = needed.find_map(|bearer| bearer.lack.clone());
        ring
    }

    /// A ring of those signers, whether or not the set has them.
    #[must_use]
    pub fn of(bundle: TrustBundle, signers: &[(KeyUse, Arc<dyn Signer>)]) -> Self {
        let bearer = |(usage, signer): &(KeyUse, Arc<dyn Signer>)| Bearer {
            usage: *usage,
            from: i64::MIN,
            id: signer.public_key().key_id().clone(),
            signer: Some(Arc::clone(signer)),
            lack: None,
        };
        Self {
            bundle,
            bearers: signers.iter().map(bearer).collect(),
            trouble: None,
        }
    }

    /// The key set.
    #[must_use]
    pub const fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// Why this process is not ready, if it is not.
    #[must_use]
    pub const fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Who signs that at an instant. When the key that should is not here, nobody does: by another
    /// one, things would be signed that verifiers may refuse soon.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`].
    pub fn signer(&self, usage: KeyUse, now: Timestamp) -> Result<Arc<dyn Signer>, Error> {
        let bearer = self.at(usage, now);
        let signer = bearer.and_then(|bearer| bearer.signer.clone());
        signer.ok_or_else(|| Error::KeyUnusable {
            usage: usage.as_str(),
            why: match &self.trouble {
                Some(trouble) => trouble.told.clone(),
                None => "the key set has no active one".to_owned(),
            },
        })
    }

    /// The id of the key that should sign at an instant, here or not.
    #[must_use]
    pub fn signing(&self, usage: KeyUse, now: Timestamp) -> Option<&KeyId> {
        self.at(usage, now).map(|bearer| &bearer.id)
    }

    /// Whether the private key of an active key is here.
    #[must_use]
    pub fn has(&self, usage: KeyUse, id: &KeyId) -> bool {
        self.bearer(usage, id).is_some()
    }

    /// The same, and why it refuses the set that is in the database.
    pub(super) fn refusing(&self, refusal: &Refusal) -> Self {
        let log = format!(
            "the key set in the database is not taken into use: {refusal}; restore the newest one"
        );
        let trouble = Trouble {
            usage: KeyUse::Root.as_str(),
            told: "the key set in the database is refused; the log says why".to_owned(),
            log,
        };
        Self {
            trouble: Some(trouble),
            ..self.clone()
        }
    }

    /// Of the keys whose time has come the latest; before any has, the first.
    fn at(&self, usage: KeyUse, now: Timestamp) -> Option<&Bearer> {
        let now = now.as_millis();
        let own = || self.bearers.iter().filter(|bearer| bearer.usage == usage);
        let begun = own().filter(|bearer| bearer.from <= now);
        begun
            .max_by_key(|bearer| bearer.from)
            .or_else(|| own().min_by_key(|bearer| bearer.from))
    }

    fn bearer(&self, usage: KeyUse, id: &KeyId) -> Option<Arc<dyn Signer>> {
        let mut own = self.bearers.iter();
        let own = own.find(|bearer| bearer.usage == usage && bearer.id == *id);
        own.and_then(|bearer| bearer.signer.clone())
    }
}

impl Trouble {
    fn missing(usage: KeyUse, id: &KeyId, custody: &Custody) -> Self {
        let (usage_name, remedy) = (usage.as_str(), custody.remedy(usage, id));
        let whereabouts = custody.whereabouts(usage);
        Self {
            usage: usage_name,
            told: format!("the active key {id} is not here: {remedy}"),
            log: format!(
                "the active {usage_name} key {id} is not in {whereabouts}, and this process is not ready without it: {remedy}"
            ),
        }
    }

    fn unreadable(usage: KeyUse, id: &KeyId, custody: &Custody, error: &CustodyError) -> Self {
        let (usage_name, whereabouts) = (usage.as_str(), custody.whereabouts(usage));
        Self {
            usage: usage_name,
            told: format!("the active key {id} cannot be read here; the log says why"),
            log: format!(
                "the active {usage_name} key {id} cannot be read from {whereabouts}, and this process is not ready without it: {error}"
            ),
        }
    }
}
