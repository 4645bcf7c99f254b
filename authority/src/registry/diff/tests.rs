use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::key::SecretKey;
use mcps_core::random::SeededRandom;
use mcps_core::terminal::is_hidden;
use mcps_core::tool::{self, ToolClaims};

use super::manifests;

fn signed(definitions: &[&str], at: i64) -> String {
    let key = SecretKey::generate(&SeededRandom::new(1)).unwrap();
    let claims = ToolClaims {
        author_origin: None,
        signed_at: Timestamp::from_millis(at),
        version: "1".to_owned(),
    };
    let sign =
        |text: &&str| tool::sign(Document::parse(*text).unwrap().root(), &claims, &key).unwrap();
    let tools: Vec<String> = definitions.iter().map(sign).collect();
    format!(r#"{{"tools":[{}]}}"#, tools.join(","))
}

#[test]
fn says_which_tools_came_went_and_changed() {
    let before = signed(
        &[
            r#"{"name":"read","description":"Reads."}"#,
            r#"{"name":"gone"}"#,
            r#"{"name":"same"}"#,
        ],
        0,
    );
    let after = signed(
        &[
            r#"{"name":"same"}"#,
            r#"{"name":"new","title":"New"}"#,
            r#"{"name":"read","description":"Reads and mails."}"#,
        ],
        1000,
    );
    let text = manifests(&before, &after).unwrap().to_text("1.0", "1.1");
    assert_eq!(
        text,
        "1.0 -> 1.1: 1 added, 1 removed, 1 changed\n\
         \n+ new\n    + {\"name\":\"new\",\"title\":\"New\"}\n\
         \n- gone\n    - {\"name\":\"gone\"}\n\
         \n~ read\n  /description\n    - \"Reads.\"\n    + \"Reads and mails.\"\n"
    );
}

#[test]
fn signing_again_is_no_change() {
    let definitions = [r#"{"name":"a","_meta":{"x":1}}"#, r#"{"name":"b"}"#];
    let found = manifests(&signed(&definitions, 0), &signed(&definitions, 1000)).unwrap();
    assert!(found.is_empty());
}

#[test]
fn nothing_speaks_to_a_terminal() {
    let before = signed(&[r#"{"name":"a","description":"x"}"#], 0);
    let spoken = "{\"name\":\"a\",\"description\":\"\\u001b[2J\u{9b}2J\u{202e}\u{200b}\u{e0041}\",\
                  \"\\u001b]0;\u{9d}\":1}";
    let other = "{\"name\":\"b\\u001b[2J\u{9b}\"}";
    let after = signed(&[spoken, other], 0);
    let text = manifests(&before, &after).unwrap().to_text("1", "2");
    assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{text:?}");
    assert!(text.contains(r"\udb40\udc41"), "{text}");
}

#[test]
fn a_tool_with_more_changes_than_are_listed_is_shown_whole() {
    let items = |n: usize| {
        let items: Vec<String> = (0..=super::MOST_CHANGES)
            .map(|i| (i + n).to_string())
            .collect();
        format!(r#"{{"name":"a","enum":[{}]}}"#, items.join(","))
    };
    let (before, after) = (signed(&[&items(0)], 0), signed(&[&items(1)], 0));
    let found = manifests(&before, &after).unwrap();
    let changes = &found.changed.first().unwrap().changes;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes.first().unwrap().pointer, "");
}
