//! `mcps doctor`: each mistake is made, and found.

mod files;
mod network;
mod plans;
mod registry;
mod servers;
mod tampered;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mcps;
use crate::world::{Done, World, run};

/// What a diagnosis said.
struct Diagnosis {
    code: i32,
    findings: Vec<Value>,
    said: Done,
}

/// `mcps doctor -o json` with these arguments.
fn diagnose(world: &World, home: &Path, more: &[&str]) -> Diagnosis {
    let command = &mut mcps(world, home, &["doctor", "-o", "json"]);
    let done = run(command.args(more));
    let json: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
    let findings = json["findings"].as_array().cloned().unwrap_or_default();
    assert!(!findings.is_empty(), "{done:?}");
    assert_eq!(json["well"], done.code == 0, "{done:?}");
    Diagnosis {
        code: done.code,
        findings,
        said: done,
    }
}

impl Diagnosis {
    fn of(&self, id: &str) -> Option<&Value> {
        self.findings.iter().find(|finding| finding["id"] == id)
    }

    /// Asserts that the finding is there, of that grade, and says what to do in these words.
    #[track_caller]
    fn finds(self, id: &str, grade: &str, next: &str) -> Self {
        let finding = self.of(id);
        let finding = finding.unwrap_or_else(|| panic!("no {id}: {:?}", self.said));
        assert_eq!(finding["grade"], grade, "{finding}");
        let does = finding["next"].as_str().unwrap_or_default();
        assert!(does.contains(next), "{finding}");
        self
    }

    /// Asserts the exit code.
    #[track_caller]
    fn ends(self, code: i32) {
        assert_eq!(self.code, code, "{:?}", self.said);
    }
}

/// A world and an agent's home.
fn scene() -> (World, PathBuf) {
    let world = World::start();
    let home = world.enrol("agent", "bot", 1);
    (world, home)
}

#[test]
fn a_home_that_is_well_is_said_to_be() {
    let (world, home) = scene();
    let well = diagnose(&world, &home, &[]);
    for id in [
        "home",
        "key",
        "passport",
        "trust",
        "authority",
        "clock",
        "passport-status",
    ] {
        assert_eq!(well.of(id).unwrap()["grade"], "good", "{id}");
    }
    well.ends(0);
    let table = run(&mut mcps(&world, &home, &["doctor"])).succeeded();
    assert!(
        table.starts_with("GRADE ") && table.contains("passport-status"),
        "{table}"
    );
}

#[test]
fn what_is_wrong_comes_with_the_next_step_and_one_line_at_the_end() {
    let (world, home) = scene();
    std::fs::remove_file(home.join("key.pem")).unwrap();
    let done = run(&mut mcps(&world, &home, &["doctor"]));
    assert!(done.stdout.contains("next: "), "{}", done.stdout);
    super::assert_one_line(&done.failed(3), "mend the first of them");
}

#[test]
fn every_finding_is_explained_in_the_documentation() {
    let text = include_str!("../../../docs/doctor.md");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../mcps-client/src/cli/doctor");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for call in ["found.bad(", "found.warn("] {
            for rest in source.split(call).skip(1) {
                let id = rest.split('"').nth(1).unwrap();
                assert!(
                    text.contains(&format!("`{id}`")),
                    "{id} is not in docs/doctor.md"
                );
                count += 1;
            }
        }
    }
    assert!(count > 30, "{count}");
}
