//! One root key takes over from another, and whoever pinned the first follows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use mcps_authority::Config;
use mcps_authority::doctor::{self, Grade};
use mcps_authority::examine::examine;
use mcps_client::authority::AuthorityClient;
use mcps_client::home::{AuthorityPin, Home};
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_core::key::KeyId;
use mcps_core::random::SystemRandom;
use mcps_core::refusal::Refusal;
use mcps_core::trust::{KeyState, TrustBundle};
use serde_json::json;

use super::engine::Engine;
use super::keys::{eventually, is_ready, prepare, step, took};
use super::world::{World, new_key, on_both};

pub(super) fn id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

pub(super) fn config(world: &World) -> Config {
    Config {
        database_url: world.database_url().map(str::to_owned),
        ..Config::local(world.data_dir().to_owned())
    }
}

/// Another root takes over; the old one's private half is destroyed.
pub(super) async fn roll_over(world: &World) -> String {
    let old = world.bundle().await.signer().to_string();
    let new = prepare(world, "root").await;
    took(world, &new, "activate", json!({})).await;
    let own = world.keys().join(format!("root-{old}.pem"));
    let first = world.keys().join("root.pem");
    fs::remove_file(if own.exists() { own } else { first }).unwrap();
    new
}

fn state(bundle: &TrustBundle, kid: &str) -> KeyState {
    let mut keys = bundle.keys().iter();
    let key = keys.find(|key| key.public_key.key_id().as_str() == kid);
    key.unwrap().state
}

fn home_of(world: &World, root: &str) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    pin(&home, world, root);
    (folder, home)
}

fn pin(home: &Home, world: &World, root: &str) {
    let pin = AuthorityPin {
        url: world.running.url(),
        name: world.running.name.clone(),
        root_kid: root.to_owned(),
        tenant: "default".to_owned(),
    };
    home.write_authority(&pin).unwrap();
}

#[tokio::test]
async fn another_root_takes_over_at_once_and_the_old_one_is_not_needed_any_more() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let old = world.running.root_kid.clone();
        let new = prepare(&world, "root").await;
        let file = world.keys().join(format!("root-{new}.pem"));
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let prepared = world.bundle().await;
        assert_eq!(prepared.signer().as_str(), old);
        assert_eq!(state(&prepared, &new), KeyState::Prepared);
        assert!(!prepared.text().contains("successions"));

        let activated = took(&world, &new, "activate", json!({"note": "yearly"})).await;
        assert_eq!(
            (&activated["state"], &activated["number"]),
            (&json!("active"), &json!(3))
        );
        assert_eq!(activated["position"], "1:2");
        let bundle = world.bundle().await;
        assert_eq!((bundle.number(), bundle.signer()), (3, &id(&new)));
        assert_eq!(state(&bundle, &old), KeyState::Tainted);
        for root in [&old, &new] {
            bundle.verify(&id(root)).unwrap();
        }
        let again = took(&world, &new, "activate", json!({})).await;
        assert_eq!(again["changed"], false);
        let list = world.get_as_operator("/v1/authority-keys").await.json();
        let mut keys = list["keys"].as_array().unwrap().iter();
        let signs = keys.find(|key| key["use"] == "root" && key["signs"] == true);
        assert_eq!(signs.unwrap()["kid"], new.as_str());

        // Told, recorded, and everything goes on without the old key.
        let frames = async || world.get("/v1/feed/frames?after=1:0&wait_s=0").await;
        eventually("it is told", async || {
            let text = frames().await.text;
            text.contains(r#""use":"root""#) && text.contains(&new)
        })
        .await;
        let old_is_here = async |world: &World| {
            let looks = doctor::examine(&config(world), world.clock.as_ref()).await;
            assert!(
                looks.iter().all(|look| look.grade < Grade::Bad),
                "{looks:?}"
            );
            looks.iter().any(|look| look.what == "old root key")
        };
        assert!(old_is_here(&world).await);
        fs::remove_file(world.keys().join("root.pem")).unwrap();
        assert!(!old_is_here(&world).await);
        let feed = prepare(&world, "feed").await;
        took(&world, &feed, "revoke", json!({})).await;
        let world = world.restart().await;
        assert_eq!(world.running.root_kid, new);
        assert!(is_ready(&world).await);
        let bundle = world.bundle().await;
        bundle.verify(&id(&old)).unwrap();
        world.issue("agent-8", &new_key()).await;
        let verifier = world.verifier().await;
        assert!(verifier.verify(&passport, world.now()).unwrap().recognised);
        let report = examine(&world.as_found().await, &bundle).await.unwrap();
        assert_eq!(report.findings, []);
        let records = world.get_as_operator("/v1/audit/records").await.text;
        assert!(
            records.contains("authority_key.active")
                && records.contains("follows")
                && records.contains(&old)
        );
    })
    .await;
}

