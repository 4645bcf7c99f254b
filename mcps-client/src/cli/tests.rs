//! What holds for every command there is, from clap's own tree.

use clap::Command;

use super::tree;

/// Commands that print something else than an answer, and why they have no `-o`.
const OTHERWISE: [(&str, &str); 10] = [
    ("connect", "speaks MCP on standard output"),
    ("audit export", "its lines are JSON"),
    ("quarantine", "passed on; its verbs have -o"),
    ("why", "passed on"),
    ("events", "passed on; its verbs have -o"),
    ("man", "writes pages"),
    ("completions", "is for a shell"),
    ("trust seal", "what it prints is an envelope"),
    ("trust attest", "what it prints is an envelope"),
    ("dev", "a show for people"),
];
/// Commands that change something here or at the authority, and can say so first.
const CHANGING: [&str; 38] = [
    "keygen",
    "passport request",
    "passport renew",
    "passport rotate",
    "passport report-compromise",
    "passport revoke",
    "token create",
    "token withdraw",
    "order revoke",
    "order suspend",
    "order reinstate",
    "order stop",
    "order undo",
    "incident undo",
    "tool approve",
    "server add",
    "server change",
    "manifest publish",
    "trust record",
    "trust approve",
    "trust challenge",
    "trust check",
    "policy push",
    "operator add",
    "operator disable",
    "operator rotate",
    "tenant add",
    "tenant disable",
    "tenant enable",
    "trust scanner add",
    "trust scanner revoke",
    "trust approver add",
    "trust approver revoke",
    "hook add",
    "hook disable",
    "hook enable",
    "webhook add",
    "webhook remove",
];
/// Those that change something and cannot, and why.
const AT_ONCE: [(&str, &str); 8] = [
    ("quarantine", "passed on; its verbs have it"),
    ("connect", "only remembers what it has seen"),
    ("man", "writes pages"),
    ("dev", "everything it does is in a folder of its own"),
    ("incident approve", "`incident show` says what it would do"),
    ("incident dismiss", "does nothing to anybody"),
    ("webhook test", "only says something"),
    ("webhook replay", "only says again"),
];
/// And those that change nothing.
const LOOKING: [&str; 43] = [
    "passport list",
    "passport show",
    "passport verify",
    "token list",
    "order list",
    "envelope verify",
    "tool list",
    "server list",
    "server show",
    "manifest list",
    "manifest show",
    "manifest diff",
    "incident list",
    "incident show",
    "hook list",
    "hook show",
    "hook test",
    "webhook list",
    "webhook show",
    "webhook dead",
    "trust explain",
    "trust approver list",
    "trust scanner list",
    "trust seal",
    "trust attest",
    "operator list",
    "operator show",
    "tenant list",
    "tenant show",
    "feed watch",
    "feed verify",
    "feed enforcement",
    "feed show",
    "audit list",
    "audit verify",
    "audit export",
    "policy show",
    "policy history",
    "why",
    "events",
    "doctor",
    "codes",
    "completions",
];

/// Every command without others below it: its words, and itself.
fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    let below = command
        .get_subcommands()
        .filter(|one| !one.is_hide_set() && one.get_name() != "help");
    for one in below {
        let path = format!("{path} {}", one.get_name()).trim().to_owned();
        match one.has_subcommands() {
            true => leaves(one, &path, found),
            false => found.push((path, one.clone())),
        }
    }
}

fn all() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    leaves(&tree(), "", &mut found);
    assert!(found.len() > 50, "{found:?}");
    found
}

fn has(command: &Command, long: &str) -> bool {
    let mut arguments = command.get_arguments();
    arguments.any(|argument| argument.get_long() == Some(long))
}

/// Whether `mcps-gateway` has the verb.
fn is_forwarded(path: &str) -> bool {
    matches!(
        path,
        "policy check" | "policy test" | "policy explain" | "policy simulate"
    )
}

#[test]
fn every_command_says_what_it_does_with_examples_and_exit_codes() {
    assert_eq!(mcps_manual::gaps(&tree()), Vec::<String>::new());
}

#[test]
fn every_command_that_prints_an_answer_prints_it_as_json_too() {
    for (path, command) in all() {
        let otherwise = OTHERWISE.iter().any(|(name, _)| *name == path) || is_forwarded(&path);
        assert_eq!(has(&command, "output"), !otherwise, "-o of mcps {path}");
    }
}

#[test]
fn every_command_that_changes_something_can_say_so_first() {
    for (path, command) in all() {
        let changing = CHANGING.contains(&path.as_str());
        let at_once = AT_ONCE.iter().any(|(name, _)| *name == path);
        let looking = LOOKING.contains(&path.as_str()) || is_forwarded(&path);
        let kinds = [changing, at_once, looking];
        let count = kinds.into_iter().filter(|is| *is).count();
        assert_eq!(count, 1, "is mcps {path} one that changes something?");
        assert_eq!(
            has(&command, "dry-run"),
            changing,
            "--dry-run of mcps {path}"
        );
    }
}

#[test]
fn what_is_no_option_is_wrong_usage_everywhere() {
    for (path, command) in all() {
        if command.is_disable_help_flag_set() {
            // What is passed on is judged by whom it is passed on to.
            continue;
        }
        // A key's id may begin with a hyphen, so the first may be taken for one.
        let words = format!("mcps {path} --no-such-option --no-such-option");
        let refused = tree().try_get_matches_from(words.split(' '));
        assert_eq!(refused.unwrap_err().exit_code(), 2, "mcps {path}");
    }
}
