//! Whom this process believes: the published key sets of authorities, and what a passport is
//! worth by them.

mod bundle;
mod succession;

pub use bundle::{KeyState, KeyUse, TrustBundle, TrustedKey};
pub use succession::{MAX_SUCCESSIONS, Succession};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chain;
use crate::clock::Timestamp;
use crate::key::{KeyId, PublicKey};
use crate::level::TrustLevel;
use crate::passport::Passport;
use crate::refusal::Refusal;

/// How far a passport's `issued_at` may lie ahead of our clock.
pub const ISSUE_SKEW: Duration = Duration::from_secs(60);

/// One authority that is believed.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The keys that sign its passports.
    pub keys: Vec<PublicKey>,
    /// The highest level believed from it.
    pub cap: TrustLevel,
}

/// What a passport turned out to be worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The highest level its chain supports: L0 when nobody here knows the issuer.
    pub cap: TrustLevel,
    /// Whether the chain ends at an anchor.
    pub recognised: bool,
    /// How many members of `issuer_chain`, from its first, the standing leans on. Each must be
    /// unrevoked too, which only an authority can say: ask for its status.
    pub relied: usize,
}

/// The authorities that are believed, by name.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    anchors: BTreeMap<String, Anchor>,
}

impl TrustStore {
    /// Believes an authority's published key set, up to `cap`. The set must have been verified
    /// ([`TrustBundle::verify`]); a second set of the same authority replaces the first.
    pub fn add_bundle(&mut self, bundle: &TrustBundle, cap: TrustLevel) {
        let keys = bundle
            .usable(KeyUse::Passport)
            .map(|key| key.public_key.clone())
            .collect();
        self.add_anchor(bundle.authority(), Anchor { keys, cap });
    }

    /// Believes an issuer by name and keys, as draft-00 peers configure it.
    pub fn add_anchor(&mut self, issuer: &str, anchor: Anchor) {
        self.anchors.insert(issuer.to_owned(), anchor);
    }

    /// The anchor of that name.
    #[must_use]
    pub fn anchor(&self, issuer: &str) -> Option<&Anchor> {
        self.anchors.get(issuer)
    }

    /// Judges a passport: its times, its signature, its chain.
    ///
    /// # Errors
    /// [`Refusal::Expired`], [`Refusal::NotYetValid`], [`Refusal::BadSignature`],
    /// [`Refusal::Chain`] or [`Refusal::ChainTooDeep`]. An issuer nobody knows is no error: the
    /// passport is then worth L0.
    pub fn verify(&self, passport: &Passport, now: Timestamp) -> Result<Standing, Refusal> {
        self.trace(passport, now).map(|(standing, _)| standing)
    }

    /// The same, and the authority's key that signed the passport, or the last member of its chain
    /// that is relied upon; `None` where nobody is recognised.
    ///
    /// # Errors
    /// As [`TrustStore::verify`].
    pub fn trace(
        &self,
        passport: &Passport,
        now: Timestamp,
    ) -> Result<(Standing, Option<KeyId>), Refusal> {
        chain::verify(self, passport, now)
    }
}

#[cfg(test)]
mod tests;
