use std::time::Duration;

use mcps_client::home::Home;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use super::{Name, Order, OrderError, Reason, State, Store, Tool, Verb, is_like, owner};
use crate::call::Pinned;
use crate::config::{Admission, LookAlikes, Rules};

struct Stand {
    _folder: tempfile::TempDir,
    store: Store,
    rules: Rules,
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn tool(name: &str, text: &str) -> Tool {
    let text = format!(r#"{{"name":"{name}","description":"{text}"}}"#);
    Tool {
        name: name.to_owned(),
        hash: Digest::of(text.as_bytes()),
        text,
    }
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            store: Store::new(&Home::new(folder.path())),
            _folder: folder,
            // New servers are held by default, which most of this is not about.
            rules: Rules {
                new_servers: Admission::Pin,
                ..Rules::default()
            },
        }
    }

    /// What becomes of one tool that a server lists.
    fn look(&self, server: &str, tool: &Tool) -> Pinned {
        self.look_at(server, std::slice::from_ref(tool), NOW)[0]
    }

    /// The same of several at some time.
    fn look_at(&self, server: &str, seen: &[Tool], now: Timestamp) -> Vec<Pinned> {
        self.store.look(server, seen, self.rules, now).unwrap();
        let (pins, book) = self.store.read().unwrap();
        let standing = |tool: &Tool| book.standing(&pins, server, &tool.name, &tool.hash);
        seen.iter().map(standing).collect()
    }

    fn order(&self, verb: Verb, server: &str, tool: &str) -> Result<(), OrderError> {
        let order = Order {
            verb,
            server: server.to_owned(),
            tool: tool.to_owned(),
            by: "ann".to_owned(),
            why: None,
            dry_run: false,
        };
        order.carry_out(&self.store, NOW).map(drop)
    }

    fn definitions(&self) -> usize {
        let folder = std::fs::read_dir(self._folder.path().join("definitions"));
        folder.unwrap().count()
    }
}

const fn held(reason: Reason) -> Pinned {
    Pinned::Held(reason)
}

#[test]
fn what_a_server_first_lists_is_approved_and_what_comes_later_is_held() {
    let stand = Stand::new();
    assert_eq!(stand.look("files", &tool("read", "a")), Pinned::Same);
    assert_eq!(
        stand.look("files", &tool("write", "a")),
        Pinned::Same,
        "a later page"
    );
    stand.store.listed("files").unwrap();
    let later = tool("send", "a");
    for _ in 0..2 {
        assert_eq!(
            stand.look("files", &later),
            held(Reason::NewTool),
            "looking twice changes nothing"
        );
    }
    assert_eq!(
        stand.look("mail", &tool("send", "a")),
        Pinned::Same,
        "another server"
    );
    stand
        .order(Verb::Promote(later.hash), "files", "send")
        .unwrap();
    assert_eq!(stand.look("files", &later), Pinned::Same);
    assert_eq!(stand.look("files", &tool("send", "b")), Pinned::Changed);
}

#[test]
fn a_first_list_that_never_ends_is_no_leave_to_add_tools_for_ever() {
    let stand = Stand::new();
    let at = |tool: &Tool, seconds| {
        let now = NOW.plus(Duration::from_secs(seconds));
        stand.look_at("files", std::slice::from_ref(tool), now)[0]
    };
    assert_eq!(at(&tool("read", "a"), 0), Pinned::Same);
    assert_eq!(at(&tool("write", "a"), 599), Pinned::Same);
    assert_eq!(at(&tool("send", "a"), 600), held(Reason::NewTool));
    assert_eq!(at(&tool("read", "a"), 601), Pinned::Same);
}

#[test]
fn a_name_that_is_too_long_to_pin_is_held_back_without_being_written_down() {
    let long = "x".repeat(100 << 10);
    for listed in [false, true] {
        let stand = Stand::new();
        if listed {
            stand.store.listed("files").unwrap();
        }
        for text in ["a", "b"] {
            for name in ["", &long] {
                let pinned = stand.look("files", &tool(name, text));
                assert_eq!(pinned, held(Reason::NewTool));
            }
        }
        assert!(stand.store.book().unwrap().entries.is_empty());
        let book = stand._folder.path().join("quarantine.json");
        let bytes = std::fs::metadata(book).map_or(0, |book| book.len());
        assert!(bytes < 4096, "{bytes} bytes");
    }
}

#[test]
fn of_what_there_is_no_room_for_no_definition_is_kept() {
    let stand = Stand::new();
    stand.store.listed("files").unwrap();
    let many: Vec<Tool> = (0..1010).map(|n| tool(&format!("tool_{n}"), "a")).collect();
    let looked = stand.look_at("files", &many, NOW);
    assert!(looked.iter().all(|pinned| *pinned == held(Reason::NewTool)));
    assert_eq!(stand.definitions(), 1000);
}

