use std::fs;
use std::time::Duration;

use mcps_authority::Config;
use mcps_authority::config::KeyPlace;
use mcps_client::follower::Follower;
use mcps_core::feed::{Held, Snapshot, Target};
use mcps_core::key::KeyId;
use mcps_core::passport::Passport;
use mcps_core::trust::{KeyUse, TrustStore};
use serde_json::{Value, json};

use super::engine::Engine;
use super::tokens::SoftToken;
use super::world::{Answer, World, kid, new_key, on_both};

const OVERLAP: Duration = Duration::from_secs(180);

pub(super) async fn prepare(world: &World, usage: &str) -> String {
    let order = json!({"use": usage});
    let answer = world.post_as_operator("/v1/authority-keys", &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json()["state"], "prepared");
    answer.json()["kid"].as_str().unwrap().to_owned()
}

pub(super) async fn step(world: &World, key: &str, step: &str, body: Value) -> Answer {
    let path = format!("/v1/authority-keys/{key}/{step}");
    world.post_as_operator(&path, &body).await
}

pub(super) async fn took(world: &World, key: &str, name: &str, body: Value) -> Value {
    let answer = step(world, key, name, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The key that signs that now, as the list says.
async fn signing(world: &World, usage: &str) -> String {
    let list = world.get_as_operator("/v1/authority-keys").await.json();
    let mut keys = list["keys"].as_array().unwrap().iter();
    let key = keys.find(|key| key["use"] == usage && key["signs"] == true);
    key.unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn status_kid(world: &World, passport: &Passport) -> String {
    let nonce = "0".repeat(32);
    let path = format!("/v1/passports/{}/status?nonce={nonce}", passport.id());
    let answer = world.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["kid"].as_str().unwrap().to_owned()
}

pub(super) async fn frame_kid(world: &World) -> String {
    let answer = world.get("/v1/feed/frames?wait_s=0").await.json();
    let frames = answer["frames"].as_array().unwrap();
    frames.last().unwrap()["kid"].as_str().unwrap().to_owned()
}

/// What other processes find out within a second, in the machine's own time.
pub(super) async fn eventually(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..150 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within 15 s: {what}");
}

pub(super) async fn is_ready(world: &World) -> bool {
    world.get("/readyz").await.status == 200
}

#[tokio::test]
async fn a_key_is_exchanged_without_a_signature_that_anybody_refuses() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let first = world.bundle().await;
        let old = signing(&world, "status").await;
        let new = prepare(&world, "status").await;
        let prepared = world.bundle().await;
        assert_eq!(prepared.number(), first.number() + 1);
        assert_eq!(prepared.usable(KeyUse::Status).count(), 1);
        let jwks = world.get("/.well-known/jwks.json").await.text;
        assert!(!jwks.contains(&new), "nothing it signs is good yet");
        assert_eq!(status_kid(&world, &passport).await, old);

        let activated = took(&world, &new, "activate", json!({})).await;
        assert_eq!(activated["number"], prepared.number() + 1);
        assert_eq!(activated["position"], "1:2");
        let from = world.now().plus(OVERLAP).to_string();
        assert_eq!(activated["signs_from"], from);
        // It is good already, and does not sign yet.
        assert_eq!(world.bundle().await.usable(KeyUse::Status).count(), 2);
        assert_eq!(status_kid(&world, &passport).await, old);
        step(&world, &old, "taint", json!({}))
            .await
            .problem(409, "key-not-changed");

        world.clock.advance(OVERLAP);
        assert_eq!(status_kid(&world, &passport).await, new);
        assert_eq!(signing(&world, "status").await, new);
        let tainted = took(&world, &old, "taint", json!({"note": "yearly"})).await;
        assert_eq!(tainted["changed"], true);
        let again = took(&world, &old, "taint", json!({})).await;
        assert_eq!(
            (&again["changed"], &again["position"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(world.bundle().await.usable(KeyUse::Status).count(), 2);
    })
    .await;
}

#[tokio::test]
async fn every_change_is_told_by_a_key_that_followers_believe() {
    on_both(async |world| {
        let old = signing(&world, "feed").await;
        let new = prepare(&world, "feed").await;
        took(&world, &new, "activate", json!({"now": true})).await;
        eventually("the new key signs", async || frame_kid(&world).await == new).await;
        took(&world, &old, "revoke", json!({})).await;
        let bundle = world.bundle().await;
        let answer = async || world.get("/v1/feed/frames?after=1:0&wait_s=0").await;
        eventually("it is told", async || {
            answer().await.text.contains("revoked")
        })
        .await;
        let answer = answer().await.json();
        let mut follower = Follower::new(&world.running.name);
        let snapshot = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(snapshot, &bundle).unwrap();
        follower.adopt(&snapshot, world.now()).unwrap();
        assert_eq!(follower.position().unwrap().seq, 3);
        let told: Vec<String> = answer["frames"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|frame| frame["events"].as_array().unwrap())
            .map(|event| format!("{} {}", event["state"].as_str().unwrap(), event["number"]))
            .collect();
        assert_eq!(told, ["prepared 2", "active 3", "revoked 4"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_revoked_passport_key_issued_is_worth_nothing_and_can_be_renewed() {
    on_both(async |world| {
        let holder = new_key();
        let passport = world.issue("agent-7", &holder).await;
        let old = signing(&world, "passport").await;
        let verifier = world.verifier().await;
        let known = world.bundle().await;
        let snapshot = world.get("/v1/feed/snapshot").await.text;
        let mut follower = Follower::new(&world.running.name);
        let snapshot = Snapshot::verify(snapshot, &known).unwrap();
        follower.adopt(&snapshot, world.now()).unwrap();
        let anchor = KeyId::parse(&old).unwrap();
        let judged = follower.judge(&passport, 0, Some(&anchor), world.now());
        assert!(judged.is_ok());
        let new = prepare(&world, "passport").await;
        took(&world, &new, "activate", json!({"now": true})).await;
        let revoked = took(&world, &old, "revoke", json!({"note": "leaked"})).await;
        assert_eq!(revoked["position"], "1:3");

        // Who follows, though with the old set, who asks, who starts from a snapshot, and who has the
        // new set: all of them refuse.
        let answer = async || world.get("/v1/feed/frames?after=1:0&wait_s=0").await;
        eventually("it is told", async || {
            answer().await.text.contains("revoked")
        })
        .await;
        for frame in answer().await.json()["frames"].as_array().unwrap() {
            follower
                .receive(frame.to_string(), &known, world.now())
                .unwrap();
        }
        let judged = follower.judge(&passport, 0, Some(&anchor), world.now());
        assert_eq!(judged.unwrap_err().to_string(), "revoked");
        let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
        assert_eq!(shown.json()["status"]["state"], "revoked");
        let snapshot = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(snapshot, &world.bundle().await).unwrap();
        let issuer = Target::Issuer(KeyId::parse(&old).unwrap());
        let mut entries = snapshot.entries.iter();
        assert!(entries.any(|entry| entry.target == issuer && entry.held == Held::Revoked));
        let now = world.now();
        assert!(verifier.verify(&passport, now).is_ok());
        let verifier = world.verifier().await;
        assert!(!recognised(&verifier, &passport, &world));

        let renewed = world.renew(&passport, &holder, json!({})).await.passport();
        assert!(recognised(&verifier, &renewed, &world));
        let shown = world.get(&format!("/v1/passports/{}", renewed.id())).await;
        assert_eq!(shown.json()["status"]["state"], "good");
    })
    .await;
}

fn recognised(verifier: &TrustStore, passport: &Passport, world: &World) -> bool {
    let standing = verifier.verify(passport, world.now());
    standing.is_ok_and(|standing| standing.recognised)
}

#[tokio::test]
async fn steps_that_would_leave_nothing_to_sign_with_or_make_a_dead_key_sign_are_refused() {
    on_both(async |world| {
        let number = world.bundle().await.number();
        let old = signing(&world, "feed").await;
        step(&world, &old, "revoke", json!({}))
            .await
            .problem(409, "key-not-changed");
        step(&world, &old, "taint", json!({}))
            .await
            .problem(409, "key-not-changed");
        let root = world.running.root_kid.clone();
        for name in ["activate", "taint", "revoke"] {
            let unknown = kid(&new_key());
            step(&world, &unknown, name, json!({}))
                .await
                .problem(404, "authority-key-not-found");
            if name == "activate" {
                let as_it_is = took(&world, &root, name, json!({})).await;
                assert_eq!(as_it_is["changed"], false);
            } else {
                let refused = step(&world, &root, name, json!({})).await;
                refused.problem(409, "key-not-changed");
            }
            step(&world, "short", name, json!({}))
                .await
                .problem(400, "bad-key-id");
            step(&world, &old, name, json!({"force": true}))
                .await
                .problem(422, "invalid-request");
            let path = format!("/v1/authority-keys/{old}/{name}");
            world
                .post(&path, &json!({}))
                .await
                .problem(401, "operator-required");
        }
        assert_eq!(world.bundle().await.number(), number);

        let new = prepare(&world, "feed").await;
        // Tainted, what it signs would be good without anybody having activated it.
        step(&world, &new, "taint", json!({}))
            .await
            .problem(409, "key-not-changed");
        took(&world, &new, "revoke", json!({})).await;
        for name in ["activate", "taint"] {
            step(&world, &new, name, json!({}))
                .await
                .problem(409, "key-not-changed");
        }
        let gone = world.get_as_operator("/v1/authority-keys").await;
        assert_eq!(gone.json()["keys"].as_array().unwrap().len(), 6);
        assert_eq!(world.bundle().await.number(), number + 2);
        world
            .get("/v1/authority-keys")
            .await
            .problem(401, "operator-required");
    })
    .await;
}

#[tokio::test]
async fn when_the_key_that_signs_is_revoked_its_successor_does_not_wait() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let old = signing(&world, "status").await;
        let new = prepare(&world, "status").await;
        took(&world, &new, "activate", json!({})).await;
        assert_eq!(status_kid(&world, &passport).await, old);
        took(&world, &old, "revoke", json!({})).await;
        assert_eq!(status_kid(&world, &passport).await, new);
        // And one that waits can be told not to.
        let third = prepare(&world, "status").await;
        took(&world, &third, "activate", json!({})).await;
        assert_eq!(status_kid(&world, &passport).await, new);
        let again = took(&world, &third, "activate", json!({"now": true})).await;
        assert_eq!(again["changed"], true);
        assert_eq!(status_kid(&world, &passport).await, third);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_nobody_may_have_is_not_activated() {
    on_both(async |world| {
        let new = prepare(&world, "feed").await;
        let name = format!("feed-{new}.pem");
        let file = world.keys().join(&name);
        let away = world.data_dir().join("away.pem");
        fs::rename(&file, &away).unwrap();
        let refused = step(&world, &new, "activate", json!({})).await;
        let problem = refused.problem(409, "key-not-changed");
        assert!(problem["detail"].as_str().unwrap().contains(&name));
        assert!(is_ready(&world).await);
        fs::rename(&away, &file).unwrap();
        took(&world, &new, "activate", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn without_the_root_key_nothing_is_changed() {
    on_both(async |world| {
        let before = fs::read_dir(world.keys()).unwrap().count();
        fs::remove_file(world.keys().join("root.pem")).unwrap();
        let order = json!({"use": "feed"});
        let refused = world.post_as_operator("/v1/authority-keys", &order).await;
        let problem = refused.problem(409, "root-key-elsewhere");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("mcps-authority keys")
        );
        assert_eq!(world.bundle().await.number(), 1);
        assert_eq!(fs::read_dir(world.keys()).unwrap().count(), before - 1);
    })
    .await;
}

#[tokio::test]
async fn changes_at_once_are_made_one_after_another() {
    on_both(async |world| {
        let (one, two) = tokio::join!(prepare(&world, "feed"), prepare(&world, "status"));
        let activate = |key: &str| {
            let key = key.to_owned();
            let world = &world;
            async move { took(world, &key, "activate", json!({})).await }
        };
        let (a, b, c, d) = tokio::join!(
            activate(&one),
            activate(&one),
            activate(&two),
            activate(&one)
        );
        let all = [a, b, c, d];
        let changed = all.iter().filter(|answer| answer["changed"] == true);
        assert_eq!(changed.count(), 2, "{all:?}");
        assert_eq!(world.bundle().await.number(), 5);
    })
    .await;
}

#[tokio::test]
async fn the_newest_key_signs_after_a_restart_too() {
    on_both(async |world| {
        let new = prepare(&world, "passport").await;
        took(&world, &new, "activate", json!({})).await;
        let world = world.restart().await;
        assert_ne!(signing(&world, "passport").await, new);
        world.clock.advance(OVERLAP);
        let world = world.restart().await;
        assert_eq!(signing(&world, "passport").await, new);
        let passport = world.issue("agent-7", &new_key()).await;
        assert!(recognised(&world.verifier().await, &passport, &world));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_a_token_live_the_same_life() {
    let folder = tempfile::tempdir().unwrap();
    let token = SoftToken::make();
    let mut config = Config::local(folder.path().join("data"));
    config.keys = KeyPlace::Token(token.config.clone());
    let world = World::start_with(Engine::Sqlite, config).await;
    let passport = world.issue("agent-7", &new_key()).await;
    let old = signing(&world, "status").await;
    let new = prepare(&world, "status").await;
    took(&world, &new, "activate", json!({"now": true})).await;
    took(&world, &old, "taint", json!({})).await;
    assert_eq!(status_kid(&world, &passport).await, new);
    assert_eq!(token.may_leave("mcps-status"), [false, false]);
    let world = world.restart().await;
    assert_eq!(status_kid(&world, &passport).await, new);
    assert!(!world.keys().exists());
}
