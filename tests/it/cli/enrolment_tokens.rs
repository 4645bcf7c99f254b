//! `mcps token`, and getting a passport with a token.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{assert_one_line, mcps, passport};
use crate::world::{Done, World, run};

/// `mcps token VERB …` as the first operator, from a home that has none of its own.
fn token(world: &World, words: &[&str]) -> Done {
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
        &[&["token"], words, &asking].concat(),
    ))
}

#[test]
fn a_token_made_by_an_operator_enrols_one_home_once() {
    let world = World::start();
    let file = world.dir().join("bot.token");
    let path = file.to_str().unwrap();
    let words = [
        "create",
        "--name",
        "bot",
        "--owner",
        "me",
        "--level",
        "2",
        "--token-file",
        path,
    ];
    let made = token(&world, &words).succeeded();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let secret = fs::read_to_string(&file).unwrap();
    assert!(secret.starts_with("mcps_et_") && !made.contains(secret.trim()));
    // Not over a file that is there.
    assert_eq!(token(&world, &words).code, 1);

    let request = |home: &str| {
        let words = [
            "passport",
            "request",
            "--authority",
            world.url(),
            "--name",
            "bot",
            "--enrolment-token-file",
            path,
        ];
        run(&mut mcps(&world, &world.home(home), &words))
    };
    let done = request("bot");
    assert!(!format!("{done:?}").contains(secret.trim()));
    done.succeeded();
    let passport = passport(&world, &world.home("bot"));
    assert_eq!(passport["trust_level"], 2);
    assert_eq!(passport["ext"]["owner"], "me");

    assert_one_line(&request("thief").failed(4), "was used; ask whoever gave it");
    assert!(!world.home("thief").join("passport.json").exists());
    let listed = token(&world, &["list", "-o", "json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["tokens"][0]["passport_id"], passport["passport_id"]);
    let id = listed["tokens"][0]["token_id"].as_str().unwrap().to_owned();
    assert_one_line(
        &token(&world, &["withdraw", &id]).failed(4),
        "revoke that passport",
    );
}

#[test]
fn a_token_may_come_from_the_environment() {
    let world = World::start();
    let made = token(
        &world,
        &[
            "create",
            "--name-prefix",
            "bot-",
            "--owner",
            "me",
            "-o",
            "json",
        ],
    );
    let made: Value = serde_json::from_str(&made.succeeded()).unwrap();
    let home = world.home("bot-1");
    let words = ["passport", "request", "--authority", world.url(), "--name"];
    let with = |name: &str, more: &[&str]| {
        let mut command = mcps(&world, &home, &[&words[..], &[name], more].concat());
        command.env("MCPS_ENROLMENT_TOKEN", made["token"].as_str().unwrap());
        run(&mut command)
    };
    assert_one_line(&with("robot", &[]).failed(4), "`name` is not what");
    assert_one_line(&with("bot-1", &["--level", "2"]).failed(4), "`trust_level`");
    with("bot-1", &[]).succeeded();
}

#[test]
fn a_withdrawn_token_enrols_nobody() {
    let world = World::start();
    let made = token(
        &world,
        &["create", "--name", "bot", "--owner", "me", "-o", "json"],
    );
    let made: Value = serde_json::from_str(&made.succeeded()).unwrap();
    let id = made["token_id"].as_str().unwrap();
    let done = token(&world, &["withdraw", id]).succeeded();
    assert!(done.contains(id), "{done}");
    let listed = token(&world, &["list"]).succeeded();
    assert!(
        listed.contains("withdrawn") && listed.contains("agent bot"),
        "{listed}"
    );
    let mut request = mcps(
        &world,
        &world.home("bot"),
        &[
            "passport",
            "request",
            "--authority",
            world.url(),
            "--name",
            "bot",
        ],
    );
    request.env("MCPS_ENROLMENT_TOKEN", made["token"].as_str().unwrap());
    assert_one_line(&run(&mut request).failed(4), "was withdrawn");
}

#[test]
fn a_token_is_never_an_argument_and_another_secret_is_not_sent_as_one() {
    let world = World::start();
    let home = world.home("bot");
    let file = world.operator_key_file();
    let words = [
        "passport",
        "request",
        "--authority",
        world.url(),
        "--name",
        "bot",
    ];
    let spelt = [&words[..], &["--enrolment-token", "mcps_et_"]].concat();
    run(&mut mcps(&world, &home, &spelt)).failed(2);
    let wrong = [
        &words[..],
        &["--enrolment-token-file", file.to_str().unwrap()],
    ]
    .concat();
    let refused = run(&mut mcps(&world, &home, &wrong));
    assert!(!format!("{refused:?}").contains(world.operator_key()));
    assert_one_line(&refused.failed(2), "does not hold an enrolment token");
    // An operator has to say who answers for it.
    let by_operator = [&words[..], &["--operator-key-file", file.to_str().unwrap()]].concat();
    assert_one_line(
        &run(&mut mcps(&world, &home, &by_operator)).failed(2),
        "--owner WHO",
    );
    assert_eq!(token(&world, &["withdraw", "enr_1"]).code, 2);
    assert!(!home.exists());
}