#[test]
fn a_new_server_is_held_where_that_is_demanded() {
    let mut stand = Stand::new();
    stand.rules.new_servers = Admission::Hold;
    assert_eq!(
        stand.look("files", &tool("read", "a")),
        held(Reason::NewServer)
    );
    stand.store.listed("files").unwrap();
    assert_eq!(
        stand.look("files", &tool("read", "a")),
        held(Reason::NewServer)
    );
}

#[test]
fn what_was_looked_at_is_what_is_promoted() {
    let stand = Stand::new();
    stand.store.listed("files").unwrap();
    let (first, second) = (tool("read", "a"), tool("read", "b"));
    stand.look("files", &first);
    assert_eq!(stand.look("files", &second), held(Reason::NewTool));
    let promote = |tool: &Tool| stand.order(Verb::Promote(tool.hash), "files", "read");
    assert!(matches!(promote(&first), Err(OrderError::ChangedAgain)));
    assert_eq!(stand.look("files", &second), held(Reason::NewTool));
    promote(&second).unwrap();
    assert_eq!(stand.look("files", &second), Pinned::Same);
    assert!(matches!(promote(&second), Err(OrderError::NotHeld)));
    assert!(matches!(
        stand.order(Verb::Block, "files", "other"),
        Err(OrderError::Unknown)
    ));
}

#[test]
fn what_is_blocked_is_not_promoted_until_it_is_unblocked() {
    let stand = Stand::new();
    let read = tool("read", "a");
    stand.look("files", &read);
    stand.order(Verb::Block, "files", "read").unwrap();
    for text in ["a", "b"] {
        assert_eq!(
            stand.look("files", &tool("read", text)),
            held(Reason::Blocked)
        );
    }
    let promoted = stand.order(Verb::Promote(tool("read", "b").hash), "files", "read");
    assert!(matches!(promoted, Err(OrderError::Blocked)));
    stand.order(Verb::Unblock, "files", "read").unwrap();
    assert_eq!(
        stand.look("files", &read),
        Pinned::Changed,
        "it stands as before"
    );
    assert!(matches!(
        stand.order(Verb::Unblock, "files", "read"),
        Err(OrderError::NotBlocked)
    ));
    // One that nobody has approved is held after a block as it was before.
    stand.store.listed("files").unwrap();
    let new = tool("new", "a");
    stand.look("files", &new);
    stand.order(Verb::Block, "files", "new").unwrap();
    stand.order(Verb::Unblock, "files", "new").unwrap();
    assert_eq!(stand.look("files", &new), held(Reason::NewTool));
}

#[test]
fn what_is_rejected_stays_so_and_what_was_approved_stays_approved() {
    let stand = Stand::new();
    let (old, new, third) = (tool("read", "a"), tool("read", "b"), tool("read", "c"));
    stand.look("files", &old);
    assert_eq!(stand.look("files", &new), Pinned::Changed);
    stand
        .order(Verb::Reject(new.hash), "files", "read")
        .unwrap();
    assert_eq!(stand.look("files", &new), held(Reason::Rejected));
    stand
        .order(Verb::Reject(new.hash), "files", "read")
        .unwrap();
    assert_eq!(stand.look("files", &old), Pinned::Same);
    assert_eq!(stand.look("files", &third), Pinned::Changed);
    // A new tool that was rejected waits again once its definition is another.
    stand.store.listed("files").unwrap();
    stand.look("files", &tool("send", "a"));
    stand
        .order(Verb::Reject(tool("send", "a").hash), "files", "send")
        .unwrap();
    assert_eq!(
        stand.look("files", &tool("send", "a")),
        held(Reason::Rejected)
    );
    assert_eq!(
        stand.look("files", &tool("send", "b")),
        held(Reason::NewTool)
    );
}

#[test]
fn a_look_alike_is_held_with_the_name_that_it_looks_like() {
    let mut stand = Stand::new();
    stand.look("files", &tool("read_file", "a"));
    let cyrillic = tool("r\u{435}ad_file", "a");
    assert_eq!(stand.look("evil", &cyrillic), held(Reason::LookAlike));
    let book = stand.store.book().unwrap();
    let entry = book.entry("evil", &cyrillic.name).unwrap();
    assert_eq!(entry.like.as_deref(), Some("files__read_file"));
    assert_eq!(
        stand.look("evil", &tool("read_file", "a")),
        Pinned::Same,
        "the same name is no look-alike"
    );
    stand.rules.look_alikes = LookAlikes::Flag;
    assert_eq!(stand.look("evil", &tool("read_fi1e", "a")), Pinned::Same);
    let book = stand.store.book().unwrap();
    assert_eq!(
        book.entry("evil", "read_fi1e").unwrap().state,
        State::Flagged
    );
}

