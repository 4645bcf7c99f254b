//! What only the authority can do, done by whoever holds its keys: passports it never recorded,
//! chains, and status answers of any content.

use mcps_core::clock::Timestamp;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ext, Kind, Passport, PassportId, Unsigned};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use mcps_core::status::{State, Status};

use super::hand::time;
use crate::world::World;

/// The authority's own keys and name.
pub(crate) struct Founder {
    pub(crate) passport_key: SecretKey,
    pub(crate) status_key: SecretKey,
    pub(crate) name: String,
}

const HOUR_MS: i64 = 3_600_000;

impl Founder {
    /// Of the world's authority; `home` is one that enrolled with it.
    pub(crate) fn of(world: &World, home: &std::path::Path) -> Self {
        let key = |name: &str| {
            let path = world.dir().join("authority/keys").join(name);
            SecretKey::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let pin = mcps_client::home::Home::new(home).authority().unwrap();
        Self {
            passport_key: key("passport.pem"),
            status_key: key("status.pem"),
            name: pin.name,
        }
    }

    /// A passport for `key` as the authority would issue it, not signed yet.
    pub(crate) fn draft(&self, kind: Kind, name: &str, key: &SecretKey) -> Unsigned {
        let now = time(0);
        Unsigned {
            id: PassportId::generate(&SystemRandom).unwrap(),
            agent_name: name.to_owned(),
            agent_version: "1.0.0".to_owned(),
            capabilities: Vec::new(),
            public_key: key.public_key().clone(),
            origin: None,
            scan_json: None,
            trust_level: TrustLevel::L2,
            issued_at: Timestamp::from_millis(now.as_millis() - HOUR_MS),
            expires_at: Timestamp::from_millis(now.as_millis() + HOUR_MS),
            issuer: self.name.clone(),
            issuer_chain: Vec::new(),
            key_rotation: None,
            ext: Some(Ext {
                tenant: "default".to_owned(),
                kind,
                owner: "tests@example.com".to_owned(),
                ca: None,
                status: None,
            }),
        }
    }

    /// The same, signed by the authority, which never recorded it.
    pub(crate) fn sign(&self, draft: Unsigned) -> Passport {
        draft.sign(&self.passport_key).unwrap()
    }

    /// A status as the authority would give it now.
    pub(crate) fn status(&self, id: &PassportId, state: State, nonce: &str) -> Status {
        let now = time(0);
        Status {
            authority: self.name.clone(),
            passport_id: id.clone(),
            state,
            trust_level: Some(TrustLevel::L2),
            reason: None,
            revoked_at: None,
            nonce: nonce.to_owned(),
            produced_at: now,
            fresh_until: Timestamp::from_millis(now.as_millis() + 60_000),
        }
    }

    /// Signs a status with the authority's status key.
    pub(crate) fn sign_status(&self, status: &Status) -> String {
        let json = status.unsigned_json(self.status_key.public_key().key_id());
        statement::sign(statement::STATUS, &json, &self.status_key).unwrap()
    }
}
