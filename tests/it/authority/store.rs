//! One contract for both engines: every method of the store, called on each.

use std::time::Duration;

use mcps_authority::access::{Grants, Tenants};
use mcps_authority::error::Error;
use mcps_authority::levels::{Content, EvidenceType, Policy, Subject, Verdict};
use mcps_authority::operator_key::OperatorKey;
use mcps_authority::store::{
    Binding, Challenge, Credential, Db, Deed, Filter, Founding, NewOperator, NewPassport, Reason,
    Revocation,
};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Ext, Kind, PassportId, Unsigned};
use mcps_core::random::SystemRandom;
use mcps_core::signature::Signature;
use mcps_core::signer::Signer as _;
use mcps_core::status::State;

use super::engine::Engine;
use super::world::new_key;

pub(super) const CHALLENGE: &str = "challenge";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

pub(super) fn binding(subject: &str, key: &SecretKey) -> Binding {
    Binding {
        tenant: "default".into(),
        subject: subject.into(),
        kid: key.public_key().key_id().to_string(),
        previous_kid: None,
        audience: "ta".into(),
    }
}

/// What a passport of level 2 rests on.
fn decision(subject: &str, at: Timestamp) -> Content {
    Content {
        subject: Subject {
            tenant: "default".into(),
            kind: Kind::Agent,
            name: subject.into(),
        },
        kind: EvidenceType::OperatorDecision,
        verdict: Verdict::Pass,
        manifest: None,
        origin: None,
        who: "op".into(),
        observed_at: at,
        valid_until: at.plus(Duration::from_secs(1000)),
        statement: "known".into(),
        scanner: None,
        reported: None,
        waives: None,
    }
}

pub(super) fn new_passport(subject: &str, key: &SecretKey, issued_at: Timestamp) -> NewPassport {
    let unsigned = Unsigned {
        id: PassportId::generate(&SystemRandom).unwrap(),
        agent_name: subject.into(),
        agent_version: "1".into(),
        capabilities: Vec::new(),
        public_key: key.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at,
        expires_at: issued_at.plus(Duration::from_secs(100)),
        issuer: "ta".into(),
        issuer_chain: Vec::new(),
        key_rotation: None,
        ext: Some(Ext {
            tenant: "default".into(),
            kind: Kind::Agent,
            owner: "ann".into(),
            ca: None,
            status: None,
        }),
    };
    NewPassport {
        to_be_signed: unsigned.to_be_signed().unwrap(),
        id: unsigned.id,
        kind: Kind::Agent,
        version: "1".into(),
        owner: "ann".into(),
        origin: None,
        trust_level: TrustLevel::L2,
        most_level: TrustLevel::L2,
        granted: Duration::from_secs(100),
        decision: Some(decision(subject, issued_at)),
        issued_at,
        expires_at: unsigned.expires_at,
        issuer_kid: key.public_key().key_id().clone(),
        renews: None,
        token: None,
        issued_by: "op".into(),
        status_index: None,
    }
}

pub(super) fn signature(new: &NewPassport, key: &SecretKey) -> Signature {
    key.sign(&Digest::of(new.to_be_signed.as_bytes())).unwrap()
}

pub(super) async fn open(db: &Db, binding: &Binding, now: Timestamp) {
    open_as(db, CHALLENGE, binding, now).await;
}

pub(super) fn challenge_of(challenge: &str, binding: &Binding, now: Timestamp) -> Challenge {
    Challenge {
        challenge: challenge.to_owned(),
        binding: binding.clone(),
        expires_at: now.plus(Duration::from_secs(60)),
    }
}

pub(super) async fn open_as(db: &Db, challenge: &str, binding: &Binding, now: Timestamp) {
    let new = challenge_of(challenge, binding, now);
    assert!(db.open_challenge(&new, now, 100).await.unwrap());
}

/// A challenge and both steps.
async fn issue(db: &Db, subject: &str, key: &SecretKey, now: Timestamp) -> NewPassport {
    let (new, binding) = (new_passport(subject, key, now), binding(subject, key));
    open(db, &binding, now).await;
    db.prepare(&new, CHALLENGE, &binding, &Policy::default())
        .await
        .unwrap();
    assert!(db.complete(&new.id, &signature(&new, key)).await.unwrap());
    new
}

pub(super) fn order(reason: Reason, second: i64) -> Revocation {
    Revocation {
        reason,
        note: Some("n".into()),
        by: "op".into(),
        at: at(second),
        dry_run: false,
        deed: Deed::new("op", None, b"", &SystemRandom).unwrap(),
    }
}

