use std::time::Duration;

use proptest::prelude::*;

use super::Event;
use crate::{
    error::TransportError,
    sse::{Decoder, EventLimits},
};

fn read(encoded: &[u8]) -> Event {
    let mut input = encoded;
    let mut decoder = Decoder::new(EventLimits::default());
    let event = decoder.next(&mut input).unwrap().unwrap();
    assert!(input.is_empty(), "one event only");
    event
}

#[test]
fn encodes_a_message_as_one_data_field() {
    let event = Event::message(br#"{"id":1}"#);
    assert_eq!(event.as_bytes(), b"data: {\"id\":1}\n\n");
    assert_eq!(event.data().unwrap(), &br#"{"id":1}"#[..]);
    assert_eq!(
        (event.name(), event.id(), event.retry()),
        (None, None, None)
    );
}

#[test]
fn encodes_every_line_of_the_data_as_a_field() {
    let event = Event::message(b"a\n b\r\nc\rd\n");
    assert_eq!(
        event.as_bytes(),
        b"data: a\ndata:  b\ndata: c\ndata: d\ndata: \n\n"
    );
    assert_eq!(event.data().unwrap(), "a\n b\nc\nd\n");
}

#[test]
fn puts_name_id_and_retry_in_front() {
    let event = Event::message(b"{}")
        .with_retry(Duration::from_secs(2))
        .with_id("7")
        .unwrap()
        .with_name("message")
        .unwrap();
    assert_eq!(
        event.as_bytes(),
        b"event: message\nid: 7\nretry: 2000\ndata: {}\n\n"
    );
    assert_eq!(event.name(), Some(&b"message"[..]));
    assert_eq!(event.id(), Some(&b"7"[..]));
    assert_eq!(event.retry(), Some(Duration::from_secs(2)));
}

#[test]
fn refuses_a_name_or_id_that_would_start_another_line() {
    let event = || Event::message(b"{}");
    for wrong in [
        event().with_name("a\ndata: x"),
        event().with_name("a\rb"),
        event().with_id("a\nb"),
        event().with_id("a\0b"),
    ] {
        assert!(matches!(
            wrong,
            Err(TransportError::NotAFieldValue { offset: 1 })
        ));
    }
}

#[test]
fn a_comment_cannot_start_an_event() {
    let event = Event::comment("still here\n\ndata: x");
    assert_eq!(event.data(), None);
    let comments: Vec<_> = event.comments().collect();
    assert_eq!(comments, [&b"still here"[..], b"", b"data: x"]);
}

#[test]
fn replaces_the_data_and_nothing_else() {
    let event = read(b":c\nid:4\ndata:a\ndata:b\nfuture: x\nretry:1\n\n");
    let other = event.with_data(b"1\n2");
    assert_eq!(
        other.as_bytes(),
        b":c\nid:4\ndata: 1\ndata: 2\nfuture: x\nretry:1\n\n"
    );
    let primed = read(b"id: 5\n\n").with_data(b"{}");
    assert_eq!(primed.as_bytes(), b"id: 5\ndata: {}\n\n");
}

#[test]
fn reads_fields_as_the_standard_says() {
    type Read<'a> = (
        Option<&'a str>,
        Option<&'a str>,
        Option<&'a str>,
        Option<u64>,
    );
    // Block; then data, name, id, retry.
    let table: [(&[u8], Read<'_>); 16] = [
        (b"data", (Some(""), None, None, None)),
        (b"data:", (Some(""), None, None, None)),
        (b"data: ", (Some(""), None, None, None)),
        (b"data:  x", (Some(" x"), None, None, None)),
        (b"data\ndata", (Some("\n"), None, None, None)),
        (b"data:a:b", (Some("a:b"), None, None, None)),
        (b" data:a", (None, None, None, None)),
        (b"Data:a", (None, None, None, None)),
        (b":data:a", (None, None, None, None)),
        (b"event:a\nevent:b", (None, Some("b"), None, None)),
        (b"id: 1\nid:2\0", (None, None, Some("1"), None)),
        (b"id", (None, None, Some(""), None)),
        (b"retry: 10\nretry: 1x", (None, None, None, Some(10))),
        (b"retry: +1", (None, None, None, None)),
        (b"retry:", (None, None, None, None)),
        (b"retry: 99999999999999999999", (None, None, None, None)),
    ];
    for (block, expected) in table {
        let event = read(&[block, b"\n\n"].concat());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let data = event.data().map(|data| text(&data));
        let (name, id) = (event.name().map(text), event.id().map(text));
        let retry = event
            .retry()
            .map(|retry| u64::try_from(retry.as_millis()).unwrap());
        assert_eq!(
            (data.as_deref(), name.as_deref(), id.as_deref(), retry),
            expected,
            "{}",
            block.escape_ascii()
        );
    }
}

#[test]
fn shows_no_content_in_debug_output() {
    let event = Event::message(b"secret").with_id("hidden").unwrap();
    assert_eq!(format!("{event:?}"), "Event(25 bytes)");
}

proptest! {
    #[test]
    fn a_message_arrives_as_it_was_sent(data in "[ -~\\n\\t\u{80}-\u{ffff}]{0,60}") {
        let event = Event::message(data.as_bytes());
        let received = read(event.as_bytes());
        prop_assert_eq!(received.data().unwrap(), data.as_bytes());
        prop_assert_eq!(received, event);
    }

    #[test]
    fn replaced_data_arrives_as_it_was_sent(
        block in proptest::collection::vec("(data|id|event|x|)(:| |)[a-z]{0,3}", 1..8),
        data in "[a-z\\n]{0,9}",
    ) {
        let block: String = block.iter().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        prop_assume!(!block.is_empty());
        let before = read(format!("{block}\n").as_bytes());
        let after = before.with_data(data.as_bytes());
        prop_assert_eq!(after.data().unwrap(), data.as_bytes());
        let others = |event: &Event| -> Vec<Vec<u8>> {
            event.lines().filter(|line| super::field(line).0 != b"data").map(<[u8]>::to_vec).collect()
        };
        prop_assert_eq!(others(&after), others(&before));
    }
}
