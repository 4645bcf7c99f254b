//! The exchange of a key for another.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::key::SecretKey;
use mcps_core::passport::Passport;
use mcps_core::signer::Signer as _;
use mcps_core::statement;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::engine::Engine;
use super::world::{Answer, World, ext, kid, new_key, on_both};

/// A challenge for exchanging `old` for `new`.
async fn challenge(world: &World, subject: &str, old: &SecretKey, new: &SecretKey) -> String {
    let asked = json!({
        "subject": subject, "kid": kid(new), "previous_kid": kid(old), "audience": world.running.name,
    });
    let answer = world.post("/v1/challenges", &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["challenge"].as_str().unwrap().to_owned()
}

/// The signature of `signer` over the exchange.
fn proof(
    world: &World,
    subject: &str,
    (old, new): (&SecretKey, &SecretKey),
    challenge: &str,
    (ctx, signer): (&str, &SecretKey),
) -> String {
    let statement = json!({
        "audience": world.running.name, "challenge": challenge, "kid": kid(new),
        "previous_kid": kid(old), "subject": subject, "tenant": "default",
    });
    let signed = statement::sign(ctx, &statement.to_string(), signer).unwrap();
    let signed: Value = serde_json::from_str(&signed).unwrap();
    signed["signature"].as_str().unwrap().to_owned()
}

/// The body that exchanges `old` for `new`, signed by both.
pub(super) async fn body(world: &World, name: &str, old: &SecretKey, new: &SecretKey) -> Value {
    let challenge = challenge(world, name, old, new).await;
    let by = |signer| {
        proof(
            world,
            name,
            (old, new),
            &challenge,
            (statement::ROTATION, signer),
        )
    };
    let jwk: Value = serde_json::from_str(&new.public_key().to_jwk()).unwrap();
    json!({"public_key": jwk, "challenge": challenge, "proof": by(new), "previous_proof": by(old)})
}

async fn post(world: &World, passport: &Passport, body: &Value) -> Answer {
    let path = format!("/v1/passports/{}/rotate", passport.id());
    world.post(&path, body).await
}

/// Exchanges a key.
pub(super) async fn rotate(
    world: &World,
    passport: &Passport,
    old: &SecretKey,
    new: &SecretKey,
    more: Value,
) -> Answer {
    let mut body = body(world, passport.agent_name(), old, new).await;
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    post(world, passport, &body).await
}

async fn status(world: &World, passport: &Passport) -> (String, String) {
    let path = format!("/v1/passports/{}", passport.id());
    let shown = world.get(&path).await.json();
    let text = |name: &str| {
        shown["status"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("state"), text("reason"))
}

fn state(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

#[tokio::test]
async fn both_keys_sign_and_the_old_one_is_superseded_after_the_overlap() {
    on_both(async |world| {
        let (old_key, next_key) = (new_key(), new_key());
        let more = json!({"trust_level": 2, "capabilities": ["x"], "origin": "https://a.example"});
        let order = world.order_with("agent-7", &old_key, more).await;
        let old = world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
        let sibling = world.renew(&old, &old_key, json!({})).await.passport();
        let answer = rotate(&world, &old, &old_key, &next_key, json!({"overlap_s": 60})).await;
        let new = answer.passport();
        assert_eq!(
            answer.json()["supersedes_at"],
            world.now().plus(Duration::from_secs(60)).to_string()
        );
        assert_eq!(new.public_key(), next_key.public_key());
        assert_eq!(
            (new.agent_name(), new.trust_level(), ext(&new), new.origin()),
            (old.agent_name(), old.trust_level(), ext(&old), old.origin())
        );
        let rotation = new.key_rotation().unwrap();
        assert_eq!(
            rotation.previous_key_hash,
            old_key.public_key().spki_digest().to_string()
        );
        world.verifier().await.verify(&new, world.now()).unwrap();

        // For the overlap both are good, but the old key gets nothing any more.
        assert_eq!(status(&world, &old).await.0, "good");
        for passport in [&old, &sibling] {
            let refused = world.renew(passport, &old_key, json!({})).await;
            refused.problem(409, "passport-superseded");
        }
        world.renew(&new, &next_key, json!({})).await.passport();

        world.clock.advance(Duration::from_secs(60));
        for passport in [&old, &sibling] {
            assert_eq!(
                status(&world, passport).await,
                state("revoked", "superseded")
            );
        }
        assert_eq!(status(&world, &new).await.0, "good");
        // The feed is told within a second or so.
        let mut told = Vec::new();
        while told.len() < 2 {
            let path = format!("/v1/feed/frames?after=1:{}&wait_s=20", told.len());
            let frames = world.get(&path).await.json();
            for frame in frames["frames"].as_array().unwrap() {
                for event in frame["events"].as_array().unwrap() {
                    assert_eq!(event["reason"], "superseded");
                    told.push(event["target"]["id"].as_str().unwrap().to_owned());
                }
            }
        }
        told.sort();
        let mut expected = [old.id().to_string(), sibling.id().to_string()];
        expected.sort();
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn without_an_overlap_the_old_key_ends_at_once() {
    on_both(async |world| {
        let (old_key, next_key) = (new_key(), new_key());
        let old = world.issue("agent-7", &old_key).await;
        rotate(&world, &old, &old_key, &next_key, json!({"overlap_s": 0}))
            .await
            .passport();
        assert_eq!(status(&world, &old).await, state("revoked", "superseded"));
        let frames = world
            .get("/v1/feed/frames?after=1:0&wait_s=20")
            .await
            .json();
        assert_eq!(
            frames["frames"][0]["events"][0]["target"]["id"],
            old.id().as_str()
        );
    })
    .await;
}

#[tokio::test]
async fn neither_key_alone_exchanges_it() {
    on_both(async |world| {
        let (old_key, next_key, thief) = (new_key(), new_key(), new_key());
        let old = world.issue("agent-7", &old_key).await;
        let keys = (&old_key, &next_key);
        let good = body(&world, "agent-7", &old_key, &next_key).await;
        let challenge = good["challenge"].as_str().unwrap().to_owned();
        let by = |ctx, signer| proof(&world, "agent-7", keys, &challenge, (ctx, signer));
        let swapped = [good["previous_proof"].clone(), good["proof"].clone()];
        let bad = [
            ("proof", json!(by(statement::ROTATION, &thief))),
            ("previous_proof", json!(by(statement::ROTATION, &thief))),
            ("previous_proof", good["proof"].clone()),
            ("proof", good["previous_proof"].clone()),
            // Signed for something else than a rotation.
            ("proof", json!(by(statement::PROOF, &next_key))),
            ("previous_proof", json!(by(statement::PROOF, &old_key))),
            ("previous_proof", json!("")),
        ];
        for (member, value) in bad {
            let mut body = good.clone();
            body[member] = value;
            let answer = post(&world, &old, &body).await;
            answer.problem(403, "proof-refused");
        }
        let mut body = good.clone();
        [body["proof"], body["previous_proof"]] = swapped;
        post(&world, &old, &body)
            .await
            .problem(403, "proof-refused");
        // None of that used the challenge up.
        post(&world, &old, &good).await.passport();
        assert_eq!(status(&world, &old).await.0, "good");
    })
    .await;
}

#[tokio::test]
async fn a_challenge_is_for_these_two_keys_and_for_a_rotation_alone() {
    on_both(async |world| {
        let (old_key, next_key, other) = (new_key(), new_key(), new_key());
        let old = world.issue("agent-7", &old_key).await;
        // A challenge of the new key alone, as for enrolling.
        let alone = world.challenge("agent-7", &next_key).await;
        // One for exchanging another key.
        let elsewhere = challenge(&world, "agent-7", &other, &next_key).await;
        for challenge in [alone, elsewhere] {
            let by = |signer| {
                let keys = (&old_key, &next_key);
                proof(
                    &world,
                    "agent-7",
                    keys,
                    &challenge,
                    (statement::ROTATION, signer),
                )
            };
            let mut body = body(&world, "agent-7", &old_key, &next_key).await;
            body["proof"] = json!(by(&next_key));
            body["previous_proof"] = json!(by(&old_key));
            body["challenge"] = json!(challenge);
            post(&world, &old, &body)
                .await
                .problem(403, "challenge-refused");
        }
        // Nor does one for a rotation enrol or renew.
        let challenge = challenge(&world, "agent-7", &other, &old_key).await;
        let proof = world.proof("agent-7", &old_key, &challenge);
        let body = json!({"challenge": challenge, "proof": proof});
        let path = format!("/v1/passports/{}/renew", old.id());
        world
            .post(&path, &body)
            .await
            .problem(403, "challenge-refused");
    })
    .await;
}

#[tokio::test]
async fn whoever_is_cut_off_exchanges_nothing() {
    on_both(async |world| {
        let rotate_to = async |passport: &Passport, old: &SecretKey, new: &SecretKey| {
            rotate(&world, passport, old, new, json!({})).await
        };
        let (a, b, c, d) = (new_key(), new_key(), new_key(), new_key());
        let revoked = world.issue("a", &a).await;
        world.revoke(&revoked, "policy").await;
        let refused = rotate_to(&revoked, &a, &new_key()).await;
        refused.problem(409, "passport-revoked");

        let compromised = world.issue("b", &b).await;
        world.revoke(&compromised, "key_compromise").await;
        let refused = rotate_to(&compromised, &b, &new_key()).await;
        refused.problem(409, "passport-revoked");
        // Nor is a blocked key taken into use.
        let sound = world.issue("c", &c).await;
        rotate_to(&sound, &c, &b).await.problem(403, "key-blocked");

        let held = world.issue("d", &d).await;
        for target in [
            json!({"kind": "key", "key": kid(&d)}),
            json!({"kind": "passport", "id": held.id().as_str()}),
            json!({"kind": "agent", "tenant": "default", "name": "d"}),
        ] {
            let order = json!({"target": target});
            world.post_as_operator("/v1/suspensions", &order).await;
            let refused = rotate_to(&held, &d, &new_key()).await;
            refused.problem(403, "held-back");
            world.post_as_operator("/v1/reinstatements", &order).await;
        }
        world.clock.advance(Duration::from_secs(3600));
        rotate_to(&held, &d, &new_key())
            .await
            .problem(409, "passport-expired");
        rotate_to(&held, &d, &d)
            .await
            .problem(422, "invalid-request");
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_same_two_keys() {
    on_both(async |world| {
        let (old_key, next_key, third_key) = (new_key(), new_key(), new_key());
        let old = world.issue("agent-7", &old_key).await;
        let sibling = world.renew(&old, &old_key, json!({})).await.passport();
        let rotated = rotate(&world, &old, &old_key, &next_key, json!({})).await;
        let again = rotate(&world, &old, &old_key, &next_key, json!({})).await;
        assert_eq!(again.text, rotated.text);
        // Also to whoever holds a renewal of what was exchanged.
        let by_sibling = rotate(&world, &sibling, &old_key, &next_key, json!({})).await;
        assert_eq!(by_sibling.text, rotated.text);
        // Also when the overlap is over.
        world.clock.advance(Duration::from_secs(1800));
        let new = rotated.passport();
        let renewed = world.renew(&new, &next_key, json!({})).await.passport();
        let third = rotate(&world, &old, &old_key, &third_key, json!({})).await;
        third.problem(409, "passport-superseded");
        assert_eq!(status(&world, &renewed).await.0, "good");
    })
    .await;
}

#[tokio::test]
async fn what_was_exchanged_goes_with_what_it_was_exchanged_for() {
    on_both(async |world| {
        // Whichever end of the line is revoked.
        for n in [0, 1, 2] {
            let name = format!("agent-{n}");
            let keys = [new_key(), new_key(), new_key()];
            let first = world.issue(&name, &keys[0]).await;
            let more = json!({"overlap_s": 600});
            let second = rotate(&world, &first, &keys[0], &keys[1], more.clone())
                .await
                .passport();
            let third = rotate(&world, &second, &keys[1], &keys[2], more)
                .await
                .passport();
            let all = [first, second, third];
            world.revoke(&all[n], "policy").await;
            for passport in &all {
                assert_eq!(status(&world, passport).await, state("revoked", "policy"));
            }
            let renewed = world.renew(&all[2], &keys[2], json!({})).await;
            renewed.problem(409, "passport-revoked");
        }
    })
    .await;
}

#[tokio::test]
async fn a_thief_who_exchanged_a_key_is_cut_off_with_it() {
    on_both(async |world| {
        let (own, stolen_to, further) = (new_key(), new_key(), new_key());
        let first = world.issue("agent-7", &own).await;
        let second = rotate(&world, &first, &own, &stolen_to, json!({}))
            .await
            .passport();
        let third = rotate(&world, &second, &stolen_to, &further, json!({}))
            .await
            .passport();
        let renewed = world.renew(&third, &further, json!({})).await.passport();
        // The operator blocks the key that was known to be stolen.
        let order =
            json!({"target": {"kind": "key", "key": kid(&own)}, "reason": "key_compromise"});
        world.post_as_operator("/v1/revocations", &order).await;
        for passport in [&first, &second, &third, &renewed] {
            assert_eq!(
                status(&world, passport).await,
                state("revoked", "key_compromise")
            );
        }
        // Followers are told of the key, and of each passport under another.
        let frames = world
            .get("/v1/feed/frames?after=1:0&wait_s=20")
            .await
            .json();
        let events = frames["frames"][0]["events"].as_array().unwrap();
        let told: Vec<&str> = events
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(told, ["key_block", "revoke", "revoke", "revoke"]);
        // An operator may let the owner in again.
        world.issue("agent-7", &new_key()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_passport_slips_out_beside_a_rotation_or_a_block() {
    for engine in Engine::BOTH {
        let world = Arc::new(World::start(engine).await);
        for round in 0..6 {
            let name = format!("agent-{round}");
            let (old_key, next_key) = (Arc::new(new_key()), Arc::new(new_key()));
            let old = world.issue(&name, &old_key).await;
            let mut rotation = body(&world, &name, &old_key, &next_key).await;
            rotation["overlap_s"] = json!(0);
            let mut tasks = JoinSet::new();
            for _ in 0..3 {
                let (world, old, key) = (world.clone(), old.clone(), old_key.clone());
                tasks.spawn(async move { drop(world.renew(&old, &key, json!({})).await) });
            }
            let (worlds, rotated) = (world.clone(), old.clone());
            tasks.spawn(async move { drop(post(&worlds, &rotated, &rotation).await) });
            let (worlds, blocked) = (world.clone(), kid(&old_key));
            if round % 2 == 0 {
                tasks.spawn(async move {
                    let target = json!({"kind": "key", "key": blocked});
                    let order = json!({"target": target, "reason": "key_compromise"});
                    let answer = worlds.post_as_operator("/v1/revocations", &order).await;
                    assert_eq!(answer.status, 200, "{}", answer.text);
                });
            }
            tasks.join_all().await;
            // Without an overlap nothing of the old key is good; after a block nothing of the new one.
            let live = world
                .get_as_operator("/v1/passports?status=live&limit=200")
                .await
                .json();
            for passport in live["passports"].as_array().unwrap() {
                assert_ne!(passport["kid"], kid(&old_key), "on {engine:?}, {round}");
                assert!(
                    round % 2 == 1 || passport["kid"] != kid(&next_key),
                    "on {engine:?}"
                );
            }
        }
    }
}