#[tokio::test]
async fn founds_once_and_migrates_again_without_harm() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        assert_eq!(
            db.engine(),
            match engine {
                Engine::Sqlite => "SQLite",
                Engine::Postgres => "PostgreSQL",
            }
        );
        db.ping().await.unwrap();
        assert_eq!(db.founding().await.unwrap(), None);
        let founding = Founding {
            name: "ta".into(),
            bundle: "{}".into(),
        };
        let key = OperatorKey::generate(&SystemRandom).unwrap();
        let operator = |id: &str, hash| NewOperator {
            operator_id: id.into(),
            name: "first".into(),
            key_hash: hash,
            credential: Credential::Key,
            grants: Grants::default(),
            expires_at: None,
        };
        assert!(
            db.found(&founding, &operator("op_1", key.hash()), at(0))
                .await
                .unwrap()
        );
        let other = Founding {
            name: "tb".into(),
            bundle: "{}".into(),
        };
        let other_key = OperatorKey::generate(&SystemRandom).unwrap();
        assert!(
            !db.found(&other, &operator("op_2", other_key.hash()), at(1))
                .await
                .unwrap()
        );
        assert_eq!(db.founding().await.unwrap(), Some(founding));
        db.migrate().await.unwrap();

        assert_eq!(
            db.operator_by_key(&key.hash())
                .await
                .unwrap()
                .unwrap()
                .operator_id,
            "op_1"
        );
        assert_eq!(db.operator_by_key(&other_key.hash()).await.unwrap(), None);
        db.add_operator(&operator("op_3", other_key.hash()), "test", at(2))
            .await
            .unwrap();
        assert_eq!(
            db.operator_by_key(&other_key.hash())
                .await
                .unwrap()
                .unwrap()
                .operator_id,
            "op_3"
        );
        assert!(
            db.add_operator(&operator("op_4", key.hash()), "test", at(3))
                .await
                .is_err()
        );
        db.close().await;
        assert!(db.ping().await.is_err());
    }
}

#[tokio::test]
async fn connections_can_be_opened_before_they_are_needed() {
    let (db, _folder) = Engine::Postgres.fresh_store().await;
    db.open_all().await.unwrap();
    assert_eq!(db.connections().0, 16);
    db.open_all().await.unwrap();
    assert_eq!(db.connections().0, 16);
}

#[tokio::test]
async fn open_challenges_are_bounded_and_lapsed_ones_make_room() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let binding = binding("a", &new_key());
        let open = async |name: &str, second: i64| {
            let new = challenge_of(name, &binding, at(second));
            db.open_challenge(&new, at(second), 2).await.unwrap()
        };
        assert!(open("one", 0).await);
        assert!(open("two", 30).await);
        assert!(!open("three", 59).await);
        assert!(open("three", 60).await);
    }
}

#[tokio::test]
async fn prepares_completes_once_and_shows_only_what_is_complete() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let key = new_key();
        let (new, binding) = (new_passport("a", &key, at(0)), binding("a", &key));
        let refused = db
            .prepare(&new, CHALLENGE, &binding, &Policy::default())
            .await;
        assert!(matches!(refused, Err(Error::ChallengeRefused)));
        open(&db, &binding, at(0)).await;
        let elsewhere = Binding {
            audience: "tb".into(),
            ..binding.clone()
        };
        let refused = db
            .prepare(&new, CHALLENGE, &elsewhere, &Policy::default())
            .await;
        assert!(matches!(refused, Err(Error::ChallengeRefused)));
        db.prepare(&new, CHALLENGE, &binding, &Policy::default())
            .await
            .unwrap();
        let refused = db
            .prepare(
                &new_passport("a", &key, at(0)),
                CHALLENGE,
                &binding,
                &Policy::default(),
            )
            .await;
        assert!(matches!(refused, Err(Error::ChallengeRefused)));

        assert!(db.passport(&new.id).await.unwrap().is_none());
        let signature = signature(&new, &key);
        assert!(db.complete(&new.id, &signature).await.unwrap());
        assert!(!db.complete(&new.id, &signature).await.unwrap());
        let record = db.passport(&new.id).await.unwrap().unwrap();
        assert_eq!(record.passport().unwrap().id(), &new.id);
        assert_eq!(record.passport().unwrap().signature(), &signature);
        assert_eq!(
            (record.name.as_str(), record.owner.as_str(), record.kind),
            ("a", "ann", Kind::Agent)
        );
        assert_eq!(
            (record.trust_level, record.issued_at, record.life_ms()),
            (TrustLevel::L2, at(0), 100_000)
        );
        assert_eq!(
            (record.state(at(99)), record.state(at(100))),
            (State::Good, State::Expired)
        );
        assert_eq!(
            (record.revoked, record.renews, record.origin),
            (None, None, None)
        );
    }
}

