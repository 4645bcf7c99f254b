//! `mcps passport verify`: each check fails by its own code.

use std::fs;
use std::time::Duration;

use mcps_core::level::TrustLevel;
use mcps_core::passport::Unsigned;
use serde_json::Value;

use super::founder::{Founder, new_key, now, unsigned, with_ca};
use super::{assert_one_line, mcps};
use crate::world::{Done, World, run, run_with_input};

/// What came of one check, by its name.
#[track_caller]
fn outcome(done: &Done, check: &str) -> (String, Option<String>) {
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let check = checks.iter().find(|one| one["check"] == check).unwrap();
    (
        check["outcome"].as_str().unwrap().to_owned(),
        check["code"].as_str().map(str::to_owned),
    )
}

fn held() -> (String, Option<String>) {
    ("holds".to_owned(), None)
}

fn refused(code: &str) -> (String, Option<String>) {
    ("refused".to_owned(), Some(code.to_owned()))
}

/// Verifies a passport that the founder issued, in a home that believes the founder.
fn judge(make: impl Fn(Unsigned) -> Unsigned) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let founder = Founder::new();
    let home = founder.home(&folder.path().join("home"));
    let passport = founder.issue(&make(unsigned(&new_key())));
    verify(&home, passport.text())
}

fn verify(home: &std::path::Path, passport: &str) -> Done {
    let mut command = std::process::Command::new(crate::world::bin("mcps"));
    command
        .env_clear()
        .arg("--home")
        .arg(home)
        .args(["passport", "verify", "-o", "json", "-"]);
    run_with_input(&mut command, passport)
}

#[test]
fn a_passport_in_order_holds() {
    let done = judge(|unsigned| unsigned);
    for check in ["structure", "times", "issuer", "chain", "level", "key"] {
        assert_eq!(outcome(&done, check), held(), "{check}");
    }
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (
            json["verdict"].as_str(),
            json["passport"]["agent"]["name"].as_str()
        ),
        (Some("good"), Some("agent"))
    );
    done.succeeded();
}

#[test]
fn an_expired_one_was_still_signed_by_its_issuer() {
    let done = judge(|unsigned| Unsigned {
        issued_at: now().minus(Duration::from_secs(7200)),
        expires_at: now().minus(Duration::from_secs(3600)),
        ..unsigned
    });
    assert_eq!(outcome(&done, "times"), refused("MCPS-002"));
    assert_eq!(outcome(&done, "chain"), held());
    assert_one_line(&done.failed(6), "mcps passport renew");
}

#[test]
fn one_from_the_future_is_refused() {
    let done = judge(|unsigned| Unsigned {
        issued_at: now().plus(Duration::from_secs(600)),
        ..unsigned
    });
    assert_eq!(outcome(&done, "times"), refused("MCPS-001"));
    done.failed(6);
}

#[test]
fn one_of_an_unknown_issuer_is_worth_nothing() {
    let done = judge(|unsigned| Unsigned {
        issuer: "somebody".to_owned(),
        ..unsigned
    });
    assert_eq!(outcome(&done, "issuer"), refused("MCPS-001"));
    assert_eq!(outcome(&done, "chain").0, "not_checked");
    done.failed(6);
}

#[test]
fn a_changed_member_breaks_the_signature() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let passport = fs::read_to_string(home.join("passport.json")).unwrap();
    let raised = passport.replace(r#""trust_level":1"#, r#""trust_level":2"#);
    assert_ne!(raised, passport);
    let done = verify(&home, &raised);
    assert_eq!(outcome(&done, "chain"), refused("MCPS-001"));
    done.failed(6);
    verify(&home, &passport).succeeded();
}

#[test]
fn another_authoritys_passport_is_not_believed() {
    let (world, other) = (World::start(), World::start());
    let home = world.enrol("agent", "bot", 1);
    let foreign = fs::read_to_string(other.enrol("agent", "bot", 1).join("passport.json")).unwrap();
    let done = verify(&home, &foreign);
    assert_eq!(outcome(&done, "issuer"), refused("MCPS-001"));
    assert_one_line(&done.failed(6), "not trusted here");
}

#[test]
fn an_issuing_passport_lends_its_level_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let founder = Founder::new();
    let home = founder.home(&folder.path().join("home"));
    let issuing_key = new_key();
    let issuing = Unsigned {
        agent_name: "team".to_owned(),
        ..unsigned(&issuing_key)
    };
    let issuing = founder.issue(&with_ca(issuing, TrustLevel::L1));
    let issue = |level| {
        let child = Unsigned {
            issuer: "team".to_owned(),
            issuer_chain: vec![issuing.clone()],
            trust_level: level,
            ..unsigned(&new_key())
        };
        verify(&home, child.sign(&issuing_key).unwrap().text())
    };
    let good = issue(TrustLevel::L1);
    assert!(
        good.stdout.contains("1 issuing passports"),
        "{}",
        good.stdout
    );
    good.succeeded();
    let raised = issue(TrustLevel::L2);
    assert_eq!(outcome(&raised, "chain"), refused("MCPS-001"));
    raised.failed(6);
}

#[test]
fn what_is_no_passport_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Founder::new().home(&folder.path().join("home"));
    for (text, code) in [
        ("", "MCPS-020"),
        ("{}", "MCPS-001"),
        ("[1]", "MCPS-001"),
        (r#"{"a":1,"a":2}"#, "MCPS-020"),
    ] {
        let done = verify(&home, text);
        assert_eq!(outcome(&done, "structure"), refused(code), "{text}");
        done.failed(6);
    }
    let large = format!(r#"{{"passport_id":"{}"}}"#, "a".repeat(9000));
    assert_eq!(
        outcome(&verify(&home, &large), "structure"),
        refused("MCPS-013")
    );
    assert_one_line(
        &verify(&home, &"x".repeat(100_000)).failed(1),
        "more than 65536 bytes",
    );
}

#[test]
fn ones_own_passport_must_be_for_ones_own_key() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    run(&mut mcps(&world, &home, &["keygen", "--force"])).succeeded();
    let done = run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "-o", "json"],
    ));
    assert_eq!(outcome(&done, "key"), refused("MCPS-001"));
    assert_one_line(&done.failed(6), "another key");
}

#[test]
fn silence_of_the_authority_is_stale_and_not_good() {
    let mut world = World::start();
    let home = world.enrol("agent", "bot", 1);
    world.stop_authority();
    let done = run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online", "-o", "json"],
    ));
    assert_eq!(outcome(&done, "revocation"), refused("MCPS-007"));
    assert_one_line(&done.failed(5), "MCPS-007");
    run(&mut mcps(&world, &home, &["passport", "verify"])).succeeded();
}

#[test]
fn a_key_set_that_was_changed_is_believed_by_nobody() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let trust = fs::read_to_string(home.join("trust.json")).unwrap();
    fs::write(
        home.join("trust.json"),
        trust.replace(r#""state":"active""#, r#""state":"tainted""#),
    )
    .unwrap();
    assert_one_line(
        &run(&mut mcps(&world, &home, &["passport", "verify"])).failed(1),
        "trust.json is not usable",
    );
}
