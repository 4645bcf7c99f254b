use proptest::prelude::*;

use super::{Change, TooMany, diff};
use crate::fixture::json::value;
use crate::jcs;
use crate::json::Document;

fn changes(before: &str, after: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let [before, after] = [before, after].map(|text| Document::parse(text).unwrap());
    let found = diff(before.root(), after.root(), 100).unwrap();
    let parts = |change: Change| (change.pointer, change.before, change.after);
    found.into_iter().map(parts).collect()
}

fn change(
    pointer: &str,
    before: Option<&str>,
    after: Option<&str>,
) -> (String, Option<String>, Option<String>) {
    let own = |text: Option<&str>| text.map(str::to_owned);
    (pointer.to_owned(), own(before), own(after))
}

#[test]
fn names_each_member_that_was_added_removed_or_changed() {
    let before = r#"{"name":"read","description":"Reads.","inputSchema":{"type":"object",
        "properties":{"path":{"type":"string"},"old":{}},"required":["path"]}}"#;
    let after = r#"{"name":"read","description":"Reads and mails.","title":"Read","inputSchema":{
        "properties":{"path":{"type":"string","description":"~/x"}},
        "required":["path","to"],"type":"object"}}"#;
    assert_eq!(
        changes(before, after),
        [
            change(
                "/description",
                Some(r#""Reads.""#),
                Some(r#""Reads and mails.""#)
            ),
            change("/inputSchema/properties/old", Some("{}"), None),
            change(
                "/inputSchema/properties/path/description",
                None,
                Some(r#""~/x""#)
            ),
            change("/inputSchema/required/1", None, Some(r#""to""#)),
            change("/title", None, Some(r#""Read""#)),
        ]
    );
}

#[test]
fn what_means_the_same_is_no_change() {
    assert_eq!(
        changes(r#"{"a":1.0,"b":"\u00e9"}"#, r#"{ "b": "é", "a": 1 }"#),
        []
    );
}

#[test]
fn another_kind_of_value_is_one_change() {
    assert_eq!(
        changes(r#"{"a":{"b":1}}"#, r#"{"a":[1]}"#),
        [change("/a", Some(r#"{"b":1}"#), Some("[1]"))]
    );
}

#[test]
fn names_are_escaped_in_pointers() {
    assert_eq!(
        changes(r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":2}}"#),
        [change("/a~1b/~0", Some("1"), Some("2"))]
    );
}

#[test]
fn names_are_matched_in_the_order_of_utf_16() {
    // U+E000 sorts after U+10000 in UTF-16, and before it in UTF-8.
    assert_eq!(
        changes(
            "{\"\u{e000}\":1,\"\u{10000}\":1}",
            "{\"\u{10000}\":1,\"\u{e000}\":2}"
        ),
        [change("/\u{e000}", Some("1"), Some("2"))]
    );
}

#[test]
fn a_pointer_does_not_grow_beyond_its_bound() {
    let long = "k".repeat(super::MAX_POINTER);
    let [before, after] = [1, 2].map(|n| format!(r#"{{"{long}":{{"deep":{{"n":{n}}}}}}}"#));
    let found = changes(&before, &after);
    assert_eq!(
        found,
        [change(
            &format!("/{long}"),
            Some(r#"{"deep":{"n":1}}"#),
            Some(r#"{"deep":{"n":2}}"#)
        )]
    );
}

#[test]
fn more_changes_than_asked_for_are_not_listed() {
    let [before, after] = ["[1,2,3]", "[4,5,6]"].map(|text| Document::parse(text).unwrap());
    assert_eq!(diff(before.root(), after.root(), 2), Err(TooMany));
    assert_eq!(diff(before.root(), after.root(), 3).unwrap().len(), 3);
}

proptest! {
    #[test]
    fn there_is_a_change_when_and_only_when_the_canonical_forms_differ(before in value(), after in value()) {
        let [before, after] = [before, after].map(|text| Document::parse(text).unwrap());
        let found = diff(before.root(), after.root(), usize::MAX).unwrap();
        let equal = jcs::to_string(before.root()) == jcs::to_string(after.root());
        prop_assert_eq!(found.is_empty(), equal);
        prop_assert!(diff(before.root(), before.root(), 0).unwrap().is_empty());
    }
}
