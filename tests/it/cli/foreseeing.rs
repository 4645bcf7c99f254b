//! `--dry-run`: says what would be done, and does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mcps;
use crate::world::{World, run};

struct Scene {
    world: World,
    home: PathBuf,
}

impl Scene {
    /// A registered server with one published tool, whose passport names an origin.
    fn start() -> Self {
        let world = World::start();
        let origin = ["--origin", "https://notes.example.com"];
        let home = world.enrol_with("server", "notes", 1, &origin);
        Self { world, home }
    }

    fn json(&self, words: &[&str]) -> Value {
        let file = self.world.operator_key_file();
        let mut command = mcps(&self.world, &self.home, words);
        // Those that need none are not told of a key.
        command.env(
            "MCPS_OPERATOR_KEY",
            fs::read_to_string(file).unwrap().trim(),
        );
        let said = run(command.args(["-o", "json"])).succeeded();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{words:?}: {error}: {said}"))
    }

    /// Everything that was ever recorded, and every file of the home.
    fn state(&self) -> (Value, BTreeMap<PathBuf, Vec<u8>>) {
        let records = self.json(&["audit", "list", "--limit", "500"]);
        (records, files(&self.home))
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    // What a lock leaves behind is nothing.
    let files = files.filter(|path| !matches!(path.file_name(), Some(name) if name == ".lock"));
    files
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn nothing_is_changed_by_what_is_only_foreseen() {
    let scene = Scene::start();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let server = text(&scene.json(&["server", "add"]), "server_id");
    let tools = scene.world.dir().join("tools.json");
    fs::write(&tools, r#"{"tools":[{"name":"read"}]}"#).unwrap();
    let tools = tools.to_str().unwrap();
    scene.json(&["manifest", "publish", "--server", &server, "--tools", tools]);
    let token = scene.json(&["token", "create", "--name", "n", "--owner", "o@example.com"]);
    let token = text(&token, "token_id");
    let order = text(
        &scene.json(&["order", "suspend", "--agent", "n"]),
        "action_id",
    );
    let audit = scene.json(&["trust", "record", "--type", "audit", "--statement", "s"]);
    let audit = text(&audit, "evidence_id");
    let policy = scene.world.dir().join("none.cedar");
    let forbid = "@id(\"none\") @reason(\"Not here.\")\nforbid (principal, action, resource);\n";
    fs::write(&policy, forbid).unwrap();
    let (url, policy) = (scene.world.url(), policy.to_str().unwrap());

    let before = scene.state();
    let request = [
        "passport",
        "request",
        "--authority",
        url,
        "--name",
        "n",
        "--owner",
        "o@example.com",
    ];
    let hash = "0f2f0b5d2c4e5b8a1f6d7c8e9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b";
    let quarantine = [
        "quarantine",
        "promote",
        "s",
        "t",
        "--tenant",
        "default",
        "--hash",
        hash,
        "--authority",
        url,
    ];
    let changes: [&[&str]; 22] = [
        &["keygen", "--force"],
        &request,
        &["passport", "renew"],
        &["passport", "rotate"],
        &["passport", "report-compromise"],
        &["passport", "revoke", "--reason", "policy"],
        &["token", "create", "--name", "m", "--owner", "o@example.com"],
        &["token", "withdraw", &token],
        &["order", "revoke", "--agent", "n"],
        &["order", "suspend", "--server", "notes"],
        &["order", "reinstate", "--agent", "n"],
        &["order", "stop", "--all"],
        &["order", "undo", &order],
        &[
            "server",
            "add",
            "--name",
            "other",
            "--owner",
            "o@example.com",
        ],
        &["server", "change", &server, "--state", "disabled"],
        &[
            "manifest",
            "publish",
            "--server",
            &server,
            "--tools",
            tools,
            "--version",
            "9",
        ],
        &["trust", "record", "--type", "decision", "--statement", "s"],
        &["trust", "approve", &audit],
        &["trust", "challenge"],
        &["trust", "check"],
        &["policy", "push", "default", policy],
        &quarantine,
    ];
    for change in changes {
        let said = scene.json(&[change, &["--dry-run"]].concat());
        assert!(
            said["dry_run"] == true || said["evidence_id"] == audit.as_str(),
            "{change:?}: {said}"
        );
        let table = run(mcps(&scene.world, &scene.home, change)
            .arg("--dry-run")
            .env("MCPS_OPERATOR_KEY", scene.world.operator_key()));
        let table = table.succeeded();
        assert!(table.contains("without --dry-run"), "{change:?}: {table}");
    }
    assert_eq!(scene.state(), before);
}

#[test]
fn what_would_be_refused_is_refused_already() {
    let scene = Scene::start();
    let run = |words: &[&str]| run(&mut mcps(&scene.world, &scene.home, words));
    run(&["keygen", "--dry-run"]).failed(1);
    scene.json(&["passport", "revoke", "--reason", "policy"]);
    for verb in ["renew", "rotate"] {
        let refused = run(&["passport", verb, "--dry-run"]).failed(4);
        super::assert_one_line(&refused, "mcps passport request");
    }
}

#[test]
fn a_new_home_is_not_made_by_foreseeing_it() {
    let world = World::start();
    let home = world.home("new");
    let key = world.operator_key().to_owned();
    let foresee = |words: &[&str]| {
        let mut command = mcps(&world, &home, words);
        run(command.env("MCPS_OPERATOR_KEY", &key)).succeeded()
    };
    let keygen = foresee(&["keygen", "--dry-run"]);
    assert!(
        keygen.contains("would make") && keygen.contains("key.pem"),
        "{keygen}"
    );
    let words = ["passport", "issue", "--dry-run", "--authority", world.url()];
    let request = foresee(&[&words[..], &["--name", "bot", "--owner", "me@example.com"]].concat());
    assert!(
        request.contains("a new one") && request.contains("agent bot of default"),
        "{request}"
    );
    assert!(!home.exists());
}
