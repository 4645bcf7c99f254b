//! Preparing and signing, with time passing or a broken signer in between.

use std::sync::Arc;
use std::time::Duration;

use mcps_authority::authority::Authority;
use mcps_authority::error::Error;
use mcps_authority::feed::Feed;
use mcps_authority::issue::{AskedLevel, Order, Prepared};
use mcps_authority::keys::{Keyring, Keys};
use mcps_authority::outbound::Outbound;
use mcps_authority::proof::Proven;
use mcps_authority::signals::issuing::TokenIssuer;
use mcps_authority::status_lists::StatusLists;
use mcps_authority::store::Filter;
use mcps_core::clock::{Clock as _, ManualClock};
use mcps_core::digest::Digest;
use mcps_core::key::{PublicKey, SecretKey};
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use mcps_core::random::SystemRandom;
use mcps_core::signature::Signature;
use mcps_core::signer::{Signer, SignerError};
use mcps_core::statement;
use mcps_core::trust::{KeyState, KeyUse, TrustBundle, TrustedKey};

use super::engine::Engine;
use super::store::{CHALLENGE, at, binding, open};
use super::world::new_key;

/// Signs something else than it was asked to, as broken or tampered hardware might.
#[derive(Debug)]
struct Faulty(SecretKey);

impl Signer for Faulty {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, digest: &Digest) -> Result<Signature, SignerError> {
        self.0.sign(&Digest::of(digest.as_bytes()))
    }
}

/// An authority over a fresh store, and a passport prepared by it.
async fn prepared(
    engine: Engine,
    signer: impl Fn(SecretKey) -> Arc<dyn Signer>,
) -> (Authority, Prepared, Arc<ManualClock>, tempfile::TempDir) {
    let (db, folder) = engine.fresh_store().await;
    let (root, passport, key) = (new_key(), new_key(), new_key());
    let clock = Arc::new(ManualClock::new(at(0)));
    let keys = [(KeyUse::Root, &root), (KeyUse::Passport, &passport)];
    let keys = keys.map(|(usage, key)| TrustedKey {
        usage,
        state: KeyState::Active,
        public_key: key.public_key().clone(),
    });
    let unsigned = TrustBundle::unsigned_json("ta", 1, at(0), root.public_key().key_id(), &keys);
    let bundle =
        TrustBundle::parse(&statement::sign(statement::TRUST, &unsigned, &root).unwrap()).unwrap();
    let signer = signer(passport);
    let uses = [KeyUse::Passport, KeyUse::Status, KeyUse::Feed];
    let ring = Keyring::of(bundle, &uses.map(|usage| (usage, signer.clone())));
    let keys = Arc::new(Keys::fixed(ring, clock.clone()));
    let feed = Feed::new("ta", db.clone(), keys.clone(), clock.clone());
    let url = "https://ta.example";
    let tokens = TokenIssuer::new(url, keys.clone());
    let authority = Authority::new(
        db,
        keys,
        Arc::new(feed),
        (StatusLists::new(url), Arc::new(tokens)),
        clock.clone(),
        Arc::new(SystemRandom),
        Outbound::default(),
    );
    let binding = binding("a", &key);
    open(authority.db(), &binding, clock.now()).await;
    let kid = &binding.kid;
    let unsigned = format!(
        r#"{{"audience":"ta","challenge":"{CHALLENGE}","kid":"{kid}","subject":"a","tenant":"default"}}"#
    );
    let signed: serde_json::Value =
        serde_json::from_str(&statement::sign(statement::PROOF, &unsigned, &key).unwrap()).unwrap();
    let proof = signed["signature"].as_str().unwrap();
    let proven =
        Proven::verify(key.public_key().clone(), CHALLENGE.into(), binding, proof).unwrap();
    let order = Order {
        kind: Kind::Agent,
        version: "1".into(),
        owner: "ann".into(),
        capabilities: Vec::new(),
        origin: None,
        level: AskedLevel::Exactly(TrustLevel::L1),
        life: Duration::from_secs(10),
        ca: None,
        renews: None,
        rotation: None,
        token: None,
        issued_by: "op".into(),
    };
    let prepared = Prepared::new(&authority, order, proven).await.unwrap();
    (authority, prepared, clock, folder)
}

async fn issued(authority: &Authority) -> usize {
    let filter = Filter {
        tenants: mcps_authority::access::Tenants::All,
        status: "all",
        after: None,
        limit: 10,
    };
    authority
        .db()
        .passports(&filter, authority.now())
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn nothing_is_signed_that_has_already_expired() {
    for engine in Engine::BOTH {
        let (authority, prepared, clock, _folder) = prepared(engine, |key| Arc::new(key)).await;
        clock.advance(Duration::from_secs(10));
        assert!(matches!(
            prepared.sign(&authority).await,
            Err(Error::Overtaken)
        ));
        assert_eq!(issued(&authority).await, 0);
    }
}

#[tokio::test]
async fn a_signature_that_the_other_library_refuses_never_leaves() {
    for engine in Engine::BOTH {
        let (authority, prepared, _clock, _folder) =
            prepared(engine, |key| Arc::new(Faulty(key))).await;
        assert!(authority.ready().await.is_err());
        assert!(matches!(
            prepared.sign(&authority).await,
            Err(Error::CrossCheck(_))
        ));
        assert_eq!(issued(&authority).await, 0);
    }
}
