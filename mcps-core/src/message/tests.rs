use proptest::prelude::*;

use super::{Id, Kind, Message, Outline, error_text, insert_first, is_oversize, remove};
use crate::code::Code;
use crate::fixture;
use crate::json::{Document, Limits, Value};
use crate::refusal::Refusal;

fn parse(text: &str) -> Result<Message, Refusal> {
    Message::parse(text)
}

#[test]
fn tells_the_four_kinds_apart() {
    for (text, kind, id) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#,
            Kind::Request,
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"m","params":{}}"#,
            Kind::Request,
            Some("\"a\""),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"m"}"#,
            Kind::Notification,
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            Kind::Response,
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#,
            Kind::Error,
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#,
            Kind::Error,
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#,
            Kind::Error,
            None,
        ),
    ] {
        let message = parse(text).unwrap();
        assert_eq!(
            (message.kind(), message.id().map(Id::as_str)),
            (kind, id),
            "{text}"
        );
        assert_eq!(
            (message.text(), message.clone().into_text().as_str()),
            (text, text)
        );
    }
}

#[test]
fn refuses_what_is_not_one_message() {
    for text in [
        "1",
        "null",
        "\"a\"",
        "[]",
        r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#,
        "{}",
        r#"{"id":1,"method":"m"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":[],"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":null}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":1}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":null}}"#,
    ] {
        assert!(matches!(parse(text), Err(Refusal::Message(_))), "{text}");
    }
}

/// What a lenient reader would take differently from ours, or not survive.
#[test]
fn refuses_json_that_readers_disagree_about() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":{}1{}}}}}"#,
        "[".repeat(2000),
        "]".repeat(2000)
    );
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":9007199254740993}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":1e400}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#,
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}",
        r#"{"jsonrpc":"2.0","id":1,"method":"m"}{"#,
        &deep,
    ] {
        let refusal = parse(text).unwrap_err();
        assert!(matches!(refusal, Refusal::Json(_)), "{refusal}");
        assert_eq!(refusal.code(), Code::Malformed);
    }
}

#[test]
fn ids_are_equal_when_their_values_are() {
    let id = |text: &str| {
        parse(&format!(r#"{{"jsonrpc":"2.0","id":{text},"method":"m"}}"#))
            .unwrap()
            .id()
            .cloned()
    };
    assert_eq!(id("1"), id("1.0"));
    assert_eq!(id("\"a\""), id("\"\\u0061\""));
    assert_ne!(id("1"), id("\"1\""));
    assert_ne!(id("1"), id("-1"));
}

#[test]
fn says_when_a_message_is_too_large() {
    let limits = Limits {
        bytes: 10,
        ..Limits::default()
    };
    let refusal = Message::parse_with(br#"{"jsonrpc":"2.0","id":1,"method":"m"}"#.to_vec(), limits)
        .unwrap_err();
    assert!(is_oversize(&refusal));
    assert!(!is_oversize(&parse("{}").unwrap_err()));
}

#[test]
fn the_error_a_peer_is_given_holds_code_title_and_advice_only() {
    let id = Outline::of(br#"{"id":"a\"b"}"#).id.unwrap();
    let text = error_text(Some(&id), Code::Replayed, "d-\"1", r#","retry_after":3"#);
    assert_eq!(
        text,
        r#"{"jsonrpc":"2.0","id":"a\"b","error":{"code":-33005,"message":"Replay detected","data":{"code":"MCPS-005","advice":"Sign every message anew; a nonce is good once","decision_id":"d-\"1","retry_after":3}}}"#
    );
    for code in Code::ALL {
        let message = parse(&error_text(None, code, "d", "")).unwrap();
        assert_eq!((message.kind(), message.id()), (Kind::Error, None));
        let data = message.error().and_then(|error| error.get("data")).unwrap();
        assert_eq!(
            data.get("advice").and_then(Value::as_str).as_deref(),
            Some(code.advice())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn taking_out_what_was_put_in_first_restores_the_bytes(text in fixture::json::message(), value in fixture::json::value()) {
        let document = Document::parse(text.as_str()).unwrap();
        let mut edited = text.clone();
        insert_first(&mut edited, document.root().as_object().unwrap(), "new member", &value);
        let document = Document::parse(edited.as_str()).unwrap();
        let object = document.root().as_object().unwrap();
        let mut restored = edited.clone();
        remove(&mut restored, object, object.member("new member").unwrap());
        prop_assert_eq!(restored, text);
    }

    #[test]
    fn taking_out_any_member_leaves_the_others(text in fixture::json::message()) {
        let document = Document::parse(text.as_str()).unwrap();
        let object = document.root().as_object().unwrap();
        for member in object {
            let mut rest = text.clone();
            remove(&mut rest, object, member);
            let rest = Document::parse(rest).unwrap();
            let kept = rest.root().as_object().unwrap();
            prop_assert_eq!(kept.len(), object.len() - 1);
            for other in object.iter().filter(|other| other.name() != member.name()) {
                prop_assert_eq!(kept.get(&other.name()).unwrap().raw(), other.value().raw());
            }
        }
    }

    #[test]
    fn reads_every_message_and_never_panics_on_a_mangled_one(text in fixture::json::message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        prop_assert!(parse(&text).is_ok());
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Message::parse(bytes.as_slice());
        let _ = Outline::of(&bytes);
        bytes.truncate(at);
        let _ = Message::parse(bytes);
    }
}
