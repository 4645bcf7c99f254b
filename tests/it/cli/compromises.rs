//! `mcps passport report-compromise`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{assert_one_line, mcps};
use crate::world::{World, run};

#[test]
fn a_home_ends_its_own_key() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let report = ["passport", "report-compromise"];
    let dry = [&report[..], &["--dry-run"]].concat();
    let foreseen = run(&mut mcps(&world, &home, &dry)).succeeded();
    assert!(foreseen.contains("would block"), "{foreseen}");
    run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online"],
    ))
    .succeeded();

    let done = run(&mut mcps(&world, &home, &report)).succeeded();
    assert!(
        done.contains("blocked") && done.contains("mcps keygen --force"),
        "{done}"
    );
    let refused = run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online"],
    ))
    .failed(6);
    assert_one_line(&refused, "MCPS-003");
    let again = run(&mut mcps(&world, &home, &report)).succeeded();
    assert!(again.contains("blocked before"), "{again}");
}

#[test]
fn a_statement_that_was_kept_apart_ends_a_key_that_is_lost() {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    let file = world.dir().join("bot.end");
    let path = file.to_str().unwrap();
    let save = ["passport", "report-compromise", "--save", path];
    run(&mut mcps(&world, &home, &save)).succeeded();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online"],
    ))
    .succeeded();

    let elsewhere = world.home("responder");
    let url = world.url();
    let send = [
        "passport",
        "report-compromise",
        "--authority",
        url,
        "--statement",
    ];
    let other_file = world.operator_key_file();
    let wrong = [&send[..], &[other_file.to_str().unwrap()]].concat();
    let refused = run(&mut mcps(&world, &elsewhere, &wrong));
    assert!(!format!("{refused:?}").contains(world.operator_key()));
    assert_one_line(&refused.failed(2), "not a statement");
    // To another authority it says nothing.
    let other = World::start();
    let other_url = other.url();
    let foreign = [
        "passport",
        "report-compromise",
        "--authority",
        other_url,
        "--statement",
        path,
    ];
    assert_one_line(
        &run(&mut mcps(&other, &elsewhere, &foreign)).failed(2),
        "`audience`",
    );

    let sent = [&send[..], &[path]].concat();
    run(&mut mcps(&world, &elsewhere, &sent)).succeeded();
    run(&mut mcps(
        &world,
        &home,
        &["passport", "verify", "--online"],
    ))
    .failed(6);
}
