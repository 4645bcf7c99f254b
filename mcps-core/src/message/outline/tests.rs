use proptest::prelude::*;

use super::{Outline, Sketch};
use crate::message::{Kind, Message};

fn outline(text: &str) -> (Option<Kind>, Option<String>) {
    let Outline { kind, id } = Outline::of(text.as_bytes());
    (kind, id.map(|id| id.as_str().to_owned()))
}

#[test]
fn sees_through_what_strict_json_refuses() {
    for inside in [
        "9007199254740993",
        "1e999",
        r#""\ud800""#,
        r#"{"a":1,"a":2}"#,
        r#"["id", {"id": 8, "method": "x"}, "}", "\"", "\\"]"#,
        "\"\u{1}\"",
        &format!("{}1{}", "[".repeat(200), "]".repeat(200)),
    ] {
        let request =
            format!(r#" {{ "jsonrpc":"2.0", "params":{inside} ,"id" : 7 , "method":"m"}}"#);
        assert!(Message::parse(request.clone()).is_err(), "{inside}");
        assert_eq!(
            outline(&request),
            (Some(Kind::Request), Some("7".to_owned())),
            "{inside}"
        );
        let answer = format!(r#"{{"id":"a","result":{inside}}}"#);
        assert_eq!(
            outline(&answer),
            (Some(Kind::Response), Some("\"a\"".to_owned()))
        );
    }
}

#[test]
fn tells_the_kinds_apart() {
    for (text, kind, id) in [
        (r#"{"method":1}"#, Some(Kind::Notification), None),
        (r#"{"id":null,"error":{}}"#, Some(Kind::Error), None),
        (
            r#"{"id":1,"result":1,"error":1}"#,
            Some(Kind::Error),
            Some("1"),
        ),
        (r#"{"id":1,"level":30}"#, None, Some("1")),
        (r#"{"id":1,"id":2,"method":"m"}"#, Some(Kind::Request), None),
        (
            r#"{"id":9007199254740993,"method":"m"}"#,
            Some(Kind::Request),
            None,
        ),
        (r#"{"id":{"id":1},"method":"m"}"#, Some(Kind::Request), None),
        ("{}", None, None),
    ] {
        assert_eq!(outline(text), (kind, id.map(str::to_owned)), "{text}");
    }
}

#[test]
fn is_empty_for_what_is_no_object() {
    for text in [
        "",
        "null",
        "[1]",
        "\"id\"",
        "Server listening",
        "{",
        "{\"id\":1",
        "{\"id\":1]",
        "{\"id\":1}}",
        "{\"id\":1} {}",
        "{\"id\"}",
        "{id:1}",
        "{,}",
        "{\"id\":1,}",
        "{\"a\":\"b}",
    ] {
        assert_eq!(outline(text), (None, None), "{text}");
    }
}

#[test]
fn guesses_an_id_to_answer_with() {
    assert_eq!(
        Outline::of(br#"{"id":"x","jsonrpc":"1.0"}"#)
            .id
            .unwrap()
            .as_str(),
        "\"x\""
    );
    for bytes in [
        &b"{\"id\":1"[..],
        b"[1]",
        b"{}",
        br#"{"id":null}"#,
        br#"{"id":{}}"#,
        br#"{"id":1,"id":2}"#,
        br#"{"id":1}{"id":1}"#,
        br#"{"id":1}]"#,
        br#"{"i\u0064":1,"a":{"id":1},"b":[{"id":1}],"c":"\",\"id\":1"}"#,
        br#"{"id":9007199254740993}"#,
        br#"{"id":"never closed}"#,
        &[0xff],
    ] {
        assert_eq!(Outline::of(bytes).id, None);
    }
}

#[test]
fn guesses_the_id_of_what_strict_json_refuses() {
    let deep = format!(r#"{{"a":{},"id":7}}"#, "[".repeat(2000) + &"]".repeat(2000));
    for text in [
        r#"{"id":7,"n":9007199254740993}"#,
        r#"{"n":1,"n":2, "id" : 7 }"#,
        r#"{"id":7,"s":"\ud800"}"#,
        " {\"id\":7,\"s\":\"a\u{0}b\"}",
        r#"{"s":"}\"id\":8","id":7}"#,
        deep.as_str(),
    ] {
        assert_eq!(
            Outline::of(text.as_bytes()).id.unwrap().as_str(),
            "7",
            "{text}"
        );
    }
    assert_eq!(
        Outline::of(b"{\"id\":7,\"s\":\"\xff\"}")
            .id
            .unwrap()
            .as_str(),
        "7"
    );
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(1024));
    assert_eq!(Outline::of(long.as_bytes()).id, None);
}

proptest! {
    #[test]
    fn agrees_with_the_parser_about_messages(id in 0_u32..9, member in "[a-z\"\\\\{}\\[\\],:]{0,12}") {
        let member = serde_json::to_string(&member).unwrap();
        let text = format!(r#"{{"k":{member},"jsonrpc":"2.0","id":{id},"result":{{"k":[{member}]}}}}"#);
        let message = Message::parse(text.clone()).unwrap();
        let seen = Outline::of(text.as_bytes());
        prop_assert_eq!(seen.kind, Some(message.kind()));
        prop_assert_eq!(seen.id.as_ref(), message.id());
    }

    #[test]
    fn survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Outline::of(&bytes);
    }
}

proptest! {
    #[test]
    fn is_the_same_however_the_bytes_come(
        text in r#"[ {}\[\]:,"\\a-e0-9idmethodresult]{0,60}"#, cut in 0_usize..61,
    ) {
        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
        let mut sketch = Sketch::default();
        sketch.add(head);
        sketch.add(tail);
        prop_assert_eq!(sketch.finish(), Outline::of(text.as_bytes()));
    }
}

#[test]
fn keeps_little_of_what_goes_by() {
    let mut sketch = Sketch::default();
    sketch.add(br#"{"params":""#);
    for _ in 0..64 {
        sketch.add(&[b'x'; 1 << 16]);
    }
    sketch.add(br#"","method":"m","id":"#);
    sketch.add(b"7}");
    assert!(sketch.name.capacity() + sketch.value.capacity() < 4096);
    let Outline { kind, id } = sketch.finish();
    assert_eq!((kind, id.unwrap().as_str()), (Some(Kind::Request), "7"));
}
