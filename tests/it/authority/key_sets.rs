//! Another key set reaches whoever runs, and no older one does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use mcps_authority::config::KeyPlace;
use mcps_authority::keys::{KeyOrder, OVERLAP, SERVING, Step, carry_out};
use mcps_authority::{Config, open_changing};
use mcps_client::authority::AuthorityClient;
use mcps_client::home::{AuthorityPin, Home};
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_core::random::SystemRandom;
use mcps_core::trust::TrustStore;
use serde_json::json;

use super::engine::Engine;
use super::keys::{eventually, frame_kid, is_ready, prepare, took};
use super::tokens::SoftToken;
use super::world::{World, new_key, on_both};

#[tokio::test]
async fn a_replica_without_the_new_key_says_so_until_it_has_it() {
    let one = World::start(Engine::Postgres).await;
    let two = one.replica().await;
    let new = prepare(&one, "feed").await;
    took(&one, &new, "activate", json!({"now": true})).await;
    let name = format!("feed-{new}.pem");
    let detail = async || {
        let answer = two.get("/readyz").await;
        let detail = answer.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status.as_u16(), detail)
    };
    eventually("it says which key it lacks", async || {
        let (status, detail) = detail().await;
        status == 503 && detail.contains(&name)
    })
    .await;
    assert!(
        !detail().await.1.contains("/tmp"),
        "nothing of its inside is told"
    );
    assert!(is_ready(&one).await);
    assert_eq!(two.bundle().await.number(), 3);

    // Readable by others, it is as good as none.
    let from = fs::read(one.keys().join(&name)).unwrap();
    let to = two.keys().join(&name);
    fs::write(&to, from).unwrap();
    fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
    eventually("it says that it cannot be read", async || {
        detail().await.1.contains("cannot be read")
    })
    .await;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    eventually("it signs", async || {
        is_ready(&two).await && frame_kid(&two).await == new
    })
    .await;
}

#[tokio::test]
async fn a_key_set_that_is_older_or_of_another_root_is_not_taken_back_into_use() {
    on_both(async |world| {
        let first = world.bundle().await.text().to_owned();
        let new = prepare(&world, "feed").await;
        let second = world.bundle().await.text().to_owned();
        let forged = second.replace("\"prepared\"", "\"active\"");
        for other in [&first, &forged] {
            let text = other.replace('\'', "''");
            world
                .sql(&format!("UPDATE authority SET bundle = '{text}'"))
                .await;
            eventually("it is not ready", async || !is_ready(&world).await).await;
            assert_eq!(world.bundle().await.text(), second);
        }
        world
            .sql(&format!("UPDATE authority SET bundle = '{second}'"))
            .await;
        eventually("it is ready", async || is_ready(&world).await).await;
        took(&world, &new, "activate", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_refuses_a_key_set_that_is_older_than_the_one_it_knows() {
    let world = World::start(Engine::Sqlite).await;
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("home"));
    let first = world.bundle().await;
    prepare(&world, "status").await;
    let second = world.bundle().await;
    let pin = AuthorityPin {
        url: world.running.url(),
        name: world.running.name.clone(),
        root_kid: world.running.root_kid.clone(),
        tenant: "default".to_owned(),
    };
    home.write_authority(&pin).unwrap();
    let client = AuthorityClient::new(&pin.url).unwrap();
    let source = TrustSource::new(
        TrustStore::default(),
        Some((client, first.clone())),
        Freshness::default(),
        world.clock.clone(),
        Arc::new(SystemRandom),
    );
    assert!(source.refresh_bundle(&home).await.unwrap());
    assert_eq!(home.read("trust.json").unwrap().unwrap(), second.text());
    // A backup is restored: the authority itself knows no better.
    let text = first.text();
    world
        .sql(&format!("UPDATE authority SET bundle = '{text}'"))
        .await;
    let world = world.restart().await;
    assert_eq!(world.bundle().await.number(), 1);
    let pin = AuthorityPin {
        url: world.running.url(),
        ..pin
    };
    home.write_authority(&pin).unwrap();
    let client = AuthorityClient::new(&pin.url).unwrap();
    let source = TrustSource::new(
        TrustStore::default(),
        Some((client, second.clone())),
        Freshness::default(),
        world.clock.clone(),
        Arc::new(SystemRandom),
    );
    assert!(source.refresh_bundle(&home).await.is_err());
    assert_eq!(home.read("trust.json").unwrap().unwrap(), second.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_moves_from_files_to_a_token_between_two_starts() {
    let folder = tempfile::tempdir().unwrap();
    let token = SoftToken::make();
    let files = Config::local(folder.path().join("data"));
    let in_token = Config {
        keys: KeyPlace::Token(token.config.clone()),
        root_keys: Some(folder.path().join("data/keys")),
        ..files.clone()
    };
    let world = World::start_with(Engine::Sqlite, files).await;
    let passport = world.issue("agent-7", &new_key()).await;
    let clock = world.clock.as_ref();
    let (db, custody) = open_changing(&in_token, clock).await.unwrap();
    for usage in SERVING {
        let take = async |step| {
            let order = KeyOrder {
                step,
                by: "test".to_owned(),
                note: None,
            };
            let changed = carry_out(&db, &custody, clock, &SystemRandom, &order).await;
            changed.unwrap().kid
        };
        let key = take(Step::Prepare(usage)).await;
        take(Step::Activate { key, now: false }).await;
    }
    eventually("it lacks the keys", async || !is_ready(&world).await).await;
    let before = world.issue("agent-8", &new_key()).await;
    world.clock.advance(OVERLAP);
    let world = world.restart_with(in_token).await;
    assert!(is_ready(&world).await, "the old ones are not needed");
    let after = world.issue("agent-9", &new_key()).await;
    let (verifier, now) = (world.verifier().await, world.now());
    for passport in [&passport, &before, &after] {
        assert!(verifier.verify(passport, now).unwrap().recognised);
    }
    assert_eq!(token.may_leave("mcps-passport"), [false]);
    assert_eq!(token.may_leave("mcps-root"), Vec::<bool>::new());
}
