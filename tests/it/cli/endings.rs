//! Exit codes by their class, for every command that can end so.

use std::fs;
use std::path::{Path, PathBuf};

use super::{assert_one_line, mcps};
use crate::world::{Done, World, run};

const PASSPORT: &str = "asp_00112233445566778899aabbccddeeff";
const TOKEN: &str = "enr_00112233445566778899aabbccddeeff";
const ACTION: &str = "act_00112233445566778899aabbccddeeff";
const SERVER: &str = "srv_00112233445566778899aabbccddeeff";
const EVIDENCE: &str = "ev_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What operators do, with the key left out. `URL` stands for the authority's address.
const OPERATORS: [&str; 38] = [
    "passport request --authority URL --name n --owner o@example.com",
    "passport list",
    "passport revoke --reason policy",
    "token create --name n --owner o@example.com",
    "token create --name n --owner o@example.com --dry-run",
    "token list",
    "token withdraw TOKEN",
    "token withdraw TOKEN --dry-run",
    "order revoke --agent n",
    "order suspend --agent n",
    "order reinstate --agent n",
    "order stop --agent n",
    "order list",
    "order undo ACTION",
    "server add",
    "server list",
    "server show SERVER",
    "server change SERVER --state disabled",
    "manifest list SERVER",
    "manifest show SERVER 1",
    "manifest diff SERVER 1 2",
    "trust explain",
    "trust record --type decision --statement s",
    "trust approve EVIDENCE",
    "trust approve EVIDENCE --dry-run",
    "trust challenge",
    "trust check",
    "feed enforcement",
    "audit list",
    "audit verify",
    "audit export",
    "policy push default --version 1",
    "policy show default",
    "policy history default",
    "quarantine list --tenant default --authority URL",
    "quarantine history --tenant default --authority URL",
    "quarantine block s t --tenant default --authority URL",
    "doctor",
];

fn words(line: &str, world: &World) -> Vec<String> {
    let word = |word: &str| match word {
        "URL" => world.url().to_owned(),
        "PASSPORT" => PASSPORT.to_owned(),
        "TOKEN" => TOKEN.to_owned(),
        "ACTION" => ACTION.to_owned(),
        "SERVER" => SERVER.to_owned(),
        "EVIDENCE" => EVIDENCE.to_owned(),
        word => word.to_owned(),
    };
    line.split(' ').map(word).collect()
}

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

    fn run(&self, home: &Path, line: &str, more: &[&str]) -> Done {
        let words = words(line, &self.world);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(mcps(&self.world, home, &words).args(more))
    }

    fn operate(&self, line: &str) -> Done {
        let file = self.world.operator_key_file();
        self.run(
            &self.home,
            line,
            &["--operator-key-file", file.to_str().unwrap()],
        )
    }
}

#[test]
fn without_an_operators_key_it_is_wrong_usage_and_with_another_it_is_denied() {
    let scene = Scene::start();
    let stranger = scene.world.dir().join("stranger.key");
    fs::write(&stranger, format!("mcps_op_{}", "B".repeat(43))).unwrap();
    for line in OPERATORS {
        if !line.starts_with("doctor") {
            let none = scene.run(&scene.home, line, &[]);
            let needs = "operator's key";
            // What has happened is what its home remembers, and an exchange of words with the authority.
            assert!(none.stderr.contains(needs), "{line}: {none:?}");
            assert_eq!(none.code, 2, "{line}: {none:?}");
        }
        let more = ["--operator-key-file", stranger.to_str().unwrap()];
        let denied = scene.run(&scene.home, line, &more);
        assert_eq!(denied.code, 4, "{line}: {denied:?}");
        let says = denied.stderr.lines().any(|line| line.starts_with("mcps: "));
        assert!(says, "{line}: {denied:?}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let scene = Scene::start();
    let shown = scene.run(&scene.home, "passport show PASSPORT", &[]);
    assert_one_line(&shown.failed(3), "check the id");
    for line in [
        "passport revoke PASSPORT --reason policy",
        "passport revoke PASSPORT --reason policy --dry-run",
        "token withdraw TOKEN",
        "token withdraw TOKEN --dry-run",
        "order undo ACTION",
        "server show SERVER",
        "server change SERVER --state disabled",
        "manifest list SERVER",
        "manifest show SERVER 1",
        "manifest diff SERVER 1 2",
        "trust explain nobody",
        "trust approve EVIDENCE",
        "trust approve EVIDENCE --dry-run",
        "policy push default --version 9",
        "policy show default",
    ] {
        let done = scene.operate(line);
        assert_eq!(done.code, 3, "{line}: {done:?}");
        assert_one_line(&done.stderr, "; ");
    }
    let empty = scene.world.home("empty");
    for line in [
        "passport show",
        "passport verify",
        "passport renew",
        "passport renew --dry-run",
        "passport rotate",
        "passport rotate --dry-run",
        "passport report-compromise --dry-run",
        "envelope verify no-such-file",
        "tool approve notes read",
        "tool approve notes read --dry-run",
        "manifest publish --server SERVER --tools no-such-file",
        "feed watch",
        "feed verify no-such-file",
        "feed show",
        "audit verify no-such-file",
        "connect -- no-such-server",
        "doctor",
    ] {
        let done = scene.run(&empty, line, &[]);
        assert_eq!(done.code, 3, "{line}: {done:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_stale_or_says_so() {
    let mut scene = Scene::start();
    scene.world.stop_authority();
    let stale = scene.run(&scene.home, "passport verify --online", &[]);
    assert_one_line(&stale.failed(5), "MCPS-007");
    let stale = scene.run(&scene.home, "feed watch --for 1s", &[]);
    stale.failed(5);
    let file = scene.world.operator_key_file();
    for line in OPERATORS {
        if line.starts_with("doctor") {
            continue;
        }
        let more = ["--operator-key-file", file.to_str().unwrap()];
        let done = scene.run(&scene.home, line, &more);
        assert_eq!(done.code, 1, "{line}: {done:?}");
        assert_one_line(&done.stderr, "did not answer");
    }
    for line in ["passport renew --dry-run", "passport rotate --dry-run"] {
        let done = scene.run(&scene.home, line, &[]);
        assert_one_line(&done.failed(1), "did not answer");
    }
}

#[test]
fn what_does_not_verify_is_said_so() {
    let scene = Scene::start();
    let junk = scene.world.dir().join("junk");
    fs::write(
        &junk,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n",
    )
    .unwrap();
    let file = junk.to_str().unwrap();
    for line in [
        "envelope verify",
        "feed verify",
        "audit verify",
        "passport verify",
    ] {
        let done = scene.run(&scene.home, line, &[file]);
        assert_eq!(done.code, 6, "{line}: {done:?}");
    }
    let cedar = scene.world.dir().join("wrong.cedar");
    fs::write(&cedar, "permit (everybody);").unwrap();
    let push = format!("policy push default {}", cedar.display());
    scene.operate(&push).failed(6);
}
