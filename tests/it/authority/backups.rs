//! Backups: from either engine to either, and what followers make of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mcps_authority::backup::{BackupError, backup, new_epoch, restore};
use mcps_authority::examine::examine;
use mcps_authority::store::TABLES;
use mcps_authority::{Config, serve};
use mcps_client::follower::Follower;
use mcps_core::feed::{Epoch, Snapshot};
use mcps_core::random::SystemRandom;
use serde_json::json;
use tempfile::TempDir;

use super::engine::Engine;
use super::world::{World, copy_keys, new_key, on_both};

/// Where a restored authority is to live: an empty database, with the keys of `world`.
async fn place(world: &World, engine: Engine) -> (Config, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    copy_keys(world.data_dir(), &data_dir);
    let config = Config {
        database_url: engine.fresh_url().await,
        ..Config::local(data_dir)
    };
    (config, folder)
}

fn config(world: &World) -> Config {
    Config {
        database_url: world.database_url().map(str::to_owned),
        ..Config::local(world.data_dir().to_owned())
    }
}

async fn suspend(world: &World, tenant: &str) {
    let order = json!({"target": {"kind": "tenant", "tenant": tenant}, "reason": "policy"});
    let answer = world.post_as_operator("/v1/suspensions", &order).await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

async fn snapshot(world: &World, follower: &mut Follower) {
    let text = world.get("/v1/feed/snapshot").await.text;
    let snapshot = Snapshot::verify(text, &world.bundle().await).unwrap();
    follower.adopt(&snapshot, world.now()).unwrap();
}

#[tokio::test]
async fn goes_from_either_engine_to_either_and_nobody_who_followed_forgets() {
    for from in Engine::BOTH {
        for to in Engine::BOTH {
            println!("from {from:?} to {to:?}");
            let world = World::start(from).await;
            let (key, other) = (new_key(), new_key());
            let first = world.issue("agent", &key).await;
            let renewed = world.renew(&first, &key, json!({})).await.passport();
            let burnt = world.issue("burnt", &other).await;
            world.revoke(&burnt, "key_compromise").await;
            suspend(&world, "acme").await;
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("backup.jsonl");
            backup(&config(&world), &file, world.clock.as_ref())
                .await
                .unwrap();

            // What comes later is not in it, and a follower knows of it.
            let late = world.issue("late", &new_key()).await;
            world.revoke(&renewed, "policy").await;
            let mut follower = Follower::new(&world.running.name);
            snapshot(&world, &mut follower).await;
            let before = follower.position().unwrap().cursor();

            let (config, _folder) = place(&world, to).await;
            let restored = restore(&config, &file, None, world.clock.as_ref()).await;
            let (summary, begun) = restored.unwrap();
            assert_eq!(summary.authority, world.running.name);
            assert_eq!((begun.previous_epoch, begun.seq), (1, 2));
            assert!(begun.epoch > 1_000_000_000, "{}", begun.epoch);
            let world = world.restart_with(config).await;

            let status = async |id: &mcps_core::passport::PassportId| {
                world.get(&format!("/v1/passports/{id}")).await
            };
            assert_eq!(
                status(burnt.id()).await.json()["status"]["state"],
                "revoked"
            );
            assert_eq!(status(renewed.id()).await.json()["status"]["state"], "good");
            status(late.id()).await.problem(404, "passport-not-found");

            let path = format!("/v1/feed/frames?after={before}&wait_s=0");
            let ended = world.get(&path).await.problem(410, "epoch-ended");
            let statement = world.get(ended["epoch"].as_str().unwrap()).await.text;
            let bundle = world.bundle().await;
            let epoch = Epoch::verify(&statement, &bundle).unwrap();
            assert_eq!(epoch, begun);
            follower.turn(&statement, &bundle).unwrap();
            snapshot(&world, &mut follower).await;
            let refused = follower.judge(&renewed, 0, None, world.now());
            assert_eq!(refused.unwrap_err().to_string(), "revoked");
            let now = follower.position().unwrap().cursor();
            assert_eq!((now.epoch, now.seq), (begun.epoch, 0));

            // It is the same authority: it issues, and tells.
            suspend(&world, "umbrella").await;
            world.issue("new", &new_key()).await;
            let report = examine(&world.as_found().await, &bundle).await.unwrap();
            assert_eq!(report.findings, []);
        }
    }
}

#[tokio::test]
async fn every_table_is_in_it_but_challenges_and_observations() {
    on_both(async |world| {
        let mut tables = world.as_found().await.tables().await.unwrap();
        tables.retain(|table| {
            !["_sqlx_migrations", "challenges", "feed_acks"].contains(&table.as_str())
        });
        let mut kept = TABLES.map(str::to_owned).to_vec();
        kept.sort_unstable();
        assert_eq!(tables, kept);
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_not_taken() {
    let world = World::start(Engine::Sqlite).await;
    world.issue("agent", &new_key()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.jsonl");
    backup(&config(&world), &file, world.clock.as_ref())
        .await
        .unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without_last = lines[..lines.len() - 1].join("\n");
    let without_one = [&lines[..5], &lines[6..]].concat().join("\n");
    let edited = text.replacen("ops@example.org", "me@example.org", 1);
    for spoilt in [
        "",
        "{}",
        &without_last,
        &without_one,
        &edited,
        &format!("{text}x\n"),
    ] {
        fs::write(&file, spoilt).unwrap();
        let (config, _folder) = place(&world, Engine::Sqlite).await;
        let refused = restore(&config, &file, None, world.clock.as_ref()).await;
        assert!(
            matches!(refused, Err(BackupError::Form { .. })),
            "{refused:?}"
        );
        assert!(!config.data_dir.join("authority.db").exists());
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_begins_without_the_root() {
    on_both(async |world| {
        let clock = world.clock.clone();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.jsonl");
        let present = config(&world);
        backup(&present, &file, clock.as_ref()).await.unwrap();
        let again = backup(&present, &file, clock.as_ref()).await;
        assert!(matches!(again, Err(BackupError::File { .. })), "{again:?}");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let refused = restore(&present, &file, None, clock.as_ref()).await;
        assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");

        let (config, _folder) = place(&world, Engine::Sqlite).await;
        let root = config.data_dir.join("keys/root.pem");
        let kept = folder.path().join("root.pem");
        fs::rename(&root, &kept).unwrap();
        let refused = restore(&config, &file, None, clock.as_ref()).await;
        assert!(
            matches!(refused, Err(BackupError::RootAbsent { .. })),
            "{refused:?}"
        );
        fs::rename(&kept, &root).unwrap();
        let refused = restore(&config, &file, Some(1), clock.as_ref()).await;
        assert!(
            matches!(refused, Err(BackupError::EpochOrder(1))),
            "{refused:?}"
        );
        // What failed left nothing that would be in the way.
        restore(&config, &file, Some(7), clock.as_ref())
            .await
            .unwrap();
        let running = serve(config, clock, Arc::new(SystemRandom)).await.unwrap();
        assert!(running.operator_key.is_none());
        running.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn an_epoch_begins_after_the_database_was_brought_back_by_other_means() {
    on_both(async |world| {
        suspend(&world, "acme").await;
        let present = config(&world);
        let begun = new_epoch(&present, Some(5), world.clock.as_ref())
            .await
            .unwrap();
        assert_eq!((begun.epoch, begun.previous_epoch, begun.seq), (5, 1, 1));
        let lower = new_epoch(&present, Some(5), world.clock.as_ref()).await;
        assert!(
            matches!(lower, Err(BackupError::EpochOrder(5))),
            "{lower:?}"
        );
        let world = world.restart().await;
        suspend(&world, "umbrella").await;
        let text = world.get("/v1/feed/snapshot").await.text;
        let snapshot = Snapshot::verify(text, &world.bundle().await).unwrap();
        assert_eq!(snapshot.position.cursor().to_string(), "5:1");
        assert_eq!(snapshot.entries.len(), 2);
    })
    .await;
}

#[test]
fn the_path_of_a_backup_is_named_when_it_cannot_be_written() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::start(Engine::Sqlite).await;
        let nowhere = Path::new("/nonexistent/backup.jsonl");
        let refused = backup(&config(&world), nowhere, world.clock.as_ref()).await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .starts_with("/nonexistent/backup.jsonl: ")
        );
    });
}

#[tokio::test]
async fn a_token_that_was_used_since_is_not_open_again() {
    for engine in Engine::BOTH {
        let world = World::start(engine).await;
        let token = json!({"kind": "agent", "owner": "ops@example.org", "name": "agent"});
        let made = world
            .post_as_operator("/v1/enrolment-tokens", &token)
            .await
            .json();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.jsonl");
        backup(&config(&world), &file, world.clock.as_ref())
            .await
            .unwrap();
        let redeem = async |world: &World| {
            let order = world.order("agent", &new_key()).await.to_string();
            let secret = made["token"].as_str();
            let method = reqwest::Method::POST;
            world
                .send(method, "/v1/passports", secret, Some(order))
                .await
        };
        redeem(&world).await.passport();
        let (config, _folder) = place(&world, engine).await;
        restore(&config, &file, None, world.clock.as_ref())
            .await
            .unwrap();
        let world = world.restart_with(config).await;
        redeem(&world).await.problem(403, "token-refused");
        let listed = world.get_as_operator("/v1/enrolment-tokens").await.json();
        assert_eq!(listed["tokens"][0]["status"], "withdrawn");
    }
}
