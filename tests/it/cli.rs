//! The `mcps` command as people and scripts use it: the real program, a real authority.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod access;
mod auditing;
mod compromises;
mod connecting;
mod doctor;
mod endings;
mod enrolling;
mod enrolment_tokens;
mod envelopes;
mod foreseeing;
mod founder;
mod incidents;
mod life;
mod manual;
mod orders;
mod policies;
mod registry;
mod roots;
mod rotating;
mod signals;
mod tools;
mod trust;
mod usage;
mod verdicts;
mod verifying;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::world::{World, run};

/// `mcps --home HOME ARGS`.
fn mcps(world: &World, home: &Path, args: &[&str]) -> Command {
    let mut command = world.mcps(home);
    command.args(args);
    command
}

/// The home's passport as `mcps passport show` prints it.
#[track_caller]
fn passport(world: &World, home: &Path) -> Value {
    let shown = run(&mut mcps(world, home, &["passport", "show", "-o", "json"])).succeeded();
    serde_json::from_str::<Value>(&shown).unwrap()["passport"].take()
}

/// The id of the home's passport.
#[track_caller]
fn id(world: &World, home: &Path) -> String {
    passport(world, home)["passport_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Starts a service, and waits until it says where it listens.
pub(crate) fn listening(mut command: Command) -> (Child, String) {
    let mut process = command
        .env("MCPS_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| Some(line.unwrap().strip_prefix("listening on ")?.to_owned()));
    let url = url.unwrap();
    // Read to the end: a pipe that nobody reads would end it.
    std::thread::spawn(move || lines.for_each(drop));
    (process, url)
}

/// Asserts that an error is one line, from us, and names what to do next.
#[track_caller]
fn assert_one_line(stderr: &str, next: &str) {
    let lines: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("mcps: "))
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(lines[0].contains(next), "`{next}` is not in: {stderr}");
}