#[tokio::test]
async fn a_refused_prepare_leaves_the_challenge_and_nothing_else() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let held = issue(&db, "a", &new_key(), at(0)).await;
        let key = new_key();
        let mut new = new_passport("a", &key, at(1));
        new.owner = "bob".into();
        let binding = binding("a", &key);
        open(&db, &binding, at(1)).await;
        let refused = db
            .prepare(&new, CHALLENGE, &binding, &Policy::default())
            .await;
        assert!(matches!(refused, Err(Error::NameTaken { holder }) if holder == held.id.as_str()));
        new.owner = "ann".into();
        db.prepare(&new, CHALLENGE, &binding, &Policy::default())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn lists_newest_first_in_pages() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let key = new_key();
        let mut ids = Vec::new();
        for second in [0, 0, 0, 50] {
            ids.push(issue(&db, "a", &key, at(second)).await.id);
        }
        ids[..3].sort();
        ids.reverse();
        let list = async |status, after: Option<&PassportId>, limit, second| -> Vec<PassportId> {
            let filter = Filter {
                tenants: Tenants::All,
                status,
                after: after.cloned(),
                limit,
            };
            let records = db.passports(&filter, at(second)).await.unwrap();
            records.into_iter().map(|record| record.id).collect()
        };
        assert_eq!(list("all", None, 10, 60).await, ids);
        assert_eq!(list("all", None, 2, 60).await, ids[..2]);
        assert_eq!(list("all", Some(&ids[1]), 10, 60).await, ids[2..]);
        assert_eq!(list("live", None, 10, 120).await, ids[..1]);
        assert_eq!(list("expired", None, 10, 120).await, ids[1..]);
        db.revoke(&ids[3], &order(Reason::Superseded, 60))
            .await
            .unwrap();
        assert_eq!(list("revoked", None, 10, 120).await, ids[3..]);
        assert_eq!(list("expired", None, 10, 120).await, ids[1..3]);
    }
}

#[tokio::test]
async fn revokes_idempotently_and_by_key() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let key = new_key();
        let (one, two) = (
            issue(&db, "a", &key, at(0)).await,
            issue(&db, "a", &key, at(10)).await,
        );
        let unknown = PassportId::generate(&SystemRandom).unwrap();
        assert_eq!(
            db.revoke(&unknown, &order(Reason::Policy, 11))
                .await
                .unwrap(),
            None
        );

        let first = db
            .revoke(&one.id, &order(Reason::Superseded, 12))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (first.record.at, first.record.reason),
            (at(12), Reason::Superseded)
        );
        assert!(!first.key_blocked && first.with_it.is_empty());
        let again = db
            .revoke(&one.id, &order(Reason::Superseded, 13))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again.position, first.position);
        assert_eq!((first.told, again.told), (true, false));
        assert_eq!(again.record, first.record);
        let worse = db
            .revoke(&one.id, &order(Reason::KeyCompromise, 14))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (worse.record.at, worse.record.reason),
            (at(12), Reason::KeyCompromise)
        );
        assert!(worse.key_blocked);
        assert_eq!(worse.with_it, std::slice::from_ref(&two.id));
        let back = db
            .revoke(&one.id, &order(Reason::Policy, 15))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((back.record, back.with_it.len()), (worse.record, 0));

        let listed = db.revoked(at(16)).await.unwrap();
        assert_eq!(
            listed.iter().map(|record| &record.id).collect::<Vec<_>>(),
            [&one.id, &two.id]
        );
        assert_eq!(listed[1].state(at(16)), State::Revoked);
        assert_eq!(db.revoked(at(105)).await.unwrap().len(), 1);

        let binding = binding("b", &key);
        open(&db, &binding, at(17)).await;
        let refused = db
            .prepare(
                &new_passport("b", &key, at(17)),
                CHALLENGE,
                &binding,
                &Policy::default(),
            )
            .await;
        assert!(matches!(refused, Err(Error::KeyBlocked)));
    }
}

#[tokio::test]
async fn what_was_revoked_between_the_steps_is_never_completed_or_renewed() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let key = new_key();
        let (new, binding) = (new_passport("a", &key, at(0)), binding("a", &key));
        open(&db, &binding, at(0)).await;
        db.prepare(&new, CHALLENGE, &binding, &Policy::default())
            .await
            .unwrap();
        db.revoke(&new.id, &order(Reason::Policy, 1))
            .await
            .unwrap()
            .unwrap();
        assert!(!db.complete(&new.id, &signature(&new, &key)).await.unwrap());
        assert!(db.passport(&new.id).await.unwrap().is_none());

        let renewal = NewPassport {
            renews: Some(new.id.clone()),
            ..new_passport("a", &key, at(2))
        };
        open(&db, &binding, at(2)).await;
        let refused = db
            .prepare(&renewal, CHALLENGE, &binding, &Policy::default())
            .await;
        assert!(matches!(refused, Err(Error::Revoked)));
    }
}
