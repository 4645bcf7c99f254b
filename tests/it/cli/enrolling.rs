//! `mcps keygen` and `mcps passport request`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::{assert_one_line, id, mcps, passport};
use crate::world::{World, run};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// `mcps passport request` for an agent, with further arguments.
fn request<'a>(authority: &'a str, name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "passport",
        "request",
        "--authority",
        authority,
        "--name",
        name,
        "--owner",
        "tests@example.com",
    ];
    [&words[..], more].concat()
}

#[test]
fn makes_a_key_once_that_nobody_else_can_read() {
    let world = World::start();
    let home = world.home("agent");
    let made = run(&mut mcps(&world, &home, &["keygen", "-o", "json"])).succeeded();
    let made: Value = serde_json::from_str(&made).unwrap();
    let path = home.join("key.pem");
    assert_eq!(made["path"], path.to_str().unwrap());
    assert_eq!(made["key_id"].as_str().unwrap().len(), 43);
    assert_eq!((mode(&home), mode(&path)), (0o700, 0o600));

    let key = fs::read_to_string(&path).unwrap();
    let refused = run(&mut mcps(&world, &home, &["keygen"])).failed(1);
    assert_one_line(&refused, "--force");
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
    run(&mut mcps(&world, &home, &["keygen", "--force"])).succeeded();
    assert_ne!(fs::read_to_string(&path).unwrap(), key);
}

#[test]
fn a_request_makes_the_key_and_says_whom_it_trusts() {
    let world = World::start();
    let home = world.home("agent");
    let file = world.operator_key_file();
    let args = request(
        world.url(),
        "bot",
        &[
            "--operator-key-file",
            file.to_str().unwrap(),
            "--level",
            "2",
            "--ttl",
            "30m",
            "--capability",
            "search",
        ],
    );
    let done = run(&mut mcps(&world, &home, &args));
    assert!(
        done.stderr.contains("Made a new key") && done.stderr.contains("on first use"),
        "{}",
        done.stderr
    );
    let shown = done.succeeded();
    assert!(
        shown.contains("L2 Verified") && shown.contains("(in 30 min)"),
        "{shown}"
    );

    let passport = passport(&world, &home);
    assert_eq!(passport["agent"]["name"], "bot");
    assert_eq!(passport["agent"]["capabilities"][0], "search");
    assert_eq!(passport["ext"]["kind"], "agent");
    for file in ["key.pem", "passport.json", "trust.json", "authority.json"] {
        assert_eq!(mode(&home.join(file)), 0o600, "{file}");
    }

    // A second one is for the same key, from an authority that is known by now.
    let again = run(&mut mcps(&world, &home, &args));
    assert_eq!(again.stderr, "");
    again.succeeded();
}

#[test]
fn nothing_is_stored_from_an_authority_with_another_root() {
    let world = World::start();
    let home = world.home("agent");
    let file = world.operator_key_file();
    let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let args = request(
        world.url(),
        "bot",
        &[
            "--operator-key-file",
            file.to_str().unwrap(),
            "--root",
            root,
        ],
    );
    let refused = run(&mut mcps(&world, &home, &args)).failed(6);
    assert_one_line(&refused, "another root key");
    assert!(!home.join("passport.json").exists() && !home.join("trust.json").exists());
}

#[test]
fn an_authority_that_was_replaced_is_not_followed() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let pin = fs::read_to_string(home.join("authority.json")).unwrap();
    let pin: Value = serde_json::from_str(&pin).unwrap();
    let kid = pin["root_kid"].as_str().unwrap();
    let other = World::start();
    // The same home, told that its authority is now elsewhere: the root is the one thing pinned.
    let moved = pin.to_string().replace(world.url(), other.url());
    fs::write(home.join("authority.json"), moved).unwrap();
    let before = fs::read_to_string(home.join("passport.json")).unwrap();
    let refused = run(&mut mcps(&world, &home, &["passport", "renew"])).failed(6);
    assert_one_line(&refused, "another root key");
    assert_eq!(
        fs::read_to_string(home.join("passport.json")).unwrap(),
        before
    );
    assert_eq!(kid.len(), 43);
}

#[test]
fn an_operators_key_comes_from_a_file_or_the_environment_alone() {
    let world = World::start();
    let home = world.home("agent");
    let args = request(world.url(), "bot", &[]);
    let none = run(&mut mcps(&world, &home, &args)).failed(2);
    assert_one_line(&none, "--operator-key-file FILE or set MCPS_OPERATOR_KEY");
    assert!(
        !home.exists(),
        "nothing is made for a request that cannot be"
    );

    let spelt = request(
        world.url(),
        "bot",
        &["--operator-key", world.operator_key()],
    );
    run(&mut mcps(&world, &home, &spelt)).failed(2);

    let mut from_environment = mcps(&world, &home, &args);
    let done = run(from_environment.env("MCPS_OPERATOR_KEY", world.operator_key()));
    assert!(!format!("{done:?}").contains(world.operator_key()));
    done.succeeded();
    assert!(id(&world, &home).starts_with("asp_"));
}

#[test]
fn a_wrong_file_for_the_operators_key_is_neither_shown_nor_sent() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let file = home.join("key.pem");
    let args = request(
        world.url(),
        "bot",
        &["--operator-key-file", file.to_str().unwrap()],
    );
    let refused = run(&mut mcps(&world, &home, &args));
    assert!(!format!("{refused:?}").contains("PRIVATE KEY"));
    assert_one_line(&refused.failed(2), "does not hold an operator's key");

    let absent = request(
        world.url(),
        "bot",
        &["--operator-key-file", "/nonexistent/operator.key"],
    );
    assert_one_line(
        &run(&mut mcps(&world, &home, &absent)).failed(3),
        "/nonexistent/operator.key",
    );
}

#[test]
fn the_authoritys_refusals_end_with_code_4() {
    let world = World::start();
    let home = world.home("agent");
    let args = request(world.url(), "bot", &[]);
    let nobody = format!("mcps_op_{}", "A".repeat(43));
    let denied = run(mcps(&world, &home, &args).env("MCPS_OPERATOR_KEY", &nobody));
    assert!(!format!("{denied:?}").contains(&nobody));
    assert_one_line(&denied.failed(4), "check the operator's key");

    world.enrol("agent", "taken", 1);
    let mut words = request(world.url(), "taken", &[]);
    let owner = words
        .iter()
        .position(|word| *word == "tests@example.com")
        .unwrap();
    words[owner] = "somebody@example.com";
    let taken = run(mcps(&world, &home, &words).env("MCPS_OPERATOR_KEY", world.operator_key()));
    assert_one_line(&taken.failed(4), "another owner holds this name");
}

#[test]
fn a_wrong_address_is_told_from_one_that_does_not_answer() {
    let world = World::start();
    let home = world.home("agent");
    let ask = |url: &str| {
        let args = request(url, "bot", &[]);
        run(mcps(&world, &home, &args).env("MCPS_OPERATOR_KEY", world.operator_key()))
    };
    for url in ["authority.example.com", "ftp://127.0.0.1:21", "", "http://"] {
        assert_eq!(ask(url).code, 2, "{url}");
    }
    assert_one_line(
        &ask("ftp://127.0.0.1:21").failed(2),
        "http://127.0.0.1:7300",
    );
    // Port 9 is `discard`, where nobody listens.
    assert_one_line(&ask("http://127.0.0.1:9").failed(1), "check that it runs");
    assert_one_line(
        &ask(&format!("{}/elsewhere", world.url())).failed(3),
        "no such route",
    );
}
