//! Homes that believe an authority whose keys the test holds, for passports that a real one would
//! not issue.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mcps_client::home::{AuthorityPin, Home};
use mcps_core::clock::{Clock as _, SystemClock, Timestamp};
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ca, Ext, Kind, Passport, PassportId, Unsigned, Within};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

/// Its name.
pub(super) const ISSUER: &str = "founder";

/// An authority without a service.
pub(super) struct Founder {
    root: SecretKey,
    signing: SecretKey,
}

pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

pub(super) fn new_key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

impl Founder {
    pub(super) fn new() -> Self {
        Self {
            root: new_key(),
            signing: new_key(),
        }
    }

    fn bundle(&self) -> String {
        let key = |usage, key: &SecretKey| TrustedKey {
            usage,
            state: KeyState::Active,
            public_key: key.public_key().clone(),
        };
        let keys = [
            key(KeyUse::Root, &self.root),
            key(KeyUse::Passport, &self.signing),
        ];
        let root = self.root.public_key().key_id();
        let unsigned = TrustBundle::unsigned_json(ISSUER, 1, now(), root, &keys);
        statement::sign(statement::TRUST, &unsigned, &self.root).unwrap()
    }

    /// A home that believes this authority.
    pub(super) fn home(&self, dir: &Path) -> PathBuf {
        let home = Home::new(dir);
        let pin = AuthorityPin {
            url: "http://127.0.0.1:9".to_owned(),
            name: ISSUER.to_owned(),
            root_kid: self.root.public_key().key_id().to_string(),
            tenant: "default".to_owned(),
        };
        home.write_authority(&pin).unwrap();
        home.write("trust.json", &self.bundle()).unwrap();
        dir.to_owned()
    }

    /// Signs a passport.
    pub(super) fn issue(&self, unsigned: &Unsigned) -> Passport {
        unsigned.sign(&self.signing).unwrap()
    }
}

/// A passport of level 2, good since a minute ago for an hour.
pub(super) fn unsigned(key: &SecretKey) -> Unsigned {
    Unsigned {
        id: PassportId::generate(&SystemRandom).unwrap(),
        agent_name: "agent".to_owned(),
        agent_version: "1".to_owned(),
        capabilities: Vec::new(),
        public_key: key.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at: now().minus(Duration::from_secs(60)),
        expires_at: now().plus(Duration::from_secs(3600)),
        issuer: ISSUER.to_owned(),
        issuer_chain: Vec::new(),
        key_rotation: None,
        ext: Some(Ext {
            tenant: "default".to_owned(),
            kind: Kind::Agent,
            owner: "tests@example.com".to_owned(),
            ca: None,
            status: None,
        }),
    }
}

/// The right to issue, up to `max_level`.
pub(super) fn with_ca(mut unsigned: Unsigned, max_level: TrustLevel) -> Unsigned {
    if let Some(ext) = &mut unsigned.ext {
        ext.ca = Some(Ca {
            max_path: 0,
            max_level,
            origins: Vec::new(),
            within: Within::default(),
        });
    }
    unsigned
}
