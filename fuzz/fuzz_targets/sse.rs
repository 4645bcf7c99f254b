//! The event stream: whole and cut into pieces it gives the same events, and these encode to what
//! gives them again. The first byte says how long the pieces are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcps_transport::error::TransportError;
use mcps_transport::sse::{Decoder, Event, EventLimits};

const LIMITS: EventLimits = EventLimits {
    line_bytes: 200,
    event_bytes: 400,
};

fn decode(stream: &[u8], piece: usize) -> (Vec<Event>, Result<(), TransportError>) {
    let mut decoder = Decoder::new(LIMITS);
    let mut events = Vec::new();
    for mut chunk in stream.chunks(piece) {
        loop {
            match decoder.next(&mut chunk) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
    }
    (events, decoder.finish())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, stream)) = bytes.split_first() else {
        return;
    };
    let (events, end) = decode(stream, stream.len().max(1));
    let (pieces, other_end) = decode(stream, usize::from(piece).max(1));
    assert_eq!(events, pieces);
    assert_eq!(end.is_ok(), other_end.is_ok());

    // A byte order mark is kept where it does not start the stream.
    let mut encoded = b":\n\n".to_vec();
    for event in &events {
        assert!(event.encoded_len() <= LIMITS.event_bytes);
        encoded.extend_from_slice(event.as_bytes());
        let replaced = event.with_data(b"1\n2");
        assert_eq!(replaced.data().as_deref(), Some(&b"1\n2"[..]));
        assert_eq!((replaced.id(), replaced.name()), (event.id(), event.name()));
        assert_eq!(replaced.retry(), event.retry());
        assert!(replaced.comments().eq(event.comments()));
    }
    let (again, end) = decode(&encoded, 7);
    assert!(end.is_ok());
    assert_eq!(again[1..], events[..]);
});
