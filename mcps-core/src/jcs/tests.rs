use super::{Overlay, digest, to_string, write, write_overlaid};
use crate::digest::{Digest, Hasher};
use crate::json::{Document, Value};

fn overlaid(value: Value<'_>, without: &[Value<'_>], with: &[(&str, &str)]) -> String {
    let mut bytes = Vec::new();
    write_overlaid(value, &Overlay { without, with }, &mut bytes);
    let mut hasher = Hasher::new();
    write_overlaid(value, &Overlay { without, with }, &mut hasher);
    assert_eq!(hasher.finish(), Digest::of(&bytes));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn writes_empty_and_nested_containers() {
    for (text, expected) in [
        (" [ ] ", "[]"),
        ("{ }", "{}"),
        ("[[ ],{ },[ [ ] ]]", "[[],{},[[]]]"),
        (
            r#"{"b":[1.50,-0,"\u0061\/"], "a":{"":null}}"#,
            r#"{"a":{"":null},"b":[1.5,0,"a/"]}"#,
        ),
        ("[ true , false , null ]", "[true,false,null]"),
    ] {
        let document = Document::parse(text).unwrap();
        assert_eq!(to_string(document.root()), expected);
        assert_eq!(digest(document.root()), Digest::of(expected.as_bytes()));
    }
}

#[test]
fn passes_canonical_text_in_one_piece() {
    struct Counter(usize);
    impl super::Sink for Counter {
        fn put(&mut self, _: &[u8]) {
            self.0 += 1;
        }
    }
    for (text, pieces) in [
        (
            r#"{"a":[1,2.5,"x\n\"\\\u0001é",{"b":null,"c":{}}],"d":true}"#,
            1,
        ),
        (r#"{"d":0,"a":[1,2,{"b":"c"}]}"#, 5),
        (r#"[1,[2,3]]"#, 1),
        (r#"[1, [2,3]]"#, 2),
    ] {
        let document = Document::parse(text).unwrap();
        let mut counter = Counter(0);
        write(document.root(), &mut counter);
        assert_eq!(counter.0, pieces, "{text}");
    }
}

#[test]
fn writes_a_part_of_a_document() {
    let document = Document::parse(r#"{"z":{"b":1,"a":[ 2 ]}}"#).unwrap();
    assert_eq!(
        to_string(document.root().get("z").unwrap()),
        r#"{"a":[2],"b":1}"#
    );
}

#[test]
fn leaves_members_out_at_any_depth() {
    let document = Document::parse(r#"{"a":{"b":{"c":1},"d":[{"e":2,"f":3}]},"g":4}"#).unwrap();
    let root = document.root();
    let a = root.get("a").unwrap();
    let b = a.get("b").unwrap();
    let d = a.get("d").unwrap();
    let e = d.as_array().unwrap().get(0).unwrap().get("e").unwrap();
    let g = root.get("g").unwrap();
    assert_eq!(
        overlaid(root, &[b], &[]),
        r#"{"a":{"d":[{"e":2,"f":3}]},"g":4}"#
    );
    assert_eq!(
        overlaid(root, &[e, g], &[]),
        r#"{"a":{"b":{"c":1},"d":[{"f":3}]}}"#
    );
    assert_eq!(overlaid(root, &[b, d], &[]), r#"{"a":{},"g":4}"#);
    assert_eq!(overlaid(root, &[a, g], &[]), "{}");
    assert_eq!(overlaid(root, &[], &[]), document.text());
}

#[test]
fn leaves_out_places_and_not_equal_values_or_other_documents() {
    let document = Document::parse(r#"{"a":{"x":1},"b":{"x":1}}"#).unwrap();
    let twin = document.clone();
    let a = document.root().get("a").unwrap();
    assert_eq!(overlaid(document.root(), &[a], &[]), r#"{"b":{"x":1}}"#);
    assert_eq!(overlaid(twin.root(), &[a], &[]), document.text());
    // Elements of an array are no members, nor is the root.
    let list = Document::parse("[1,2]").unwrap();
    let one = list.root().as_array().unwrap().get(0).unwrap();
    assert_eq!(overlaid(list.root(), &[one, list.root()], &[]), "[1,2]");
}

#[test]
fn merges_members_in_order() {
    let with = [("ctx", "mcps-message-v1"), ("a\n", "\"")];
    for (text, expected) in [
        ("{}", r#"{"a\n":"\"","ctx":"mcps-message-v1"}"#),
        (
            r#"{"z":1,"b":2}"#,
            r#"{"a\n":"\"","b":2,"ctx":"mcps-message-v1","z":1}"#,
        ),
        (
            r#"{"a":1,"d":2}"#,
            r#"{"a":1,"a\n":"\"","ctx":"mcps-message-v1","d":2}"#,
        ),
        (
            r#"{"A":{"ctx":0}}"#,
            r#"{"A":{"ctx":0},"a\n":"\"","ctx":"mcps-message-v1"}"#,
        ),
        ("[1]", "[1]"),
    ] {
        let document = Document::parse(text).unwrap();
        assert_eq!(overlaid(document.root(), &[], &with), expected);
    }
}

#[test]
fn merges_in_utf16_order() {
    let document = Document::parse("{\"\u{fb33}\":1,\"\u{d7ff}\":2}").unwrap();
    let merged = overlaid(document.root(), &[], &[("😀", "")]);
    assert_eq!(merged, "{\"\u{d7ff}\":2,\"😀\":\"\",\"\u{fb33}\":1}");
}

#[test]
fn replaces_what_is_left_out_and_merged() {
    let document = Document::parse(r#"{"signature":"x","n":1}"#).unwrap();
    let signature = document.root().get("signature").unwrap();
    assert_eq!(
        overlaid(
            document.root(),
            &[signature],
            &[("signature", "y"), ("ctx", "c")]
        ),
        r#"{"ctx":"c","n":1,"signature":"y"}"#
    );
}
