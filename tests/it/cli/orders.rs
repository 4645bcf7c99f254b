//! `mcps order`.

use serde_json::Value;

use super::{assert_one_line, id, mcps, passport};
use crate::world::{Done, World, run};

fn order(world: &World, words: &[&str]) -> Done {
    let file = world.operator_key_file();
    let asking = [
        "--authority",
        world.url(),
        "--operator-key-file",
        file.to_str().unwrap(),
    ];
    let home = world.home("operator");
    run(&mut mcps(
        world,
        &home,
        &[&["order"], words, &asking].concat(),
    ))
}

#[track_caller]
fn state(world: &World, id: &str) -> String {
    let home = world.home("operator");
    let words = [
        "passport",
        "show",
        id,
        "--authority",
        world.url(),
        "-o",
        "json",
    ];
    let shown = run(&mut mcps(world, &home, &words)).succeeded();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["status"]["state"].as_str().unwrap().to_owned()
}

#[test]
fn every_target_is_suspended_and_reinstated() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let own = passport(&world, &home);
    let (id, kid) = (id(&world, &home), own["ext"]["kid"].as_str().unwrap());
    let targets: [&[&str]; 5] = [
        &["--passport", &id],
        &["--key", kid],
        &["--agent", "bot"],
        &["--owner", "tests@example.com"],
        &["--whole-tenant"],
    ];
    for target in targets {
        let foreseen = order(&world, &[&["suspend", "--dry-run"], target].concat()).succeeded();
        assert!(foreseen.contains("1 live passports"), "{foreseen}");
        assert_eq!(state(&world, &id), "good");
        let words = [
            "suspend", "--until", "2h", "--reason", "policy", "--note", "drill",
        ];
        let done = order(&world, &[&words[..], target].concat()).succeeded();
        assert!(
            done.contains("feed position") && done.contains("mcps order undo act_"),
            "{done}"
        );
        assert_eq!(state(&world, &id), "suspended", "{target:?}");
        let again = order(&world, &[&words[..2], &["4h"], target].concat()).succeeded();
        assert!(!again.contains("it is so already"), "another end: {again}");
        order(&world, &[&["reinstate"], target].concat()).succeeded();
        assert_eq!(state(&world, &id), "good");
        let nothing = order(&world, &[&["reinstate"], target].concat()).succeeded();
        assert!(nothing.contains("it is so already"), "{nothing}");
    }
    let done = order(&world, &["revoke", "--agent", "bot", "-o", "json"]).succeeded();
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!(done["changed"], true);
    assert_eq!(state(&world, &id), "revoked");
    // An id that nobody has, and a target that this order does not take.
    let unknown = format!("asp_{}", "0".repeat(32));
    assert_one_line(
        &order(&world, &["revoke", "--passport", &unknown]).failed(3),
        "check the id",
    );
    assert_one_line(
        &order(&world, &["revoke", "--all"]).failed(2),
        "cannot be ordered so",
    );
}

#[test]
fn everything_is_stopped_listed_and_undone() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let id = id(&world, &home);
    let nothing = order(&world, &["list"]).succeeded();
    assert!(nothing.contains("Nothing was ordered"), "{nothing}");
    order(&world, &["stop", "--all", "--reason", "policy"]).succeeded();
    assert_eq!(state(&world, &id), "suspended");
    let listed = order(&world, &["list"]).succeeded();
    assert!(
        listed.contains("stop") && listed.contains("everything"),
        "{listed}"
    );
    let listed = order(&world, &["list", "--outcome", "done", "-o", "json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let action = listed["actions"][0]["action_id"].as_str().unwrap();
    let foreseen = order(&world, &["undo", action, "--dry-run"]).succeeded();
    assert!(
        foreseen.contains("would") && foreseen.contains("reinstate everything"),
        "{foreseen}"
    );
    assert_eq!(state(&world, &id), "suspended");
    order(&world, &["undo", action]).succeeded();
    assert_eq!(state(&world, &id), "good");
}

#[test]
fn a_long_list_comes_in_pages() {
    let world = World::start();
    for agent in ["a", "b", "c"] {
        order(&world, &["suspend", "--agent", agent]).succeeded();
    }
    let first = order(&world, &["list", "--limit", "2"]);
    let cursor = first.stderr.split_whitespace().last().unwrap().to_owned();
    assert_eq!(first.succeeded().matches("suspend").count(), 2);
    let last = order(&world, &["list", "--limit", "2", "--cursor", &cursor]);
    assert_eq!(last.stderr, "");
    assert_eq!(last.succeeded().matches("suspend").count(), 1);
    assert_one_line(
        &order(&world, &["list", "--outcome", "held", "--cursor", &cursor]).failed(2),
        "start again from the first page",
    );
    assert_eq!(order(&world, &["list", "--cursor", "a&b"]).code, 2);
}

#[test]
fn an_order_names_exactly_one_target() {
    let world = World::start();
    for words in [
        &["suspend"][..],
        &["suspend", "--tenant", "acme"],
        &["suspend", "--agent", "a", "--server", "b"],
        &["suspend", "--agent", "a", "--whole-tenant"],
        &["suspend", "--passport", "asp_0"],
        &["suspend", "--key", "short"],
        &["suspend", "--agent", "a", "--until", "soon"],
        &["revoke", "--agent", "a", "--reason", "because"],
        &["undo", "act_0"],
    ] {
        assert_eq!(order(&world, words).code, 2, "{words:?}");
    }
    let listed = order(&world, &["list", "-o", "json"]).succeeded();
    assert_eq!(listed.trim(), r#"{"actions":[]}"#);
}

#[test]
fn an_order_says_how_far_it_reaches_and_warns_where_that_is_nobody() {
    let world = World::start();
    world.enrol("agent", "bot", 1);
    let done = order(&world, &["suspend", "--agent", "bot"]);
    assert_eq!(done.stderr, "");
    let told = done.succeeded();
    assert!(told.contains("1 live passport"), "{told}");
    for target in [
        &["--agent", "nosuch"][..],
        &["--agent", "bot", "--tenant", "nosuchtenant"],
    ] {
        let done = order(&world, &[&["suspend"], target].concat());
        assert_one_warning(&done.stderr, "check the name");
        // Passports that are yet to come are reached, so it is ordered all the same.
        let told = done.succeeded();
        assert!(
            told.contains("ordered") && told.contains("0 live passports"),
            "{told}"
        );
        let json = order(&world, &[&["suspend", "-o", "json"], target].concat());
        let json: Value = serde_json::from_str(&json.succeeded()).unwrap();
        assert_eq!(json["reached"], 0, "{json}");
        // Taking it back reaches nobody either, and that is no mistake.
        let back = order(&world, &[&["reinstate"], target].concat());
        assert_eq!(back.stderr, "");
        back.succeeded();
    }
}

/// Asserts that a warning is one line, and names what to do next.
#[track_caller]
fn assert_one_warning(stderr: &str, next: &str) {
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(lines[0].contains(next), "`{next}` is not in: {stderr}");
}
