//! What the documents show is what the loader takes, and nothing that it takes is missing there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::checked;
use crate::config::Config;
use crate::policy::cli::{Output, PolicyArgs, PolicyCommand, SetArgs, run};

fn document(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    fs::read_to_string(file).unwrap()
}

/// The blocks of a language, as they are.
fn blocks(name: &str, language: &str) -> Vec<String> {
    let text = document(name);
    let opened = format!("```{language}\n");
    let blocks = text.split(&opened).skip(1);
    let blocks: Vec<String> = blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{name}");
    blocks
}

/// The policies that `policy.md` shows, in the files that `gateway.md` names, and the cases.
fn policies(folder: &Path) -> [PathBuf; 3] {
    let (cases, facts): (Vec<_>, Vec<_>) = blocks("policy.md", "toml")
        .into_iter()
        .partition(|block| block.starts_with("[[case]]"));
    let cedar = blocks("policy.md", "cedar").concat();
    let texts = [
        ("acme.toml", facts.concat()),
        ("acme.cedar", cedar),
        ("cases.toml", cases.concat()),
    ];
    texts.map(|(name, text)| {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        file
    })
}

#[test]
fn every_configuration_that_is_shown_is_one() {
    let folder = tempfile::tempdir().unwrap();
    policies(folder.path());
    fs::write(folder.path().join("redis-password"), "secret\n").unwrap();
    for name in ["gateway.md", "events.md", "quarantine.md"] {
        for block in blocks(name, "toml") {
            let done = checked(folder.path(), &block);
            done.unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
        }
    }
}

#[test]
fn every_policy_that_is_shown_loads_beside_the_default_pack_and_its_cases_pass() {
    let folder = tempfile::tempdir().unwrap();
    let [facts, cedar, cases] = policies(folder.path());
    let set = SetArgs {
        files: vec![facts, cedar],
        no_default_pack: false,
    };
    let command = PolicyCommand::Test {
        set,
        cases: vec![cases],
    };
    let args = PolicyArgs {
        command,
        output: Output::Table,
    };
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let code = run(&args, &mut out, &mut errors);
    let said = String::from_utf8([out, errors].concat()).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 passed, 0 failed"), "{said}");
}

/// The keys that may stand where `text` ends.
fn keys(text: &str) -> BTreeSet<String> {
    let why = Config::parse(&format!("{text}\nno_such_key = 1\n")).unwrap_err();
    let (_, expected) = why.split_once("`no_such_key`, expected ").unwrap();
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_key_is_in_the_documents_and_what_they_list_is_a_key() {
    let tables = [
        "",
        "[segments]",
        "[shared]",
        "[quarantine]",
        "[tenant.a]",
        "[[api_key]]",
        "[[oidc]]",
        "[[server]]",
        "[server.tool.t]",
    ];
    let tables = tables.map(|table| match table {
        "[server.tool.t]" => keys("[[server]]\nname = \"s\"\n[server.tool.t]"),
        table => keys(table),
    });
    let known: BTreeSet<String> = tables.into_iter().flatten().collect();
    assert!(known.len() > 60, "{known:?}");
    let texts = ["gateway.md", "events.md", "quarantine.md"].map(document);
    let text = texts.concat();
    for key in &known {
        let shown = [
            format!("`{key}`"),
            format!("`{key} ="),
            format!("\n{key} ="),
            format!("[{key}]"),
            format!("[{key}."),
            format!(".{key}."),
        ];
        assert!(
            shown.iter().any(|shown| text.contains(shown)),
            "`{key}` is in no document"
        );
    }
    let listed = text.split("\n| key | is |").skip(1);
    let rows = listed.flat_map(|table| {
        table
            .lines()
            .skip(2)
            .take_while(|row| row.starts_with("| "))
    });
    let mut count = 0;
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        for key in cell.split('`').skip(1).step_by(2) {
            let key = key.split(' ').next().unwrap();
            assert!(known.contains(key), "`{key}` is no key: {row}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}
