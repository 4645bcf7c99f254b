//! `mcps policy push`, `show` and `history`.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{assert_one_line, mcps};
use crate::world::{Done, World, run};

const FORBID: &str =
    "@id(\"none\") @reason(\"Not here.\")\nforbid (principal, action, resource);\n";

struct Scene {
    world: World,
    home: PathBuf,
}

impl Scene {
    fn start() -> Self {
        let world = World::start();
        let home = world.enrol("agent", "operators-own", 1);
        Self { world, home }
    }

    fn run(&self, args: &[&str]) -> Done {
        let file = self.world.operator_key_file();
        let more = ["--operator-key-file", file.to_str().unwrap()];
        let args = [&["policy"], args, &more].concat();
        run(&mut mcps(&self.world, &self.home, &args))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.world.dir().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn shown(&self, more: &[&str]) -> Value {
        let words = [&["show", "acme", "-o", "json"], more].concat();
        serde_json::from_str(&self.run(&words).succeeded()).unwrap()
    }
}

#[test]
fn a_policy_is_checked_pushed_shown_and_its_history_says_who() {
    let scene = Scene::start();
    let none = scene.run(&["history", "acme"]).succeeded();
    assert!(none.contains("mcps policy push acme FILES"), "{none}");
    assert_eq!(scene.run(&["show", "acme"]).code, 3);

    let file = scene.file("team.cedar", FORBID);
    let foreseen = scene.run(&["push", "acme", &file, "--dry-run"]).succeeded();
    assert!(foreseen.contains("would push"), "{foreseen}");
    assert_eq!(scene.run(&["show", "acme"]).code, 3);

    let words = [
        "push",
        "acme",
        &file,
        "--min-level",
        "3",
        "--note",
        "the first",
    ];
    let told = scene.run(&words).succeeded();
    assert!(told.contains("version 1 of tenant acme"), "{told}");
    let shown = scene.run(&["show", "acme"]).succeeded();
    for part in ["the first", "== team.cedar ==", "@id(\"none\")", "op_"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    // Whoever says nothing of the level does not lower it.
    let other = scene.file("other.cedar", &FORBID.replace("none", "nothing"));
    let told = scene.run(&["push", "acme", &file, &other]).succeeded();
    assert!(told.contains("mcps policy push acme --version 1"), "{told}");
    let second = scene.shown(&[]);
    assert_eq!(second["document"]["min_level"], 3);
    assert_eq!(second["document"]["policy"][1]["name"], "other.cedar");

    let told = scene.run(&["push", "acme", "--version", "1"]).succeeded();
    assert!(told.contains("version 3"), "{told}");
    assert_eq!(
        scene.shown(&[])["document"],
        scene.shown(&["--version", "1"])["document"]
    );
    let again = scene.run(&["push", "acme", "--version", "1"]).succeeded();
    assert!(again.contains("nothing; it is so already"), "{again}");

    let history = scene.run(&["history", "acme", "-o", "json"]).succeeded();
    let history: Value = serde_json::from_str(&history).unwrap();
    let numbers: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["version"])
        .collect();
    assert_eq!(numbers, [&json!(3), &json!(2), &json!(1)]);
    assert_eq!(history[0]["digest"], history[2]["digest"]);
    assert!(history[0]["pushed_by"].as_str().unwrap().starts_with("op_"));

    let folder = scene.world.dir().join("saved");
    let folder = folder.to_str().unwrap();
    let save = ["show", "acme", "--version", "2", "--save", folder];
    scene.run(&save).succeeded();
    assert_eq!(
        fs::read_to_string(format!("{folder}/team.cedar")).unwrap(),
        FORBID
    );
    let twice = scene.run(&save);
    assert_one_line(&twice.stderr, "--save DIR");
    assert_eq!(twice.code, 1);
}

#[test]
fn what_is_wrong_is_not_pushed_and_says_what_to_do() {
    let scene = Scene::start();
    let bad = scene.file("bad.toml", "version = 1\n[[fact]]\nid = \"a\"\n");
    let done = scene.run(&["push", "acme", &bad]);
    assert_eq!(done.code, 6, "{}", done.stderr);
    assert!(done.stderr.contains("bad.toml:"), "{}", done.stderr);
    assert_eq!(scene.run(&["show", "acme"]).code, 3);

    let good = scene.file("team.cedar", FORBID);
    scene.run(&["push", "acme", &good]).succeeded();
    let stale = scene.run(&[
        "push",
        "acme",
        "--version",
        "1",
        "--after",
        "0",
        "--dry-run",
    ]);
    assert_eq!(stale.code, 5, "{}", stale.stderr);
    assert_eq!(scene.run(&["push", "acme", "--version", "7"]).code, 3);
    assert_eq!(scene.run(&["push", "Acme", &good]).code, 2);
    assert_eq!(scene.run(&["push", "acme"]).code, 2);
    assert_eq!(scene.run(&["push", "acme", &good, &good]).code, 2);
    let hidden = scene.file(".hidden.toml", "version = 1\n");
    assert_one_line(
        &scene.run(&["push", "acme", &hidden]).stderr,
        "docs/policy.md",
    );
    assert_eq!(scene.run(&["push", "acme", "no-such.toml"]).code, 3);
}

#[test]
fn what_the_gateway_knows_of_policies_is_still_asked_of_it() {
    let scene = Scene::start();
    let good = scene.file("team.cedar", FORBID);
    let mut check = mcps(&scene.world, &scene.home, &["policy", "check", &good]);
    assert!(run(&mut check).succeeded().contains("valid:"));
    let mut help = mcps(&scene.world, &scene.home, &["policy", "check", "--help"]);
    assert!(run(&mut help).succeeded().contains("--no-default-pack"));
}
