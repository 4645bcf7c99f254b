//! Where root keys are kept, and what is kept by their word: epochs and backups.

use std::fs;

use mcps_authority::backup::{BackupError, backup, new_epoch, restore, restore_with};
use mcps_authority::config::KeyPlace;
use mcps_authority::examine::examine;
use mcps_authority::keys::{KeyOrder, Step, carry_out};
use mcps_authority::{Config, open_changing};
use mcps_client::follower::{Follower, Turn};
use mcps_core::feed::{Epoch, Snapshot};
use mcps_core::random::SystemRandom;
use mcps_core::trust::KeyUse;
use serde_json::{Value, json};

use super::engine::Engine;
use super::keys::{eventually, prepare, took};
use super::roots::{config, id, roll_over};
use super::tokens::SoftToken;
use super::world::{World, copy_keys, new_key, on_both};

#[tokio::test]
async fn epochs_that_the_old_root_began_go_on_and_new_ones_begin() {
    on_both(async |world| {
        let mut behind = Follower::new(&world.running.name);
        let text = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(text, &world.bundle().await).unwrap();
        behind.adopt(&snapshot, world.now()).unwrap();
        new_epoch(&config(&world), Some(5), world.clock.as_ref())
            .await
            .unwrap();
        let world = world.restart().await;
        let by_the_old = world.get("/v1/feed/epochs/5").await.text;
        let old = world.running.root_kid.clone();
        let new = roll_over(&world).await;
        took(&world, &old, "revoke", json!({})).await;

        // The old root's own word ends with it; the new one has said the same.
        let bundle = world.bundle().await;
        assert!(Epoch::verify(&by_the_old, &bundle).is_err());
        let text = world.get("/v1/feed/epochs/5").await.text;
        let statement: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(statement["kid"], new.as_str());
        let epoch = Epoch::verify(&text, &bundle).unwrap();
        assert_eq!((epoch.epoch, epoch.previous_epoch), (5, 1));
        assert_eq!(behind.turn(&text, &bundle).unwrap(), Turn::Followed);

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.jsonl");
        backup(&config(&world), &file, world.clock.as_ref())
            .await
            .unwrap();
        new_epoch(&config(&world), Some(6), world.clock.as_ref())
            .await
            .unwrap();
        let text = world.get("/v1/feed/epochs/6").await.text;
        Epoch::verify(&text, &bundle).unwrap();

        let data_dir = folder.path().join("data");
        copy_keys(world.data_dir(), &data_dir);
        let place = Config::local(data_dir);
        let (_, begun) = restore(&place, &file, Some(7), world.clock.as_ref())
            .await
            .unwrap();
        assert_eq!((begun.epoch, begun.previous_epoch), (7, 5));
        let restored = world.restart_with(place).await;
        let text = restored.get("/v1/feed/epochs/7").await.text;
        Epoch::verify(&text, &restored.bundle().await).unwrap();
        behind.turn(&text, &restored.bundle().await).unwrap();
    })
    .await;
}

/// The old root is destroyed, as it should be, and so is the database.
#[tokio::test]
async fn a_backup_from_before_is_restored_with_a_key_set_from_after() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.jsonl");
        let clock = world.clock.clone();
        backup(&config(&world), &file, clock.as_ref())
            .await
            .unwrap();
        let before = world.bundle().await;
        let new = roll_over(&world).await;
        let after = world.bundle().await;

        let data_dir = folder.path().join("data");
        copy_keys(world.data_dir(), &data_dir);
        let place = Config::local(data_dir);
        let refused = restore(&place, &file, Some(7), clock.as_ref()).await;
        assert!(
            matches!(refused, Err(BackupError::RootAbsent { .. })),
            "{refused:?}"
        );
        // Neither another authority's set nor one from before the backup.
        let other = World::start(Engine::Sqlite).await;
        let other = other.bundle().await.text().to_owned();
        let refused = restore_with(&place, &file, Some(&other), Some(7), clock.as_ref()).await;
        assert!(
            matches!(refused, Err(BackupError::KeySet(_))),
            "{refused:?}"
        );
        let key_set = Some(after.text());
        restore_with(&place, &file, key_set, Some(7), clock.as_ref())
            .await
            .unwrap();
        let world = world.restart_with(place).await;
        assert_eq!(world.bundle().await.text(), after.text());
        assert_eq!(world.running.root_kid, new);
        let text = world.get("/v1/feed/epochs/7").await.text;
        Epoch::verify(&text, &after).unwrap();
        assert!(Epoch::verify(&text, &before).is_err());
        let feed = prepare(&world, "feed").await;
        took(&world, &feed, "activate", json!({"now": true})).await;
        let verifier = world.verifier().await;
        assert!(verifier.verify(&passport, world.now()).unwrap().recognised);
        let bundle = world.bundle().await;
        let report = examine(&world.as_found().await, &bundle).await.unwrap();
        assert_eq!(report.findings, []);
    })
    .await;
}

