//! `mcps quarantine … --authority URL`.

use serde_json::Value;

use super::mcps;
use crate::world::{Done, World, run};

const HASH: &str = "0f2f0b5d2c4e5b8a1f6d7c8e9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b";

struct Scene {
    world: World,
    home: std::path::PathBuf,
}

impl Scene {
    fn start() -> Self {
        let world = World::start();
        let home = world.enrol("agent", "operators-own", 1);
        Self { world, home }
    }

    fn run(&self, args: &[&str]) -> Done {
        let file = self.world.operator_key_file();
        let there = format!("--authority={}", self.world.url());
        let more = [&there, "--operator-key-file", file.to_str().unwrap()];
        let args = [&["quarantine"], args, &more].concat();
        run(&mut mcps(&self.world, &self.home, &args))
    }
}

#[test]
fn what_is_ordered_is_foreseen_done_listed_and_its_history_says_who() {
    let scene = Scene::start();
    let none = scene.run(&["list", "--tenant", "acme"]).succeeded();
    assert!(none.contains("Nothing that stands"), "{none}");
    let of = ["files", "send", "--tenant", "acme"];
    let promote = [&["promote"], &of[..], &["--hash", HASH]].concat();
    let foreseen = scene.run(&[&promote[..], &["--dry-run"]].concat());
    assert!(foreseen.succeeded().contains("would order"));
    let none = scene.run(&["history", "--tenant", "acme"]).succeeded();
    assert!(none.contains("Nothing was said yet"), "{none}");

    let reason = ["--reason", "read it"];
    let told = scene.run(&[&promote[..], &reason].concat()).succeeded();
    assert!(
        told.contains("promote send of files for tenant acme")
            && told.contains("mcps feed enforcement 1:"),
        "{told}"
    );
    let again = scene.run(&promote).succeeded();
    assert!(again.contains("nothing; it is so already"), "{again}");
    let unblock = [&["unblock"], &of[..]].concat();
    let nothing = scene.run(&unblock).succeeded();
    assert!(nothing.contains("nothing; it is so already"), "{nothing}");
    let listed = scene.run(&["list", "--tenant", "acme"]).succeeded();
    for part in ["promoted", HASH, "read it", "op_"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let block = [&["block"], &of[..]].concat();
    scene.run(&block).succeeded();
    let refused = scene.run(&promote);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    let history = scene.run(&["history", "--tenant", "acme", "-o", "json"]);
    let history: Value = serde_json::from_str(&history.succeeded()).unwrap();
    let orders: Vec<_> = history.as_array().unwrap().iter().collect();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0]["order"], "block");
    assert!(orders[1]["ordered_by"].as_str().unwrap().starts_with("op_"));
}

#[test]
fn what_is_not_said_in_full_is_ordered_of_nobody() {
    let scene = Scene::start();
    for words in [
        &["promote", "files", "send", "--hash", HASH][..],
        &["promote", "files", "send", "--tenant", "acme"],
        &["promote", "files", "--hash", HASH, "--tenant", "acme"],
        &[
            "reject", "files", "send", "--hash", "f00", "--tenant", "acme",
        ],
        &["block", "files", "send", "--hash", HASH, "--tenant", "acme"],
        &["block", "files", "send", "--tenant", "Acme"],
        &["show", "files", "send", "--tenant", "acme"],
    ] {
        assert_eq!(scene.run(words).code, 2, "{words:?}");
    }
    let help = scene.run(&["promote", "--help"]).succeeded();
    assert!(help.contains("--tenant <TENANT>"), "{help}");
    // Without the address it is about the home of a gateway.
    let mut local = mcps(&scene.world, &scene.home, &["quarantine", "list"]);
    let told = run(&mut local).failed(3);
    assert!(told.contains("no gateway's home"), "{told}");
}

#[test]
fn a_tenant_that_nobody_has_heard_of_is_warned_of() {
    let scene = Scene::start();
    let block = |tenant: &str, more: &[&str]| {
        let words = ["block", "files", "send", "--tenant", tenant];
        scene.run(&[&words[..], more].concat())
    };
    let known = block("default", &[]);
    assert_eq!(known.stderr, "");
    known.succeeded();
    for more in [&["--dry-run"][..], &[], &["-o", "json"]] {
        let done = block("defualt", more);
        assert!(
            done.stderr.contains("no tenant `defualt`"),
            "{more:?}: {}",
            done.stderr
        );
        done.succeeded();
        if more.is_empty() {
            break;
        }
    }
    // It is one from now on.
    assert_eq!(block("defualt", &[]).stderr, "");
}
