use proptest::prelude::*;

use super::{Decoder, EventLimits};
use crate::{error::TransportError, sse::Event};

/// What a stream gives in pieces of these sizes (the last one repeats), and how it ends.
fn decode(
    stream: &[u8],
    pieces: &[usize],
    limits: EventLimits,
) -> (Vec<Event>, Result<(), TransportError>) {
    let mut decoder = Decoder::new(limits);
    let mut events = Vec::new();
    let mut rest = stream;
    let mut sizes = pieces.iter().copied();
    while !rest.is_empty() {
        let size = sizes.next().or(pieces.last().copied()).unwrap_or(1).max(1);
        let (mut chunk, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
        assert!(chunk.is_empty(), "`None` means that the chunk is used up");
    }
    (events, decoder.finish())
}

fn whole(stream: &[u8]) -> Vec<Event> {
    decode(stream, &[usize::MAX], EventLimits::default()).0
}

/// Data, type and id of what a reader dispatches, as WHATWG's interpretation has it.
type Dispatched = Vec<(String, String, String)>;

fn dispatched(stream: &[u8]) -> Dispatched {
    let mut decoder = Decoder::new(EventLimits::default());
    let (mut input, mut seen) = (stream, Vec::new());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    while let Some(event) = decoder.next(&mut input).unwrap() {
        let name = event.name().filter(|name| !name.is_empty());
        if let Some(data) = event.data() {
            let name = name.map_or("message".to_owned(), text);
            seen.push((text(&data), name, text(decoder.last_event_id())));
        }
    }
    seen
}

#[test]
fn dispatches_what_the_examples_of_the_standard_dispatch() {
    let row = |data: &str, name: &str, id: &str| (data.to_owned(), name.to_owned(), id.to_owned());
    // 9.2.1, 9.2.6: the stream, and what is dispatched.
    let table: [(&str, Dispatched); 6] = [
        (
            "data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\ndata: This is the third message.\n\n",
            vec![
                row("This is the first message.", "message", ""),
                row(
                    "This is the second message, it\nhas two lines.",
                    "message",
                    "",
                ),
                row("This is the third message.", "message", ""),
            ],
        ),
        (
            "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
            vec![
                row("73857293", "add", ""),
                row("2153", "remove", ""),
                row("113411", "add", ""),
            ],
        ),
        (
            "data: YHOO\ndata: +2\ndata: 10\n\n",
            vec![row("YHOO\n+2\n10", "message", "")],
        ),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            vec![
                row("first event", "message", "1"),
                row("second event", "message", ""),
                row(" third event", "message", ""),
            ],
        ),
        (
            "data\n\ndata\ndata\n\ndata:",
            vec![row("", "message", ""), row("\n", "message", "")],
        ),
        (
            "data:test\n\ndata: test\n\n",
            vec![row("test", "message", ""), row("test", "message", "")],
        ),
    ];
    for (stream, expected) in table {
        assert_eq!(dispatched(stream.as_bytes()), expected, "{stream:?}");
        for ending in ["\r", "\r\n"] {
            let stream = stream.replace('\n', ending);
            assert_eq!(dispatched(stream.as_bytes()), expected, "{stream:?}");
        }
    }
}

#[test]
fn keeps_comments_unknown_fields_and_their_order() {
    let stream = b":hi\nfuture: 1\nid: 4\ndata: x\n:there\nnonsense\n\n";
    let events = whole(stream);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].as_bytes(), stream);
}

#[test]
fn keeps_bytes_that_are_not_utf_8() {
    let stream = b"data: \xff\xfe\n\n";
    assert_eq!(whole(stream)[0].as_bytes(), stream);
}

#[test]
fn yields_blocks_that_dispatch_nothing() {
    let events = whole(b":\n\nid: 1\n\nretry: 5\n\n");
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.data().is_none()));
}

#[test]
fn skips_one_byte_order_mark_at_the_start_only() {
    for pieces in [&[1_usize][..], &[2], &[3], &[100]] {
        let (events, end) = decode(
            b"\xEF\xBB\xBFdata: x\n\ndata: \xEF\xBB\xBFy\n\n",
            pieces,
            EventLimits::default(),
        );
        assert_eq!(events[0].as_bytes(), b"data: x\n\n");
        assert_eq!(events[1].data().unwrap(), &b"\xEF\xBB\xBFy"[..]);
        assert!(end.is_ok());
    }
    let twice = whole(b"\xEF\xBB\xBF\xEF\xBB\xBFdata: x\n\n");
    assert_eq!(twice[0].data(), None, "the second one is part of the name");
    let half = whole(b"\xEF\xBBdata: x\n\n");
    assert_eq!(half[0].as_bytes(), b"\xEF\xBBdata: x\n\n");
}

#[test]
fn a_line_end_cut_in_two_is_one_line_end() {
    let (events, end) = decode(b"data: x\r\ndata: y\r\n\r\n", &[1], EventLimits::default());
    assert_eq!(events, whole(b"data: x\ndata: y\n\n"));
    assert!(end.is_ok());
}

#[test]
fn delivers_an_event_with_the_byte_that_completes_it() {
    let mut decoder = Decoder::new(EventLimits::default());
    assert!(decoder.next(&mut &b"data: x\r\r"[..]).unwrap().is_some());
    assert!(decoder.next(&mut &b"\n"[..]).unwrap().is_none());
    assert!(
        decoder.finish().is_ok(),
        "the LF belonged to the CR before it"
    );
}

