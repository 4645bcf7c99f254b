use proptest::prelude::*;

use super::{Document, Kind, order};

#[test]
fn gives_every_kind_of_value() {
    let text = r#" {"s":"a\nb","t":true,"f":false,"z":null,"n":-12,"d":1.5,"l":[1,[2],3],"o":{}} "#;
    let document = Document::parse(text).unwrap();
    let root = document.root();
    assert_eq!(root.kind(), Kind::Object);
    assert_eq!(root.raw(), text.trim());
    assert_eq!(root.get("s").unwrap().as_str().unwrap(), "a\nb");
    assert_eq!(root.get("t").unwrap().as_bool(), Some(true));
    assert_eq!(root.get("f").unwrap().as_bool(), Some(false));
    assert!(root.get("z").unwrap().is_null());
    assert_eq!(root.get("n").unwrap().as_i64(), Some(-12));
    assert_eq!(root.get("d").unwrap().as_f64(), Some(1.5));
    assert_eq!(root.get("l").unwrap().kind(), Kind::Array);
    assert!(root.get("o").unwrap().as_object().unwrap().is_empty());
    assert!(root.get("x").is_none());
    assert!(root.get("l").unwrap().get("s").is_none());
}

#[test]
fn gives_nothing_of_another_kind() {
    let document = Document::parse(r#"["1",1,true,null,[],{}]"#).unwrap();
    for value in document.root().as_array().unwrap() {
        let kind = value.kind();
        assert_eq!(value.as_str().is_some(), kind == Kind::String);
        assert_eq!(value.as_i64().is_some(), kind == Kind::Number);
        assert_eq!(value.as_f64().is_some(), kind == Kind::Number);
        assert_eq!(value.as_bool().is_some(), kind == Kind::Bool);
        assert_eq!(value.is_null(), kind == Kind::Null);
        assert_eq!(value.as_array().is_some(), kind == Kind::Array);
        assert_eq!(value.as_object().is_some(), kind == Kind::Object);
    }
}

#[test]
fn takes_for_integers_only_what_is_written_as_one() {
    for (text, expected) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("9007199254740991", Some((1 << 53) - 1)),
        ("-9007199254740991", Some(1 - (1 << 53))),
        ("1.0", None),
        ("1e2", None),
        ("1E0", None),
    ] {
        assert_eq!(
            Document::parse(text).unwrap().root().as_i64(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn walks_arrays_and_objects_in_the_order_of_the_text() {
    let document = Document::parse(r#"[[1,{"z":[2]}],"x",{"b":1,"\u0061":{"c":2}},[]]"#).unwrap();
    let array = document.root().as_array().unwrap();
    let raw: Vec<_> = array.iter().map(super::Value::raw).collect();
    assert_eq!(
        raw,
        [
            r#"[1,{"z":[2]}]"#,
            r#""x""#,
            r#"{"b":1,"\u0061":{"c":2}}"#,
            "[]"
        ]
    );
    assert_eq!((array.len(), array.iter().len()), (4, 4));
    assert!(array.get(4).is_none());
    let object = array.get(2).unwrap().as_object().unwrap();
    let names: Vec<_> = object
        .into_iter()
        .map(|member| member.name().into_owned())
        .collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(object.len(), 2);
    assert_eq!(object.get("a").unwrap().get("c").unwrap().as_i64(), Some(2));
    assert!(object.get("\\u0061").is_none());
    let names: Vec<_> = object
        .sorted()
        .map(|member| member.name().into_owned())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn gives_the_bytes_of_members_and_values() {
    let text = r#"{ "a" : 1 , "é" : [ "ü" ] }"#;
    let document = Document::parse(text).unwrap();
    let object = document.root().as_object().unwrap();
    assert_eq!(&text[object.span()], text);
    assert_eq!(&text[object.member("a").unwrap().span()], r#""a" : 1"#);
    let member = object.member("é").unwrap();
    assert_eq!(&text[member.span()], r#""é" : [ "ü" ]"#);
    assert_eq!(&text[member.value().span()], member.value().raw());
}

#[test]
fn keeps_the_text_as_given() {
    let text = "\r\n{\"b\" : 1.0,\t\"a\":\"\\u0061\"} \n";
    let document = Document::parse(text).unwrap();
    assert_eq!(document.text(), text);
    assert_eq!(document.into_text(), text);
}

#[test]
fn tells_places_apart() {
    let document = Document::parse("[1,1]").unwrap();
    let twin = document.clone();
    let array = document.root().as_array().unwrap();
    let (one, other) = (array.get(0).unwrap(), array.get(1).unwrap());
    assert!(one.same(one));
    assert!(!one.same(other));
    assert!(!document.root().same(twin.root()));
    assert!(document.root().encloses(other) && document.root().encloses(document.root()));
    assert!(!one.encloses(other) && !twin.root().encloses(one));
}

#[test]
fn debug_output_shows_no_content() {
    let document = Document::parse(r#"{"name":"s3cret","s3cret":[1]}"#).unwrap();
    let object = document.root().as_object().unwrap();
    let shown = format!(
        "{document:?}{object:?}{:?}{:?}",
        object.iter(),
        object.member("name")
    );
    assert!(!shown.contains("s3cret"), "{shown}");
}

fn unit() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::char::range('a', 'c'),
        prop::sample::select(vec![
            '\u{d7ff}',
            '\u{e000}',
            '\u{fb33}',
            '\u{ffff}',
            '\u{10000}',
            '\u{10ffff}'
        ]),
        any::<char>(),
    ]
}

proptest! {
    #[test]
    fn compares_as_utf16_does(
        left in prop::collection::vec(unit(), 0..4).prop_map(String::from_iter),
        right in prop::collection::vec(unit(), 0..4).prop_map(String::from_iter),
    ) {
        let expected = left.encode_utf16().cmp(right.encode_utf16());
        prop_assert_eq!(order::utf16_order(&left, &right), expected);
    }
}