#[test]
fn names_look_alike_by_script_case_separators_and_one_letter_of_long_ones() {
    let like = |one: (&str, &str), other: (&str, &str)| {
        let (one, other) = (Name::new(one.0, one.1), Name::new(other.0, other.1));
        assert_eq!(is_like(&one, &other), is_like(&other, &one));
        is_like(&one, &other)
    };
    for name in [
        "Read_File",
        "read-file",
        "readFile",
        "read.file",
        "read_fiIe",
        "read_flle",
        "reads_file",
        "rea_file",
        "raed_file",
        "r\u{435}ad_file",
        "ｒead_file",
        "read\u{200b}_file",
        "read_fi1e",
    ] {
        assert!(like(("a", "read_file"), ("b", name)), "{name}");
    }
    for name in [
        "read_file",
        "write_file",
        "read_text_file",
        "reads_files",
        "list",
    ] {
        assert!(!like(("a", "read_file"), ("b", name)), "{name}");
    }
    assert!(
        !like(("a", "list"), ("b", "lists")),
        "short names differ by chance"
    );
    assert!(
        !like(("a", "read_file"), ("a", "read-file")),
        "one server's own names are its own"
    );
    assert!(
        like(("files", "read"), ("fi1es", "read")),
        "servers that look alike"
    );
    assert!(
        !like(("a", "\u{200b}"), ("b", "-")),
        "nothing is like nothing"
    );
}

#[test]
fn a_server_that_changes_its_tools_again_and_again_fills_no_disk() {
    let stand = Stand::new();
    stand.look("files", &tool("read", "a"));
    stand.store.listed("files").unwrap();
    for at in 0..20 {
        stand.look("files", &tool("read", &at.to_string()));
        stand.look("files", &tool("new", &at.to_string()));
    }
    assert_eq!(stand.definitions(), 3);
}

#[test]
fn a_quarantine_that_cannot_be_read_is_an_error_and_not_an_empty_one() {
    let stand = Stand::new();
    stand.look("files", &tool("read", "a"));
    stand.order(Verb::Block, "files", "read").unwrap();
    let file = stand._folder.path().join("quarantine.json");
    for text in ["", "{", r#"{"entries":[],"more":1}"#] {
        std::fs::write(&file, text).unwrap();
        assert!(stand.store.book().is_err(), "{text}");
        assert!(
            stand
                .store
                .look("files", &[tool("read", "a")], stand.rules, NOW)
                .is_err()
        );
    }
}

#[test]
fn who_did_what_is_kept() {
    let stand = Stand::new();
    stand.look("files", &tool("read", "a"));
    stand.order(Verb::Block, "files", "read").unwrap();
    stand.order(Verb::Unblock, "files", "read").unwrap();
    let log = std::fs::read_to_string(stand._folder.path().join("quarantine.log")).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["action"], "block");
    assert_eq!(lines[0]["by"], "ann");
    assert_eq!(lines[0]["at"], NOW.to_string());
    assert_eq!(lines[1]["tool"], "read");
    assert!(owner("files").to_string().ends_with("files"));
}

/// The command as it is typed.
#[derive(clap::Parser)]
struct Typed {
    #[command(flatten)]
    args: super::cli::QuarantineArgs,
}

#[test]
fn of_a_server_all_is_promoted_or_nothing() {
    use clap::Parser as _;

    let stand = Stand::new();
    // Room for one more.
    let many: Vec<Tool> = (0..999).map(|n| tool(&format!("t{n}"), "a")).collect();
    let rules = stand.rules;
    stand.store.look("files", &many, rules, NOW).unwrap();
    stand.store.listed("files").unwrap();
    for name in ["push", "send"] {
        assert_eq!(stand.look("files", &tool(name, "a")), held(Reason::NewTool));
    }
    let home = Home::new(stand._folder.path());
    let run = |words: &[&str]| {
        let words = [&["quarantine"], words].concat();
        let args = Typed::try_parse_from(words).unwrap().args;
        let mut out = Vec::new();
        let clock = mcps_core::clock::ManualClock::new(NOW);
        let done = super::cli::run(&args, &home, &clock, &mut out);
        (done, String::from_utf8(out).unwrap())
    };
    let (done, shown) = run(&["-o", "json", "show", "files"]);
    done.unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let hash = shown["hash"].as_str().unwrap();
    let (done, _) = run(&["promote", "files", "--hash", hash, "--by", "ann"]);
    let why = done.unwrap_err().to_string();
    assert!(why.contains("as can be kept"), "{why}");
    for name in ["push", "send"] {
        assert_eq!(
            stand.look("files", &tool(name, "a")),
            held(Reason::NewTool),
            "{name}"
        );
    }
    let log = stand._folder.path().join("quarantine.log");
    assert!(!log.exists(), "what was not done is not in the log");
}
