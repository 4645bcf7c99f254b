//! `mcps trust`: explained, raised and lowered from the command line.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{assert_one_line, mcps};
use crate::world::{Done, World, run};

struct Scene {
    world: World,
    home: PathBuf,
}

impl Scene {
    /// A server that has published one tool.
    fn start() -> Self {
        let world = World::start();
        let home = world.enrol("server", "notes", 1);
        let scene = Self { world, home };
        let added = scene.operate(&["server", "add", "-o", "json"]).succeeded();
        let added: Value = serde_json::from_str(&added).unwrap();
        let tools = scene.world.dir().join("tools.json");
        fs::write(&tools, r#"{"tools":[{"name":"read"}]}"#).unwrap();
        let id = added["server_id"].as_str().unwrap();
        let words = [
            "manifest",
            "publish",
            "--server",
            id,
            "--tools",
            tools.to_str().unwrap(),
        ];
        scene.run(&words).succeeded();
        scene
    }

    fn run(&self, args: &[&str]) -> Done {
        run(&mut mcps(&self.world, &self.home, args))
    }

    fn operate(&self, args: &[&str]) -> Done {
        self.operate_as(&self.world.operator_key_file(), args)
    }

    fn operate_as(&self, key: &Path, args: &[&str]) -> Done {
        let more = ["--operator-key-file", key.to_str().unwrap()];
        self.run(&[args, &more].concat())
    }

    /// The file with the key of one more operator.
    fn another_operator(&self, name: &str) -> PathBuf {
        let data = self.world.dir().join("authority");
        let mut add = self.world.program("mcps-authority");
        add.args(["add-operator", "--name", name, "--data-dir"])
            .arg(data);
        let path = self.world.dir().join(name);
        fs::write(&path, run(&mut add).succeeded()).unwrap();
        path
    }

    fn level(&self) -> u64 {
        let explained = self
            .operate(&["trust", "explain", "-o", "json"])
            .succeeded();
        let explained: Value = serde_json::from_str(&explained).unwrap();
        explained["level"].as_u64().unwrap()
    }
}

#[test]
fn a_server_climbs_by_evidence_and_falls_with_a_failed_scan() {
    let scene = Scene::start();
    let explained = scene.operate(&["trust", "explain"]).succeeded();
    assert!(
        explained.contains("L1 Identified") && explained.contains("--type decision"),
        "{explained}"
    );
    let record = |kind: &str, more: &[&str]| {
        let words = [
            "trust",
            "record",
            "--type",
            kind,
            "--statement",
            "looked at it",
        ];
        scene.operate(&[&words[..], more].concat())
    };
    let foreseen = record("decision", &["--dry-run", "-o", "json"]).succeeded();
    let foreseen: Value = serde_json::from_str(&foreseen).unwrap();
    assert_eq!(foreseen["type"], "operator_decision");
    assert_eq!(scene.level(), 1);
    record("decision", &["--for", "30d"]).succeeded();
    record("scan", &[]).succeeded();
    assert_eq!(scene.level(), 3);
    let audit = record("audit", &["-o", "json"]).succeeded();
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let id = audit["evidence_id"].as_str().unwrap();
    assert_one_line(
        &scene.operate(&["trust", "approve", id]).failed(4),
        "another operator",
    );
    for name in ["ann", "bob"] {
        let key = scene.another_operator(name);
        scene
            .operate_as(&key, &["trust", "approve", id])
            .succeeded();
    }
    assert_eq!(scene.level(), 4);
    let explained = scene.operate(&["trust", "explain"]).succeeded();
    assert!(
        explained.contains(id) && !explained.contains("\nnext"),
        "{explained}"
    );
    record("scan", &["--verdict", "fail"]).succeeded();
    assert_eq!(scene.level(), 2);
}

#[test]
fn what_cannot_be_recorded_is_said() {
    let scene = Scene::start();
    let words = ["trust", "record", "--statement", "x", "--type"];
    let record = |more: &[&str]| scene.operate(&[&words[..], more].concat());
    record(&["guess"]).failed(2);
    record(&["decision", "--for", "365d"]).failed(2);
    record(&["scan", "--manifest", "x"]).failed(2);
    assert_one_line(
        &record(&["scan", "bot", "--kind", "agent"]).failed(3),
        "enrol or register",
    );
    assert_one_line(
        &scene.operate(&["trust", "explain", "../x"]).failed(2),
        "a name is",
    );
    assert_one_line(
        &scene.operate(&["trust", "approve", "ev_0"]).failed(2),
        "ev_ and 64",
    );
    let unknown = format!("ev_{}", "0".repeat(64));
    scene.operate(&["trust", "approve", &unknown]).failed(3);
    assert_one_line(
        &scene.operate(&["trust", "challenge"]).failed(4),
        "no origin",
    );
    assert_one_line(
        &scene.operate(&["trust", "check"]).failed(4),
        "ask for one first",
    );
    assert_eq!(scene.level(), 1);
}

#[test]
fn an_origin_on_this_machine_is_not_fetched_from() {
    let world = World::start();
    let origin = ["--origin", "https://127.0.0.1:1"];
    let home = world.enrol_with("agent", "bot", 1, &origin);
    let scene = Scene { world, home };
    let asked = scene
        .operate(&["trust", "challenge", "-o", "json"])
        .succeeded();
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(
        asked["url"],
        json!("https://127.0.0.1:1/.well-known/mcps-origin")
    );
    assert_one_line(&scene.operate(&["trust", "check"]).failed(4), "not public");
}