#[test]
fn reports_a_truncated_event_and_does_not_deliver_it() {
    for (rest, bytes) in [
        (&b"data: y"[..], 7),
        (b"data: y\n", 8),
        (b":", 1),
        (b"\xEF\xBB", 2),
    ] {
        let mut stream = b"\xEF\xBB\xBFdata: x\n\n".to_vec();
        if rest.starts_with(b"\xEF") {
            stream.clear();
        }
        let before = whole(&stream).len();
        stream.extend_from_slice(rest);
        let (events, end) = decode(&stream, &[3], EventLimits::default());
        assert_eq!(events.len(), before);
        assert!(
            matches!(end, Err(TransportError::EventTruncated { bytes: cut }) if cut == bytes),
            "{end:?}"
        );
    }
}

#[test]
fn an_id_counts_once_its_event_is_complete() {
    let mut decoder = Decoder::new(EventLimits::default());
    let mut input = &b"id: 1\ndata: x\n\nid: 2\ndata: y\n"[..];
    while decoder.next(&mut input).unwrap().is_some() {}
    assert_eq!(decoder.last_event_id(), "1");
    decoder.next(&mut &b"\n"[..]).unwrap().unwrap();
    assert_eq!(decoder.last_event_id(), "2");
    decoder
        .next(&mut &b"id: 3\0\ndata: z\n\n"[..])
        .unwrap()
        .unwrap();
    assert_eq!(decoder.last_event_id(), "2", "an id with NUL is ignored");
    decoder.next(&mut &b"id\n\n"[..]).unwrap().unwrap();
    assert_eq!(decoder.last_event_id(), "", "an empty id resets it");
}

#[test]
fn refuses_a_line_and_an_event_beyond_the_limits() {
    let limits = EventLimits {
        line_bytes: 10,
        event_bytes: 23,
    };
    for pieces in [&[1_usize][..], &[4], &[1000]] {
        let (events, end) = decode(b"data: 1234\ndata: 1234\n\n", pieces, limits);
        assert_eq!((events.len(), end.is_ok()), (1, true), "exactly at them");
        let (events, end) = decode(b"data: 12345\n\n", pieces, limits);
        assert!(events.is_empty());
        assert!(matches!(
            end,
            Err(TransportError::LineTooLong { limit: 10 })
        ));
        let (events, end) = decode(b":1\n\ndata: 1\ndata: 2\ndata: 3\n\n", pieces, limits);
        assert_eq!(events.len(), 1);
        assert!(matches!(
            end,
            Err(TransportError::EventTooLong { limit: 23 })
        ));
    }
}

#[test]
fn holds_no_more_than_the_limit_of_a_line_without_end() {
    let limits = EventLimits {
        line_bytes: 1000,
        event_bytes: 1100,
    };
    let mut decoder = Decoder::new(limits);
    let chunk = [b'x'; 100];
    let failed = (0..100).find(|_| decoder.next(&mut &chunk[..]).is_err());
    assert_eq!(failed, Some(10));
    assert_eq!(decoder.block.capacity(), 0, "what was held is given up");
    assert!(decoder.next(&mut &b"\n\n"[..]).is_err(), "and stays broken");
    assert!(decoder.finish().is_err());
}

#[test]
fn empty_lines_cost_nothing() {
    let mut decoder = Decoder::new(EventLimits::default());
    let empty = vec![b'\n'; 1 << 20];
    assert!(decoder.next(&mut &empty[..]).unwrap().is_none());
    assert_eq!(decoder.block.capacity(), 0);
}

prop_compose! {
    fn stream()(parts in proptest::collection::vec(prop_oneof![
        Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("data: "), Just("data"),
        Just("id:"), Just("event: "), Just("retry:"), Just(":"), Just(" "), Just("\0"),
        Just("\u{feff}"), Just("7"), Just("é"), Just("word"),
    ], 0..60)) -> Vec<u8> {
        parts.concat().into_bytes()
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        stream in stream(),
        pieces in proptest::collection::vec(1_usize..9, 1..20),
    ) {
        let (expected, end) = decode(&stream, &[usize::MAX], EventLimits::default());
        let (events, other_end) = decode(&stream, &pieces, EventLimits::default());
        prop_assert_eq!(events, expected);
        prop_assert_eq!(end.is_ok(), other_end.is_ok());
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_events(stream in stream()) {
        let events = whole(&stream);
        let encoded: Vec<u8> = events.iter().flat_map(|event| event.as_bytes().to_vec()).collect();
        // A block that starts with a byte order mark would lose it at the start of a stream.
        let (again, end) = decode(&[b":\n\n", &encoded[..]].concat(), &[7], EventLimits::default());
        prop_assert!(end.is_ok());
        prop_assert_eq!(&again[1..], &events[..]);
    }

    #[test]
    fn no_bytes_cause_a_panic(stream in proptest::collection::vec(any::<u8>(), 0..300), size in 1_usize..40) {
        let limits = EventLimits { line_bytes: 30, event_bytes: 60 };
        let (events, _) = decode(&stream, &[size], limits);
        for event in events {
            prop_assert!(event.encoded_len() <= limits.event_bytes);
            let _ = (event.data(), event.name(), event.id(), event.retry(), event.comments().count());
        }
    }
}
