//! `mcps server` and `mcps manifest`: registering a server and publishing its tools.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{assert_one_line, mcps};
use crate::world::{Done, World, run};

const READ: &str = r#"{"name":"read","description":"Reads.","inputSchema":{"type":"object"}}"#;

struct Scene {
    world: World,
    home: PathBuf,
}

impl Scene {
    fn start() -> Self {
        let world = World::start();
        let home = world.enrol("server", "notes", 1);
        Self { world, home }
    }

    fn run(&self, args: &[&str]) -> Done {
        run(&mut mcps(&self.world, &self.home, args))
    }

    /// With an operator's key.
    fn operate(&self, args: &[&str]) -> Done {
        let file = self.world.operator_key_file();
        let more = ["--operator-key-file", file.to_str().unwrap()];
        self.run(&[args, &more].concat())
    }

    fn add(&self) -> String {
        let added = self.operate(&["server", "add", "-o", "json"]).succeeded();
        let added: Value = serde_json::from_str(&added).unwrap();
        added["server_id"].as_str().unwrap().to_owned()
    }

    fn tools(&self, name: &str, tools: &[&str]) -> PathBuf {
        let path = self.world.dir().join(name);
        fs::write(&path, format!(r#"{{"tools":[{}]}}"#, tools.join(","))).unwrap();
        path
    }

    fn publish(&self, id: &str, version: &str, tools: &Path, more: &[&str]) -> Done {
        let tools = tools.to_str().unwrap();
        let words = [
            "manifest",
            "publish",
            "--server",
            id,
            "--version",
            version,
            "--tools",
            tools,
        ];
        self.run(&[&words[..], more].concat())
    }
}

#[test]
fn a_server_is_registered_from_its_passport_and_shown() {
    let scene = Scene::start();
    let foreseen = scene.run(&["server", "add", "--dry-run"]).succeeded();
    assert!(foreseen.contains("would register  notes"), "{foreseen}");
    let listed = scene.operate(&["server", "list"]).succeeded();
    assert!(listed.contains("mcps server add"), "{listed}");
    let id = scene.add();
    let again = scene.operate(&["server", "add"]).failed(4);
    assert_one_line(&again, &id);
    let listed = scene
        .operate(&["server", "list", "--state", "active"])
        .succeeded();
    assert!(
        listed.contains(&id) && listed.contains("tests@example.com"),
        "{listed}"
    );
    let listed = scene
        .operate(&["server", "list", "--name", "x", "-o", "json"])
        .succeeded();
    assert_eq!(listed, "[]\n");
    let shown = scene.operate(&["server", "show", &id]).succeeded();
    assert!(shown.contains("active") && shown.contains(&id), "{shown}");
    assert_one_line(&scene.run(&["server", "list"]).failed(2), "operator's key");
    assert_one_line(
        &scene.operate(&["server", "show", "notes"]).failed(2),
        "mcps server list",
    );
    let unknown = format!("srv_{}", "0".repeat(32));
    scene.operate(&["server", "show", &unknown]).failed(3);
}

#[test]
fn a_server_is_registered_and_its_tools_published_in_one_go() {
    let scene = Scene::start();
    let tools = scene.tools("tools.json", &[r#"{"name":"read"}"#, r#"{"name":"list"}"#]);
    let words = ["server", "add", "--tools", tools.to_str().unwrap()];
    let add = |more: &[&str]| scene.operate(&[&words[..], more].concat());
    let foreseen = add(&["--dry-run", "-o", "json"]).succeeded();
    let foreseen: Value = serde_json::from_str(&foreseen).unwrap();
    assert_eq!(foreseen["tools"], 2, "{foreseen}");
    // What lists no tools registers nobody.
    let empty = scene.world.dir().join("empty.json");
    fs::write(&empty, "{}").unwrap();
    let none = ["server", "add", "--tools", empty.to_str().unwrap()];
    scene.operate(&none).failed(2);
    let listed = scene.operate(&["server", "list", "-o", "json"]).succeeded();
    assert_eq!(listed, "[]\n");
    let added = add(&["--version", "1.4.0", "-o", "json"]).succeeded();
    let added: Value = serde_json::from_str(&added).unwrap();
    assert_eq!(added["published"]["version"], "1.4.0", "{added}");
    let id = added["server_id"].as_str().unwrap();
    let shown = scene.operate(&["manifest", "list", id]).succeeded();
    assert!(shown.contains("1.4.0"), "{shown}");
}

#[test]
fn a_change_of_a_server_is_foreseen_made_and_refused_when_it_is_late() {
    let scene = Scene::start();
    let id = scene.add();
    let change = |more: &[&str]| scene.operate(&[&["server", "change", &id], more].concat());
    change(&[]).failed(2);
    let foreseen = change(&["--state", "disabled", "--dry-run"]).succeeded();
    assert!(foreseen.contains("active -> disabled"), "{foreseen}");
    let changed = change(&["--state", "disabled", "-o", "json"]).succeeded();
    let changed: Value = serde_json::from_str(&changed).unwrap();
    assert_eq!(
        (&changed["state"], &changed["revision"]),
        (&json!("disabled"), &json!(2))
    );
    let late = change(&["--owner", "x@example.com", "--revision", "1"]).failed(5);
    assert_one_line(&late, "look at it again");
}

#[test]
fn tools_are_signed_published_shown_and_compared() {
    let scene = Scene::start();
    let id = scene.add();
    let first = scene.tools("1.json", &[READ, r#"{"name":"list"}"#]);
    let foreseen = scene
        .publish(&id, "1.0", &first, &["--dry-run"])
        .succeeded();
    assert!(foreseen.contains("would publish  1.0"), "{foreseen}");
    let published = scene.publish(&id, "1.0", &first, &[]).succeeded();
    assert!(published.contains("tools      2"), "{published}");
    // Without an operator's key, and the same again is no failure.
    scene.publish(&id, "1.0", &first, &[]).succeeded();

    let spoken = READ.replace("Reads.", "Reads.\\u001b[2J\u{9b}");
    let second = scene.tools("2.json", &[&spoken]);
    let refused = scene.publish(&id, "1.0", &second, &[]).failed(4);
    assert_one_line(&refused, "publish the change as a new version");
    let shown = scene.operate(&["server", "show", &id]).succeeded();
    assert!(
        shown.contains("Refused: somebody said something else"),
        "{shown}"
    );
    scene
        .publish(&id, "1.1", &second, &["-o", "json"])
        .succeeded();

    let listed = scene.operate(&["manifest", "list", &id]).succeeded();
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let shown = scene.operate(&["manifest", "show", &id, "1.1"]).succeeded();
    assert!(
        shown.contains("read") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let diff = scene
        .operate(&["manifest", "diff", &id, "1.0", "1.1"])
        .succeeded();
    assert!(
        diff.starts_with("1.0 -> 1.1: 0 added, 1 removed, 1 changed"),
        "{diff}"
    );
    assert!(
        diff.contains("  /description\n    - \"Reads.\"\n    + \"Reads.\\u001b[2J\\u009b\""),
        "{diff}"
    );
    let diff = scene
        .operate(&["manifest", "diff", &id, "1.0", "1.1", "-o", "json"])
        .succeeded();
    assert!(!diff.contains(['\u{1b}', '\u{9b}']), "{diff}");
    let diff: Value = serde_json::from_str(&diff).unwrap();
    assert_eq!(diff["removed"][0]["name"], "list");
    scene.operate(&["manifest", "show", &id, "9"]).failed(3);
    scene.operate(&["manifest", "show", &id, "../x"]).failed(3);
}

#[test]
fn what_is_no_list_of_tools_is_said_to_be_none() {
    let scene = Scene::start();
    let id = scene.add();
    let path = scene.world.dir().join("tools.json");
    for (text, code) in [
        ("{}", 2),
        (r#"{"tools":{}}"#, 2),
        (r#"{"tools":[7]}"#, 6),
        (r#"{"tools":[{"name":"a"},{"name":"a"}]}"#, 6),
        ("[", 6),
    ] {
        fs::write(&path, text).unwrap();
        scene.publish(&id, "1", &path, &[]).failed(code);
    }
    scene
        .publish(&id, "1", Path::new("missing.json"), &[])
        .failed(3);
    fs::write(
        &path,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}"#,
    )
    .unwrap();
    scene.publish(&id, "1", &path, &[]).succeeded();
}
