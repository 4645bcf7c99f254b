//! Passports that are prepared together: all or none of them, and what is refused is refused alone.

use std::collections::HashSet;
use std::sync::Arc;

use mcps_authority::operator_key::OperatorKey;
use mcps_authority::store::{Db, NewOperator, NewPassport, Pool, Reason, Request};
use mcps_core::feed::{Action, Target};
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::random::SystemRandom;
use serde_json::json;
use tokio::task::JoinSet;

use super::engine::Engine;
use super::store::{at, binding, challenge_of, new_passport, open_as, order, signature};
use super::world::{World, new_key};

const DISABLE: &str = "UPDATE operators SET disabled_at = 1 WHERE name = 'bob'";

/// An ordinary request, and its challenge opened.
async fn request(db: &Db, name: &str, key: &SecretKey, owner: &str) -> Request {
    let binding = binding(name, key);
    let challenge = format!("challenge of {name}");
    open_as(db, &challenge, &binding, at(0)).await;
    Request {
        new: NewPassport {
            trust_level: TrustLevel::L1,
            decision: None,
            owner: owner.to_owned(),
            ..new_passport(name, key, at(0))
        },
        challenge,
        binding,
    }
}

#[tokio::test]
async fn prepares_all_or_none() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let keys: Vec<SecretKey> = (0..4).map(|_| new_key()).collect();

        // Somebody whose key was given away, a name that is another's, an owner who is suspended.
        let thief = request(&db, "thief", &keys[3], "ann").await;
        let taken = request(&db, "taken", &new_key(), "bob").await;
        for request in [&thief, &taken] {
            assert!(db.prepare_all(std::slice::from_ref(request)).await.unwrap());
            let signature = signature(&request.new, &keys[0]);
            assert!(db.complete(&request.new.id, &signature).await.unwrap());
        }
        let given_away = order(Reason::KeyCompromise, 0);
        db.revoke(&thief.new.id, &given_away).await.unwrap();
        let carl = Target::Owner {
            tenant: "default".to_owned(),
            owner: "carl".to_owned(),
        };
        let suspend = Action::Suspend {
            target: carl,
            until: None,
        };
        db.restrict(&suspend, &order(Reason::Policy, 0))
            .await
            .unwrap();

        let mut good = Vec::new();
        for (name, key) in ["a", "b", "c"].into_iter().zip(&keys) {
            good.push(request(&db, name, key, "ann").await);
        }
        let elsewhere = Request {
            challenge: "challenge of d".to_owned(),
            ..request(&db, "e", &new_key(), "ann").await
        };
        open_as(&db, "challenge of d", &binding("d", &keys[0]), at(0)).await;
        let mut late = request(&db, "late", &new_key(), "ann").await;
        late.new.issued_at = at(61);
        let bad = [
            request(&db, "thief-2", &keys[3], "ann").await,
            request(&db, "taken", &new_key(), "ann").await,
            request(&db, "f", &new_key(), "carl").await,
            elsewhere,
            late,
            thief.clone(),
        ];
        for bad in bad {
            let mut batch = good.clone();
            batch.insert(1, bad);
            assert!(batch.iter().all(Request::is_usual));
            assert!(!db.prepare_all(&batch).await.unwrap(), "{:?}", batch[1]);
        }

        // None of that has used anything up.
        assert!(db.prepare_all(&good).await.unwrap());
        assert!(
            !db.prepare_all(&good).await.unwrap(),
            "challenges are good once"
        );
        for (request, key) in good.iter().zip(&keys) {
            let signature = signature(&request.new, key);
            assert!(db.complete(&request.new.id, &signature).await.unwrap());
            assert!(!db.complete(&request.new.id, &signature).await.unwrap());
            let record = db.passport(&request.new.id).await.unwrap().unwrap();
            assert_eq!(
                (record.name, record.owner),
                (request.binding.subject.clone(), "ann".to_owned())
            );
        }
    }
}

#[tokio::test]
async fn only_what_follows_from_proof_and_word_is_prepared_with_others() {
    let (db, _folder) = Engine::Sqlite.fresh_store().await;
    let usual = request(&db, "a", &new_key(), "ann").await;
    assert!(usual.is_usual());
    let cases: [fn(&mut Request); 5] = [
        |it| it.new.trust_level = TrustLevel::L2,
        |it| it.new.decision = new_passport("a", &new_key(), at(0)).decision,
        |it| it.new.renews = Some(it.new.id.clone()),
        |it| it.new.token = Some("t".to_owned()),
        |it| it.binding.previous_kid = Some("k".to_owned()),
    ];
    for change in cases {
        let mut other = usual.clone();
        change(&mut other);
        assert!(!other.is_usual());
    }
}

