//! What a home makes of an authority whose root key has changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use mcps_client::home::Home;
use serde_json::Value;

use super::{assert_one_line, mcps};
use crate::wire::eventually;
use crate::world::{World, bin, run};

fn keys(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new(bin("mcps-authority"));
    command.arg("keys").args(arguments);
    command.arg("--data-dir").arg(world.dir().join("authority"));
    let done = run(&mut command);
    let told = done.stderr.clone();
    format!("{} {told}", done.succeeded().trim())
}

/// Another root takes over, and the file of the old one is destroyed.
async fn roll_over(world: &World) -> String {
    let folder = world.dir().join("authority/keys");
    let told = keys(world, &["prepare", "--use", "root"]);
    assert!(told.contains("second copy"), "{told}");
    let new = told.split(' ').next().unwrap().to_owned();
    let told = keys(world, &["activate", "--use", "root"]);
    assert!(told.contains("destroy it once every client"), "{told}");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("root") && !name.contains(&new) {
            fs::remove_file(path).unwrap();
        }
    }
    let set = format!("{}/.well-known/mcps-trust", world.url());
    eventually("the new set is published", async || {
        let answer = reqwest::get(&set).await.unwrap().text().await.unwrap();
        let set: Value = serde_json::from_str(&answer).unwrap();
        (set["kid"] == new.as_str()).then_some(())
    })
    .await;
    new
}

fn pinned(home: &Path) -> String {
    Home::new(home).authority().unwrap().root_kid
}

fn enrol_by(world: &World, url: &str, root: &str, home: &Path) -> crate::world::Done {
    let words = [
        "passport",
        "request",
        "--authority",
        url,
        "--name",
        "other",
        "--owner",
        "tests@example.com",
    ];
    let mut command = mcps(world, home, &words);
    command.arg(format!("--root={root}"));
    run(command.env("MCPS_OPERATOR_KEY", world.operator_key()))
}

#[tokio::test]
async fn a_home_that_was_away_for_two_roots_goes_on() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let first = pinned(&home);
    let second = roll_over(&world).await;
    let third = roll_over(&world).await;
    assert_ne!(second, third);
    let renewed = run(&mut mcps(&world, &home, &["passport", "renew"]));
    assert!(
        renewed.stderr.contains(&third) && renewed.stderr.contains("is not believed any more"),
        "{}",
        renewed.stderr
    );
    renewed.succeeded();
    assert_eq!(pinned(&home), third);
    let again = run(&mut mcps(&world, &home, &["passport", "renew"]));
    assert!(!again.stderr.contains("not believed"), "{}", again.stderr);
    again.succeeded();

    // Whoever was told the first root's id enrols by it, and pins the present one.
    let other = world.home("other");
    enrol_by(&world, world.url(), &first, &other).succeeded();
    assert_eq!(pinned(&other), third);
    let list = keys(&world, &["list", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut roots = list["keys"].as_array().unwrap().iter();
    let roots = roots.by_ref().filter(|key| key["use"] == "root");
    let states: Vec<_> = roots
        .map(|key| format!("{} {}", key["state"], key["here"]).replace('"', ""))
        .collect();
    assert_eq!(states, ["tainted no", "tainted no", "active yes"]);
}

#[tokio::test]
async fn an_export_from_before_is_proven_by_whoever_followed_to_the_new_root() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let operator = world.operator_key_file();
    let words = ["audit", "export", "--operator-key-file"];
    let mut export = mcps(&world, &home, &words);
    let export = run(export.arg(&operator)).succeeded();
    let file = world.dir().join("export.jsonl");
    fs::write(&file, export).unwrap();
    let old = pinned(&home);
    roll_over(&world).await;
    run(&mut mcps(&world, &home, &["passport", "renew"])).succeeded();
    assert_ne!(pinned(&home), old);
    let verify = || mcps(&world, &home, &["audit", "verify", file.to_str().unwrap()]);
    let held = run(&mut verify()).succeeded();
    assert!(held.contains(&old), "{held}");
    let url = world.url();
    keys(&world, &["revoke", &format!("--kid={old}")]);
    let set = format!("{url}/.well-known/mcps-trust");
    eventually("it is revoked", async || {
        let answer = reqwest::get(&set).await.unwrap().text().await.unwrap();
        answer.contains(r#""state":"revoked""#).then_some(())
    })
    .await;
    run(&mut mcps(&world, &home, &["passport", "renew"])).succeeded();
    run(&mut verify()).failed(6);
}

/// The old root may have been stolen on its way to the shredder.
#[tokio::test]
async fn a_home_that_followed_to_the_new_root_refuses_the_old_one() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let first = pinned(&home);
    let name = Home::new(&home).authority().unwrap().name;
    let stolen = fs::read(world.dir().join("authority/keys/root.pem")).unwrap();
    let second = roll_over(&world).await;
    run(&mut mcps(&world, &home, &["passport", "renew"])).succeeded();
    assert_eq!(pinned(&home), second);

    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("authority/keys");
    fs::create_dir_all(&keys).unwrap();
    let file = keys.join("root.pem");
    fs::write(&file, stolen).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(
        folder.path().join("authority"),
        fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    let thief = World::start_in(folder, &["--issuer", &name]);
    let moved = fs::read_to_string(home.join("authority.json")).unwrap();
    let moved = moved.replace(world.url(), thief.url());
    fs::write(home.join("authority.json"), &moved).unwrap();
    let before = fs::read_to_string(home.join("trust.json")).unwrap();
    let refused = run(&mut mcps(&world, &home, &["passport", "renew"])).failed(6);
    assert_one_line(&refused, "another root key");
    // Not even when somebody names the old root: this home knows that it gave way.
    let refused = enrol_by(&thief, thief.url(), &first, &home).failed(6);
    assert_one_line(&refused, "another root key");
    assert_eq!(fs::read_to_string(home.join("trust.json")).unwrap(), before);
    assert_eq!(
        fs::read_to_string(home.join("authority.json")).unwrap(),
        moved
    );
}
