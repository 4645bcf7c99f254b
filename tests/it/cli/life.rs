//! A passport from its request to its end.

use std::fs;

use serde_json::Value;

use super::{assert_one_line, id, mcps};
use crate::world::{World, run, run_with_input};

#[test]
fn is_shown_verified_renewed_and_revoked() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 2);
    let mcps = |args: &[&str]| mcps(&world, &home, args);
    let first = id(&world, &home);

    let shown = run(&mut mcps(&["passport", "show", &first])).succeeded();
    assert!(
        shown.contains("status") && shown.contains("good"),
        "{shown}"
    );
    let verified = run(&mut mcps(&["passport", "verify"])).succeeded();
    assert!(
        verified.contains("not asked; ask with --online"),
        "{verified}"
    );
    let verified = run(&mut mcps(&["passport", "verify", "--online"])).succeeded();
    assert!(
        verified.ends_with("Good: every check of the passport holds.\n"),
        "{verified}"
    );

    let renewed = run(&mut mcps(&["passport", "renew", "--ttl", "10m"])).succeeded();
    let second = id(&world, &home);
    assert!(
        first != second && renewed.contains(&first) && renewed.contains("(in 10 min)"),
        "{renewed}"
    );
    let old = run(&mut mcps(&["passport", "show", "-o", "json", &first])).succeeded();
    run_with_input(&mut mcps(&["passport", "verify", "--online", "-"]), &old).succeeded();

    let file = world.operator_key_file();
    let revoke = |more: &[&str]| {
        let words = [
            "passport",
            "revoke",
            "--reason",
            "superseded",
            "--operator-key-file",
            file.to_str().unwrap(),
        ];
        run(&mut mcps(&[&words[..], more].concat()))
    };
    let foreseen = revoke(&["--dry-run"]).succeeded();
    assert!(
        foreseen.contains("would revoke") && foreseen.contains(&second),
        "{foreseen}"
    );
    run(&mut mcps(&["passport", "verify", "--online"])).succeeded();
    let revoked = revoke(&["--note", "the test is over", "-o", "json"]).succeeded();
    let revoked: Value = serde_json::from_str(&revoked).unwrap();
    assert_eq!(
        (revoked["passport_id"].as_str(), revoked["status"].as_str()),
        (Some(&*second), Some("revoked"))
    );

    let refused = run(&mut mcps(&["passport", "verify", "--online"]));
    assert!(
        refused.stdout.contains("REFUSED: MCPS-003"),
        "{}",
        refused.stdout
    );
    assert_one_line(&refused.failed(6), "MCPS-003 Passport revoked");
    assert_one_line(&run(&mut mcps(&["passport", "renew"])).failed(4), "revoked");
    let shown = run(&mut mcps(&["passport", "show", &second])).succeeded();
    assert!(shown.contains("superseded"), "{shown}");
}

#[test]
fn a_compromised_key_gets_no_passport_again() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let file = world.operator_key_file();
    let file = file.to_str().unwrap();
    let words = [
        "passport",
        "revoke",
        "--reason",
        "key_compromise",
        "--operator-key-file",
        file,
    ];
    let revoked = run(&mut mcps(&world, &home, &words)).succeeded();
    assert!(revoked.contains("blocked"), "{revoked}");

    let request = [
        "passport",
        "request",
        "--authority",
        world.url(),
        "--name",
        "bot",
        "--owner",
        "tests@example.com",
    ];
    let again = [&request[..], &["--operator-key-file", file]].concat();
    let denied = run(&mut mcps(&world, &home, &again)).failed(4);
    assert_one_line(&denied, "make a new key");
    let made = run(&mut mcps(&world, &home, &["keygen", "--force"]));
    assert!(made.stderr.contains("for the old key"), "{}", made.stderr);
    run(&mut mcps(&world, &home, &again)).succeeded();
}

#[test]
fn revoking_needs_a_reason_and_an_operator() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    run(&mut mcps(&world, &home, &["passport", "revoke"])).failed(2);
    run(&mut mcps(
        &world,
        &home,
        &["passport", "revoke", "--reason", "because"],
    ))
    .failed(2);
    let words = ["passport", "revoke", "--reason", "policy"];
    assert_one_line(
        &run(&mut mcps(&world, &home, &words)).failed(2),
        "operator's key",
    );
    run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online"],
    ))
    .succeeded();
}

#[test]
fn what_nobody_issued_is_not_found() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let unknown = "asp_00000000000000000000000000000000";
    let show = |id: &str| run(&mut mcps(&world, &home, &["passport", "show", id]));
    assert_one_line(&show(unknown).failed(3), "check the id");
    for bad in [
        "asp_0",
        "../../readyz",
        "asp_00000000000000000000000000000000?x",
        "ASP_00000000000000000000000000000000",
    ] {
        assert_one_line(&show(bad).failed(2), "asp_ and 32 lower-case hex digits");
    }
    let words = [
        "passport",
        "revoke",
        unknown,
        "--reason",
        "policy",
        "--dry-run",
    ];
    assert_one_line(
        &run(&mut mcps(&world, &home, &words)).failed(3),
        "check the id",
    );
}

#[test]
fn a_home_that_did_not_enrol_says_what_to_do() {
    let world = World::start();
    let home = world.home("nobody");
    for verb in ["show", "verify", "renew"] {
        let missing = run(&mut mcps(&world, &home, &["passport", verb])).failed(3);
        assert_one_line(
            &missing,
            if verb == "renew" {
                "mcps keygen"
            } else {
                "mcps passport request"
            },
        );
    }
    run(&mut mcps(&world, &home, &["keygen"])).succeeded();
    assert_one_line(
        &run(&mut mcps(&world, &home, &["passport", "renew"])).failed(3),
        "mcps passport request",
    );
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    fs::set_permissions(home.join("key.pem"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = run(&mut mcps(&world, &home, &["passport", "renew"])).failed(1);
    assert_one_line(&refused, "run: chmod 600");
}

#[test]
fn an_authority_that_is_gone_leaves_the_home_as_it_was() {
    let mut world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let before = id(&world, &home);
    world.stop_authority();
    assert_one_line(
        &run(&mut mcps(&world, &home, &["passport", "renew"])).failed(1),
        "check that it runs",
    );
    assert_eq!(id(&world, &home), before);
}
