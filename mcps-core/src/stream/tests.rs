use super::{Position, Stream};
use crate::code::Code;
use crate::digest::Digest;

fn digest(n: u64) -> Digest {
    Digest::of(&n.to_be_bytes())
}

/// A stream that has accepted messages 1 to `count`.
fn after(count: u64) -> Stream {
    let mut stream = Stream::new();
    for n in 1..=count {
        stream.advance(digest(n));
    }
    stream
}

#[test]
fn sender_and_receiver_agree() {
    let (mut sent, mut received) = (Stream::new(), Stream::new());
    assert_eq!(sent.next(), Position { seq: 1, prev: None });
    for n in 1..=5 {
        let position = sent.next();
        assert_eq!(position.seq, n);
        received.check(Some(position)).unwrap();
        sent.advance(digest(n));
        received.advance(digest(n));
    }
}

#[test]
fn a_cut_an_insertion_a_repetition_and_a_reordering_show() {
    let (before, last) = (Some(digest(2)), Some(digest(3)));
    for position in [
        None,
        Some(Position { seq: 5, prev: last }),
        Some(Position {
            seq: 3,
            prev: before,
        }),
        Some(Position {
            seq: 4,
            prev: before,
        }),
        Some(Position { seq: 4, prev: None }),
        Some(Position { seq: 1, prev: None }),
        Some(Position { seq: 0, prev: None }),
        Some(Position {
            seq: u64::MAX,
            prev: last,
        }),
    ] {
        let mut stream = after(3);
        assert_eq!(
            stream.check(position).unwrap_err().code(),
            Code::StreamBroken,
            "{position:?}"
        );
        let next = Some(Position { seq: 4, prev: last });
        assert_eq!(
            stream.check(next).unwrap_err().code(),
            Code::StreamBroken,
            "a break is final"
        );
        assert!(after(3).check(next).is_ok());
    }
}

/// Whoever checks twice before taking note gets the same answer: only [`Stream::advance`] moves on.
#[test]
fn checking_does_not_move_on() {
    let mut stream = after(1);
    let next = Some(stream.next());
    stream.check(next).unwrap();
    stream.check(next).unwrap();
}
