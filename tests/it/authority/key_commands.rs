//! `mcps-authority keys`, as it is typed.

use std::fs;
use std::path::Path;
use std::process::Command;

use mcps_authority::Config;
use mcps_authority::config::KeyPlace;
use mcps_authority::secret::Secret;
use serde_json::{Value, json};

use super::engine::Engine;
use super::keys::{eventually, frame_kid, is_ready};
use super::tokens::{PIN, SoftToken};
use super::world::World;
use crate::world::{Done, bin, run};

/// Runs `mcps-authority keys` on a data directory, with those options and that environment.
fn keys(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    let mut command = Command::new(bin("mcps-authority"));
    command.arg("keys").args(arguments);
    command.arg("--data-dir").arg(data_dir);
    for (name, value) in environment {
        command.env(name, value);
    }
    run(&mut command)
}

#[tokio::test]
async fn the_command_works_while_the_authority_runs() {
    let world = World::start(Engine::Sqlite).await;
    let keys = |arguments: &[&str]| keys(world.data_dir(), arguments, &[]);
    let prepared = keys(&["prepare", "--use", "feed"]).succeeded();
    let new = prepared.trim().to_owned();
    let list = keys(&["list", "--json"]).succeeded();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["number"], 2);
    let mut listed = list["keys"].as_array().unwrap().iter();
    let key = listed.find(|key| key["kid"] == new.as_str()).unwrap();
    assert_eq!(
        (&key["state"], &key["here"]),
        (&json!("prepared"), &json!("yes"))
    );
    assert!(keys(&["list"]).succeeded().contains(&new));

    let error = keys(&["taint", "--use", "feed"]).failed(1);
    assert!(error.contains("no second active feed key"), "{error}");
    keys(&["activate", "--use", "feed", "--now"]).succeeded();
    eventually("the new key signs", async || frame_kid(&world).await == new).await;
    keys(&["taint", "--use", "feed"]).succeeded();
    let again = keys(&["activate", "--use", "feed"]).failed(1);
    assert!(again.contains("no feed key is prepared"), "{again}");
    let error = keys(&["revoke", &format!("--kid={new}")]).failed(1);
    assert!(error.contains("only active key"), "{error}");
    fs::remove_file(world.keys().join("root.pem")).unwrap();
    let error = keys(&["prepare", "--use", "status"]).failed(1);
    assert!(error.contains("root key"), "{error}");
    eventually("it is told", async || world.bundle().await.number() == 4).await;
    assert!(is_ready(&world).await);
}

/// Which keys the command finds where it looks.
fn found(done: Done) -> Vec<String> {
    let list: Value = serde_json::from_str(&done.succeeded()).unwrap();
    let keys = list["keys"].as_array().unwrap().iter();
    keys.map(|key| key["here"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_passphrase_is_read_from_a_file_or_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut config = Config::local(&data_dir);
    config.key_passphrase = Some(Secret::new("correct horse".to_owned()));
    let world = World::start_with(Engine::Sqlite, config).await;
    let file = folder.path().join("passphrase");
    fs::write(&file, "correct horse\n").unwrap();
    let file = file.to_str().unwrap();
    let list = ["list", "--json"];
    let yes = ["yes"; 5];
    for environment in [
        ("MCPS_AUTHORITY_KEY_PASSPHRASE_FILE", file),
        ("MCPS_AUTHORITY_KEY_PASSPHRASE", "correct horse"),
    ] {
        assert_eq!(found(keys(&data_dir, &list, &[environment])), yes);
    }
    let named = ["list", "--json", "--key-passphrase-file", file];
    assert_eq!(found(keys(&data_dir, &named, &[])), yes);
    assert_eq!(found(keys(&data_dir, &list, &[])), ["unreadable"; 5]);
    let wrong = [("MCPS_AUTHORITY_KEY_PASSPHRASE", "wrong horse")];
    let error = keys(&data_dir, &["prepare", "--use", "feed"], &wrong).failed(1);
    assert!(error.contains("--key-passphrase-file"), "{error}");
    assert!(!error.contains("wrong horse"), "{error}");
    let missing = ["list", "--key-passphrase-file", "/nonexistent"];
    let error = keys(&data_dir, &missing, &[]).failed(1);
    assert!(error.contains("/nonexistent"), "{error}");
    world.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_named_by_its_module_its_label_and_a_file_with_its_pin() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let token = SoftToken::make();
    let mut config = Config::local(&data_dir);
    config.keys = KeyPlace::Token(token.config.clone());
    let world = World::start_with(Engine::Sqlite, config).await;
    let pin = folder.path().join("pin");
    fs::write(&pin, PIN).unwrap();
    let environment = [
        (
            "MCPS_AUTHORITY_PKCS11_MODULE",
            token.config.module.to_str().unwrap(),
        ),
        ("MCPS_AUTHORITY_PKCS11_TOKEN", token.config.label.as_str()),
        ("MCPS_AUTHORITY_PKCS11_PIN_FILE", pin.to_str().unwrap()),
    ];
    let list = ["list", "--json"];
    let listed = found(keys(&data_dir, &list, &environment));
    assert_eq!(listed, ["yes"; 5]);
    // What another process makes in the token is found by those that run.
    let prepared = keys(&data_dir, &["prepare", "--use", "feed"], &environment).succeeded();
    keys(
        &data_dir,
        &["activate", "--use", "feed", "--now"],
        &environment,
    )
    .succeeded();
    eventually("the new key signs", async || {
        frame_kid(&world).await == prepared.trim()
    })
    .await;
    let error = keys(&data_dir, &list, &environment[..1]).failed(2);
    assert!(error.contains("--pkcs11-token"), "{error}");
    let error = keys(&data_dir, &list, &environment[..2]).failed(1);
    assert!(error.contains("--pkcs11-pin-file"), "{error}");
}
