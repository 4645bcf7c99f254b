//! `mcps passport rotate`, also where it was interrupted.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{assert_one_line, id, mcps, passport};
use crate::world::{World, run};

/// A copy of a home, as a backup would be.
fn copy(from: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to.to_owned()
}

fn key_id(passport: &Value) -> String {
    passport["ext"]["kid"].as_str().unwrap().to_owned()
}

/// Whether the home has a key and a passport that fit and that the authority stands by.
#[track_caller]
fn is_sound(world: &World, home: &Path) {
    run(&mut mcps(world, home, &["passport", "verify", "--online"])).succeeded();
    run(&mut mcps(world, home, &["passport", "renew"])).succeeded();
    for left in ["key-next.pem", "passport-next.json"] {
        assert!(!home.join(left).exists(), "{left}");
    }
}

#[test]
fn a_home_gets_another_key_without_an_operator() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 2);
    let before = passport(&world, &home);
    let done = run(&mut mcps(&world, &home, &["passport", "rotate"]));
    assert!(done.stderr.contains("within 60 min"), "{}", done.stderr);
    let shown = done.succeeded();
    assert!(
        shown.contains(before["passport_id"].as_str().unwrap()),
        "{shown}"
    );
    let after = passport(&world, &home);
    assert_ne!(key_id(&before), key_id(&after));
    assert_eq!(before["agent"], after["agent"]);
    assert!(after["key_rotation"]["previous_key_hash"].is_string());
    is_sound(&world, &home);

    let at_once = ["passport", "rotate", "--overlap", "0", "-o", "json"];
    let second = id(&world, &home);
    let done = run(&mut mcps(&world, &home, &at_once));
    assert!(done.stderr.contains("good for nothing"), "{}", done.stderr);
    done.succeeded();
    let old = run(&mut mcps(&world, &home, &["passport", "show", &second])).succeeded();
    assert!(old.contains("superseded"), "{old}");
    is_sound(&world, &home);
}

#[test]
fn an_exchange_goes_on_where_it_was_interrupted() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let rotate = |home: &Path| run(&mut mcps(&world, home, &["passport", "rotate"]));

    // Before the authority heard of it: the key is there, and is the one that is used.
    let made = world.home("made");
    run(&mut mcps(&world, &made, &["keygen"])).succeeded();
    fs::copy(made.join("key.pem"), home.join("key-next.pem")).unwrap();
    let next = fs::read_to_string(home.join("key-next.pem")).unwrap();
    let interrupted = copy(&home, &world.home("interrupted"));
    rotate(&home).succeeded();
    assert_eq!(fs::read_to_string(home.join("key.pem")).unwrap(), next);
    is_sound(&world, &home);

    // After the authority had issued, before its answer was stored.
    rotate(&interrupted).succeeded();
    assert_eq!(
        fs::read_to_string(interrupted.join("key.pem")).unwrap(),
        next
    );
    is_sound(&world, &interrupted);
}

#[test]
fn a_half_swapped_home_is_put_right_by_whatever_comes_next() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let before = copy(&home, &world.home("before"));
    run(&mut mcps(&world, &home, &["passport", "rotate"])).succeeded();
    let after = id(&world, &home);
    let put = |home: &Path, from: &str, to: &str| {
        fs::copy(world.home("bot").join(from), home.join(to)).unwrap();
    };
    // Stored, and neither is in place yet.
    let stored = copy(&before, &world.home("stored"));
    put(&stored, "key.pem", "key-next.pem");
    put(&stored, "passport.json", "passport-next.json");
    // The key is in place and the passport is not.
    let half = copy(&before, &world.home("half"));
    put(&half, "key.pem", "key.pem");
    put(&half, "passport.json", "passport-next.json");
    for home in [&stored, &half] {
        assert_eq!(id(&world, home), after);
        is_sound(&world, home);
    }
    // A passport for a key that nobody has here is said to be one, and nothing is lost.
    put(&before, "passport.json", "passport-next.json");
    let refused = run(&mut mcps(&world, &before, &["passport", "show"])).failed(1);
    assert_one_line(&refused, "its key is not in this home");
    fs::remove_file(before.join("passport-next.json")).unwrap();
    run(&mut mcps(&world, &before, &["passport", "verify"])).succeeded();
}

#[test]
fn a_refused_exchange_leaves_the_home_as_it_was() {
    let mut world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let file = world.operator_key_file();
    let key = fs::read_to_string(home.join("key.pem")).unwrap();
    let revoke = [
        "passport",
        "revoke",
        "--reason",
        "policy",
        "--operator-key-file",
        file.to_str().unwrap(),
    ];
    run(&mut mcps(&world, &home, &revoke)).succeeded();
    let rotate = ["passport", "rotate"];
    assert_one_line(&run(&mut mcps(&world, &home, &rotate)).failed(4), "revoked");
    world.stop_authority();
    assert_one_line(
        &run(&mut mcps(&world, &home, &rotate)).failed(1),
        "check that it runs",
    );
    assert_eq!(fs::read_to_string(home.join("key.pem")).unwrap(), key);
    run(&mut mcps(&world, &home, &["passport", "verify"])).succeeded();
}
