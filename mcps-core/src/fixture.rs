//! Subjects for this crate's tests: keys, passports and envelopes from seeds, JSON of every shape.

pub(crate) mod json;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::envelope::Fields;
use crate::key::SecretKey;
use crate::level::TrustLevel;
use crate::passport::{Ca, Ext, Kind, Passport, PassportId, Unsigned, Within};
use crate::random::SeededRandom;
use crate::signer::Signer as _;
use crate::trust::{Anchor, TrustStore};

/// 2026-11-21T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_262_400_000);

/// The authority that [`store`] believes.
pub(crate) const AUTHORITY: &str = "authority.example";

/// The same seed gives the same key.
pub(crate) fn key(seed: u64) -> SecretKey {
    SecretKey::generate(&SeededRandom::new(seed)).unwrap()
}

/// The authority's passport key.
pub(crate) fn authority() -> SecretKey {
    key(1000)
}

/// Believes [`authority`] without a cap.
pub(crate) fn store() -> TrustStore {
    let mut store = TrustStore::default();
    let keys = vec![authority().public_key().clone()];
    let cap = TrustLevel::L4;
    store.add_anchor(AUTHORITY, Anchor { keys, cap });
    store
}

/// An ordinary agent's passport at L2, to be issued by [`authority`].
pub(crate) fn agent(name: &str, key: &SecretKey) -> Unsigned {
    Unsigned {
        id: id_of(name),
        agent_name: name.to_owned(),
        agent_version: "1.0.0".to_owned(),
        capabilities: vec!["tools".to_owned()],
        public_key: key.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at: NOW.minus(Duration::from_secs(60)),
        expires_at: NOW.plus(Duration::from_secs(3600)),
        issuer: AUTHORITY.to_owned(),
        issuer_chain: Vec::new(),
        key_rotation: None,
        ext: Some(Ext {
            tenant: "default".to_owned(),
            kind: Kind::Agent,
            owner: "owner@example".to_owned(),
            ca: None,
            status: None,
        }),
    }
}

/// A passport at L3 that may issue up to L3 for `https://a.example` and `https://b.example`.
pub(crate) fn issuer(name: &str, key: &SecretKey, max_path: u8) -> Unsigned {
    let mut unsigned = agent(name, key);
    unsigned.trust_level = TrustLevel::L3;
    unsigned.ext.as_mut().unwrap().ca = Some(Ca {
        max_path,
        max_level: TrustLevel::L3,
        origins: vec![
            "https://a.example".to_owned(),
            "https://b.example".to_owned(),
        ],
        within: Within::default(),
    });
    unsigned
}

/// The id that [`agent`] gives a name.
pub(crate) fn id_of(name: &str) -> PassportId {
    let digest = crate::digest::Digest::of(name.as_bytes()).to_string();
    PassportId::parse(&format!("asp_{}", &digest[..32])).unwrap()
}

/// The passport of `key`, issued by [`authority`].
pub(crate) fn passport(name: &str, key: &SecretKey) -> Passport {
    agent(name, key).sign(&authority()).unwrap()
}

/// An envelope with the members that every message has.
pub(crate) fn fields() -> Fields {
    Fields {
        passport_id: id_of("agent"),
        timestamp: NOW.to_string(),
        stamped: NOW,
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
        aud: "https://server.example/mcp".to_owned(),
        session: "ffeeddccbbaa99887766554433221100".to_owned(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    }
}
