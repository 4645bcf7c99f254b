//! `mcps audit` against an authority whose database somebody changed.

use std::fs;

use super::mcps;
use crate::world::{World, run, run_with_input};

#[test]
fn the_trail_is_listed_exported_and_proven_and_a_change_is_named() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 2);
    let key = world.operator_key_file();
    let key = key.to_str().unwrap();
    let audit = |words: &[&str]| {
        let words = [&["audit"], words, &["--operator-key-file", key]].concat();
        run(&mut mcps(&world, &home, &words))
    };
    let listed = audit(&["list"]).succeeded();
    assert!(
        listed.contains("passport.issue") && listed.contains("trail.begin"),
        "{listed}"
    );
    let proven = audit(&["verify"]).succeeded();
    assert!(proven.contains("wrong        0"), "{proven}");
    assert!(proven.trim_end().ends_with("yes"), "{proven}");

    let export = audit(&["export"]).succeeded();
    let file = home.join("export.jsonl");
    fs::write(&file, &export).unwrap();
    let verify = |text: &str| {
        fs::write(&file, text).unwrap();
        let words = ["audit", "verify", file.to_str().unwrap()];
        run(&mut mcps(&world, &home, &words))
    };
    verify(&export).succeeded();
    let words = ["audit", "verify", "-", "-o", "json"];
    let json = run_with_input(&mut mcps(&world, &home, &words), &export).succeeded();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["holds"], true);

    let edited = export.replace("passport.issue", "passport.cheat");
    let told = verify(&edited);
    assert!(
        told.stdout
            .contains("edited: its content is not what was signed"),
        "{}",
        told.stdout
    );
    assert!(told.failed(6).contains("not as they were written"));
    let lines: Vec<&str> = export.lines().collect();
    let issued = lines
        .iter()
        .position(|line| line.contains("passport.issue"))
        .unwrap();
    let cut: Vec<&str> = [&lines[..issued], &lines[issued + 1..]].concat();
    let told = verify(&(cut.join("\n") + "\n"));
    assert!(
        told.stdout.contains("cut: it is not there"),
        "{}",
        told.stdout
    );
    told.failed(6);
    let error = verify("{}\n").failed(6);
    assert!(error.contains("it is no line of an export"), "{error}");

    run(&mut mcps(&world, &home, &["audit", "list"])).failed(2);
}

#[test]
fn without_a_home_the_trail_is_listed_by_the_id_of_the_root_key_which_the_error_asks_for() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 2);
    let pin = fs::read_to_string(home.join("authority.json")).unwrap();
    let pin: serde_json::Value = serde_json::from_str(&pin).unwrap();
    let nowhere = world.dir().join("nowhere");
    let key = world.operator_key();
    let audit = |words: &[&str]| {
        let mut command = mcps(&world, &nowhere, &[&["audit"], words].concat());
        command.env("MCPS_AUTHORITY", world.url());
        run(command.env("MCPS_OPERATOR_KEY", key))
    };
    for verb in ["list", "verify", "export"] {
        let told = audit(&[verb]).failed(3);
        super::assert_one_line(&told, "--root KEYID");
        let root = pin["root_kid"].as_str().unwrap();
        audit(&[verb, &format!("--root={root}")]).succeeded();
    }
    assert!(!nowhere.exists());
}