#[tokio::test]
async fn signatures_are_stored_together_and_no_row_that_another_holds_is_waited_for() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let mut signed = Vec::new();
        for name in ["free", "signed", "revoked", "held", "free too"] {
            let key = new_key();
            let request = request(&db, name, &key, "ann").await;
            assert!(
                db.prepare_all(std::slice::from_ref(&request))
                    .await
                    .unwrap()
            );
            let signature = signature(&request.new, &key);
            signed.push((request.new.id, signature));
        }
        assert!(db.complete(&signed[1].0, &signed[1].1).await.unwrap());
        db.revoke(&signed[2].0, &order(Reason::Policy, 0))
            .await
            .unwrap();
        let ids = |at: &[usize]| -> HashSet<String> {
            at.iter().map(|at| signed[*at].0.to_string()).collect()
        };
        match db.pool() {
            Pool::Postgres(pool) => {
                let mut other = pool.begin().await.unwrap();
                sqlx::query("SELECT 1 FROM passports WHERE passport_id = $1 FOR UPDATE")
                    .bind(signed[3].0.as_str())
                    .execute(&mut *other)
                    .await
                    .unwrap();
                assert_eq!(db.complete_all(&signed).await.unwrap(), ids(&[0, 4]));
                other.rollback().await.unwrap();
                assert_eq!(db.complete_all(&signed).await.unwrap(), ids(&[3]));
            }
            Pool::Sqlite(_) => {
                assert_eq!(db.complete_all(&signed).await.unwrap(), ids(&[0, 3, 4]));
            }
        }
        assert_eq!(db.complete_all(&signed).await.unwrap(), ids(&[]));
        for (at, (id, signature)) in signed.iter().enumerate() {
            let record = db.passport(id).await.unwrap();
            let stored = record.map(|record| record.passport().unwrap().signature().clone());
            assert_eq!(stored.as_ref() == Some(signature), at != 2, "{at}");
        }
    }
}

#[tokio::test]
async fn what_is_looked_up_for_several_is_what_each_would_find() {
    for engine in Engine::BOTH {
        let (db, _folder) = engine.fresh_store().await;
        let keys: Vec<OperatorKey> = (0..3)
            .map(|_| OperatorKey::generate(&SystemRandom).unwrap())
            .collect();
        for (name, key) in ["ann", "bob"].into_iter().zip(&keys) {
            let operator = NewOperator::new(name, key, &SystemRandom).unwrap();
            db.add_operator(&operator, "test", at(0)).await.unwrap();
        }
        match db.pool() {
            Pool::Postgres(pool) => drop(sqlx::query(DISABLE).execute(pool).await.unwrap()),
            Pool::Sqlite(pool) => drop(sqlx::query(DISABLE).execute(pool).await.unwrap()),
        }
        let hashes: Vec<_> = keys.iter().chain(&keys).map(OperatorKey::hash).collect();
        let found = db.operators_by_key(&hashes).await.unwrap();
        for hash in &hashes {
            let alone = db.operator_by_key(hash).await.unwrap();
            assert_eq!(found.get(hash.as_bytes().as_slice()).cloned(), alone);
        }
        assert_eq!(found.len(), 1);

        let new = |name: &str| challenge_of(name, &binding("a", &new_key()), at(0));
        let several = [new("one"), new("two"), new("three")];
        let several: Vec<_> = several.iter().collect();
        assert!(!db.open_challenges(&several, at(0), 5).await.unwrap());
        assert!(db.open_challenges(&several, at(1), 12).await.unwrap());
        let again = db.open_challenges(&several[..1], at(1), 12).await;
        again.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_refused_among_many_is_refused_alone() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        let used = world.order("used", &new_key()).await;
        world
            .post_as_operator("/v1/passports", &used)
            .await
            .passport();
        for round in 0..4 {
            let mut orders = Vec::new();
            for at in 0..24 {
                let name = format!("agent-{round}-{at}");
                orders.push(match at % 8 {
                    3 => used.clone(),
                    5 => {
                        world
                            .order_with("used", &new_key(), json!({"owner": "eve"}))
                            .await
                    }
                    _ => world.order(&name, &new_key()).await,
                });
            }
            let mut tries = JoinSet::new();
            for (at, order) in orders.into_iter().enumerate() {
                let world = world.clone();
                tries.spawn(
                    async move { (at, world.post_as_operator("/v1/passports", &order).await) },
                );
            }
            for (at, answer) in tries.join_all().await {
                match at % 8 {
                    3 => drop(answer.problem(403, "challenge-refused")),
                    5 => drop(answer.problem(409, "name-taken")),
                    _ => drop(answer.passport()),
                }
            }
        }
        let live = world
            .get_as_operator("/v1/passports?limit=200")
            .await
            .json();
        assert_eq!(live["passports"].as_array().unwrap().len(), 1 + 4 * 18);
    }
}