#[tokio::test]
async fn a_new_root_may_be_kept_in_another_place_than_the_old_one() {
    let world = World::start(Engine::Sqlite).await;
    let stick = tempfile::tempdir().unwrap();
    let apart = Config {
        root_keys: Some(stick.path().join("roots")),
        ..config(&world)
    };
    let clock = world.clock.as_ref();
    let (db, custody) = open_changing(&apart, clock).await.unwrap();
    let take = async |step| {
        let order = KeyOrder {
            step,
            by: "test".to_owned(),
            note: None,
        };
        let changed = carry_out(&db, &custody, clock, &SystemRandom, &order).await;
        changed.unwrap().kid
    };
    let key = take(Step::Prepare(KeyUse::Root)).await;
    assert!(stick.path().join(format!("roots/root-{key}.pem")).exists());
    take(Step::Activate {
        key: key.clone(),
        now: false,
    })
    .await;
    eventually("it has the new set", async || {
        *world.bundle().await.signer() == key
    })
    .await;
    fs::remove_file(world.keys().join("root.pem")).unwrap();
    let world = world.restart_with(apart).await;
    prepare(&world, "feed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_in_a_token_gives_way_to_another_there() {
    let folder = tempfile::tempdir().unwrap();
    let token = SoftToken::make();
    let mut config = Config::local(folder.path().join("data"));
    config.keys = KeyPlace::Token(token.config.clone());
    let world = World::start_with(Engine::Sqlite, config).await;
    let old = world.running.root_kid.clone();
    let new = prepare(&world, "root").await;
    took(&world, &new, "activate", json!({})).await;
    assert_eq!(token.may_leave("mcps-root"), [false, false]);
    let world = world.restart().await;
    assert_eq!(world.running.root_kid, new);
    world.bundle().await.verify(&id(&old)).unwrap();
    prepare(&world, "feed").await;
    assert!(!world.keys().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_in_a_file_gives_way_to_one_in_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let token = SoftToken::make();
    let files = Config::local(folder.path().join("data"));
    let world = World::start_with(Engine::Sqlite, files.clone()).await;
    let in_token = Config {
        keys: KeyPlace::Token(token.config.clone()),
        ..files
    };
    let clock = world.clock.as_ref();
    let (db, custody) = open_changing(&in_token, clock).await.unwrap();
    for step in [Some(Step::Prepare(KeyUse::Root)), None] {
        let prepared = world.bundle().await;
        let roots = prepared.keys().iter();
        let mut roots = roots.filter(|key| key.usage == KeyUse::Root);
        let key = roots.next_back().unwrap().public_key.key_id().clone();
        let order = KeyOrder {
            step: step.unwrap_or(Step::Activate { key, now: false }),
            by: "test".to_owned(),
            note: None,
        };
        let changed = carry_out(&db, &custody, clock, &SystemRandom, &order).await;
        let number = changed.unwrap().number;
        eventually("it has the set", async || {
            world.bundle().await.number() == number
        })
        .await;
    }
    assert_eq!(token.may_leave("mcps-root"), [false]);
    assert_eq!(world.bundle().await.successions().len(), 1);
}
