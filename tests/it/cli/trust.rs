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

    /// The file with a key of one's own.
    fn key(&self, name: &str) -> PathBuf {
        let home = self.world.dir().join(format!("home of {name}"));
        run(&mut mcps(&self.world, &home, &["keygen"])).succeeded();
        home.join("key.pem")
    }

    fn manifest(&self) -> String {
        let explained = self.operate(&["trust", "explain", "-o", "json"]);
        let explained: Value = serde_json::from_str(&explained.succeeded()).unwrap();
        explained["manifest"].as_str().unwrap().to_owned()
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
        let (operator, key) = (scene.another_operator(name), scene.key(name));
        let own = ["--key", key.to_str().unwrap()];
        let approve = [&["trust", "approve", id][..], &own].concat();
        assert_one_line(
            &scene.operate_as(&operator, &approve).failed(4),
            "mcps trust approver add",
        );
        let add = [&["trust", "approver", "add"][..], &own].concat();
        scene.operate_as(&operator, &add).succeeded();
        scene.operate_as(&operator, &approve).succeeded();
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

#[test]
fn a_report_is_recorded_and_one_that_a_scanner_signed() {
    let scene = Scene::start();
    let record = |more: &[&str]| scene.operate(&[&["trust", "record"], more].concat());
    record(&["--type", "decision", "--statement", "met them"]).succeeded();
    let report = scene.world.dir().join("report.json");
    let clean = json!({
        "server_url": "https://other.example/mcp",
        "requested_analyzers": ["yara"],
        "scan_results": [{
            "tool_name": "read", "tool_description": "", "status": "completed", "is_safe": true,
            "findings": {"yara_analyzer": {"severity": "SAFE", "total_findings": 0}},
        }],
    });
    fs::write(&report, clean.to_string()).unwrap();
    let path = report.to_str().unwrap();
    let foreseen = record(&["--report", path, "--dry-run"]).succeeded();
    assert!(
        foreseen.contains("mcp-scanner: nothing found"),
        "{foreseen}"
    );
    assert_eq!(scene.level(), 2);
    assert_one_line(
        &record(&["--report", path, "--format", "sarif"]).failed(2),
        "mcp-scanner",
    );
    record(&["--report", path]).succeeded();
    assert_eq!(scene.level(), 3);
    scene
        .operate(&["trust", "scanner", "revoke", "operator"])
        .succeeded();
    assert_eq!(scene.level(), 2);
    assert_one_line(&record(&["--report", path]).failed(4), "was revoked");

    let key = scene.key("ci");
    let public = scene.world.dir().join("ci.pub");
    let pem = fs::read_to_string(&key).unwrap();
    let pem = mcps_core::key::SecretKey::from_pem(&pem).unwrap();
    let pem = mcps_core::signer::Signer::public_key(&pem)
        .to_pem()
        .unwrap();
    fs::write(&public, pem).unwrap();
    let key = key.to_str().unwrap();
    let manifest = scene.manifest();
    let seal = ["trust", "seal", path, "--manifest", &manifest, "--key", key];
    let sealed = scene.world.dir().join("sealed.json");
    fs::write(&sealed, scene.run(&seal).succeeded()).unwrap();
    let sealed = ["--report", sealed.to_str().unwrap()];
    assert_one_line(&record(&sealed).failed(4), "mcps trust scanner add");
    let add = [
        "trust",
        "scanner",
        "add",
        "ci",
        "--format",
        "mcp-scanner",
        "--public-key",
    ];
    let add = [&add[..], &[public.to_str().unwrap()]].concat();
    scene.operate(&add).succeeded();
    record(&sealed).succeeded();
    assert_eq!(scene.level(), 3);
    let listed = scene.operate(&["trust", "scanner", "list"]).succeeded();
    assert!(
        listed.contains("ci") && listed.contains("revoked"),
        "{listed}"
    );
    let attested = scene.operate(&["trust", "attest"]).succeeded();
    assert!(
        attested.contains("application/vnd.in-toto+json"),
        "{attested}"
    );
}

#[test]
fn an_exception_is_asked_for_by_one_and_approved_by_another() {
    let scene = Scene::start();
    let record = |more: &[&str]| scene.operate(&[&["trust", "record"], more].concat());
    record(&["--type", "decision", "--statement", "met them"]).succeeded();
    let ask = ["--type", "exception", "--statement", "fixed on Friday"];
    record(&ask).failed(2);
    let asked = record(&[&ask[..], &["--waives", "scan", "--for", "5d", "-o", "json"]].concat());
    let asked: Value = serde_json::from_str(&asked.succeeded()).unwrap();
    let id = asked["evidence_id"].as_str().unwrap();
    let (operator, key) = (scene.another_operator("ann"), scene.key("ann"));
    let own = ["--key", key.to_str().unwrap()];
    let add = [&["trust", "approver", "add"][..], &own].concat();
    scene.operate_as(&operator, &add).succeeded();
    let approve = [&["trust", "approve", id][..], &own].concat();
    scene.operate_as(&operator, &approve).succeeded();
    assert_eq!(scene.level(), 3);
    let explained = scene.operate(&["trust", "explain"]).succeeded();
    assert!(explained.contains("waived"), "{explained}");
    let keys = scene.operate_as(&operator, &["trust", "approver", "list"]);
    let keys = keys.succeeded();
    assert!(keys.contains("(you)"), "{keys}");
    let listed = scene.operate_as(&operator, &["trust", "approver", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed.succeeded()).unwrap();
    let id = listed["keys"][0]["key_id"].as_str().unwrap();
    let revoked = scene
        .operate(&["trust", "approver", "revoke", id])
        .succeeded();
    assert!(revoked.contains('1'), "{revoked}");
    assert_eq!(scene.level(), 2);
}