#[tokio::test]
async fn one_root_is_prepared_at_a_time_and_none_ends_itself() {
    on_both(async |world| {
        let old = world.running.root_kid.clone();
        let first = prepare(&world, "root").await;
        let order = json!({"use": "root"});
        let refused = world.post_as_operator("/v1/authority-keys", &order).await;
        let problem = refused.problem(409, "key-not-changed");
        assert!(problem["detail"].as_str().unwrap().contains(&first));
        for name in ["taint", "revoke"] {
            let refused = step(&world, &old, name, json!({})).await;
            let problem = refused.problem(409, "key-not-changed");
            let detail = problem["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("another root key"), "{detail}");
        }
        let refused = step(&world, &first, "taint", json!({})).await;
        refused.problem(409, "key-not-changed");
        took(&world, &first, "revoke", json!({})).await;
        let refused = step(&world, &first, "activate", json!({})).await;
        refused.problem(409, "key-not-changed");

        let second = prepare(&world, "root").await;
        took(&world, &second, "activate", json!({})).await;
        let refused = step(&world, &old, "activate", json!({})).await;
        refused.problem(409, "key-not-changed");
        let tainted = took(&world, &old, "taint", json!({})).await;
        assert_eq!(tainted["changed"], false);
        let revoked = took(&world, &old, "revoke", json!({"note": "leaked"})).await;
        assert_eq!(revoked["changed"], true);
        let bundle = world.bundle().await;
        assert_eq!(state(&bundle, &old), KeyState::Revoked);
        // Whoever was away still comes to the root that is good.
        bundle.verify(&id(&old)).unwrap();
        assert_eq!(bundle.signer(), &id(&second));
    })
    .await;
}

#[tokio::test]
async fn both_halves_are_needed_for_the_one_moment() {
    on_both(async |world| {
        let new = prepare(&world, "root").await;
        let away = world.data_dir().join("away.pem");
        let name = format!("root-{new}.pem");
        for (file, slug) in [
            ("root.pem", "root-key-elsewhere"),
            (&name, "key-not-changed"),
        ] {
            let file = world.keys().join(file);
            fs::rename(&file, &away).unwrap();
            let refused = step(&world, &new, "activate", json!({})).await;
            refused.problem(409, slug);
            fs::rename(&away, &file).unwrap();
        }
        assert_eq!(world.bundle().await.number(), 2);
        let all = tokio::join!(
            took(&world, &new, "activate", json!({})),
            took(&world, &new, "activate", json!({})),
            took(&world, &new, "activate", json!({})),
        );
        let all = [all.0, all.1, all.2];
        let changed = all.iter().filter(|answer| answer["changed"] == true);
        assert_eq!(changed.count(), 1, "{all:?}");
        assert_eq!(world.bundle().await.successions().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_replica_takes_the_new_root_s_set_into_use_by_itself() {
    let one = World::start(Engine::Postgres).await;
    let two = one.replica().await;
    let new = roll_over(&one).await;
    eventually("it has the new set", async || {
        two.bundle().await.signer().as_str() == new
    })
    .await;
    assert!(is_ready(&two).await);
    // It has the old root's file and not the new one's.
    let two = two.restart().await;
    assert!(is_ready(&two).await);
    let order = json!({"use": "feed"});
    let refused = two.post_as_operator("/v1/authority-keys", &order).await;
    refused.problem(409, "root-key-elsewhere");
}

#[tokio::test]
async fn a_set_by_a_root_that_nobody_led_to_is_not_taken_into_use() {
    on_both(async |world| {
        let first = world.bundle().await.text().to_owned();
        let second = roll_over(&world).await;
        let present = world.bundle().await.text().to_owned();
        // Back to the old root, and on to one that only itself vouches for.
        let thief = World::start(Engine::Sqlite).await;
        let stolen = roll_over(&thief).await;
        let other = thief.bundle().await.text().to_owned();
        for text in [&first, &other] {
            let text = text.replace('\'', "''");
            world
                .sql(&format!("UPDATE authority SET bundle = '{text}'"))
                .await;
            eventually("it is not ready", async || !is_ready(&world).await).await;
            assert_eq!(world.bundle().await.signer().as_str(), second);
        }
        assert_ne!(stolen, second);
        world
            .sql(&format!("UPDATE authority SET bundle = '{present}'"))
            .await;
        eventually("it is ready", async || is_ready(&world).await).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_follows_pins_the_new_root_and_never_goes_back() {
    let world = World::start(Engine::Sqlite).await;
    let first = world.bundle().await;
    let old = world.running.root_kid.clone();
    let (_folder, home) = home_of(&world, &old);
    let source = |bundle: &TrustBundle| {
        let client = AuthorityClient::new(&world.running.url()).unwrap();
        TrustSource::new(
            mcps_core::trust::TrustStore::default(),
            Some((client, bundle.clone())),
            Freshness::default(),
            world.clock.clone(),
            Arc::new(SystemRandom),
        )
    };
    let running = source(&first);
    let stolen = fs::read(world.keys().join("root.pem")).unwrap();
    let second = roll_over(&world).await;
    assert!(running.refresh_bundle(&home).await.unwrap());
    assert_eq!(home.authority().unwrap().root_kid, second);
    assert!(!running.refresh_bundle(&home).await.unwrap());
    // One that slept through two of them.
    let (_folder, sleeper) = home_of(&world, &old);
    sleeper.write("trust.json", first.text()).unwrap();
    let third = roll_over(&world).await;
    assert!(source(&first).refresh_bundle(&sleeper).await.unwrap());
    assert_eq!(sleeper.authority().unwrap().root_kid, third);
    assert!(running.refresh_bundle(&home).await.unwrap());

    // Whoever has the old root founds an authority of the same name, with ever higher numbers.
    let folder = tempfile::tempdir().unwrap();
    let thieves = folder.path().join("data");
    fs::create_dir_all(thieves.join("keys")).unwrap();
    let file = thieves.join("keys/root.pem");
    fs::write(&file, stolen).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let thief = World::start_on(Config {
        issuer: Some(world.running.name.clone()),
        ..Config::local(thieves)
    })
    .await;
    assert_eq!(thief.running.root_kid, old);
    while thief.bundle().await.number() <= world.bundle().await.number() {
        let key = prepare(&thief, "feed").await;
        took(&thief, &key, "revoke", json!({})).await;
    }
    roll_over(&thief).await;
    let kept = home.read("trust.json").unwrap();
    for home in [&home, &sleeper] {
        pin(home, &thief, &third);
        let client = AuthorityClient::new(&thief.running.url()).unwrap();
        let believed = home.trust(&id(&third)).unwrap();
        let source = TrustSource::new(
            mcps_core::trust::TrustStore::default(),
            Some((client, believed)),
            Freshness::default(),
            world.clock.clone(),
            Arc::new(SystemRandom),
        );
        let refused = source.refresh_bundle(home).await.unwrap_err();
        assert!(
            matches!(
                refused,
                mcps_client::error::ClientError::Refused(Refusal::UnknownIssuer)
            ),
            "{refused}"
        );
        assert_eq!(home.read("trust.json").unwrap(), kept);
    }
}
