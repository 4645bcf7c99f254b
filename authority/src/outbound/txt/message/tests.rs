use proptest::prelude::*;

use super::{Answer, Malformed, Question};

fn question() -> Question {
    Question::new(7, "_mcps-challenge.A.example").unwrap()
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    for word in [kind, 1, 0, 60, u16::try_from(data.len()).unwrap()] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend_from_slice(data);
    bytes
}

/// The question with those flags and records in its answer.
fn answered(flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = question().encode();
    bytes[2..4].copy_from_slice(&flags.to_be_bytes());
    let count = u16::try_from(records.len()).unwrap();
    bytes[6..8].copy_from_slice(&count.to_be_bytes());
    bytes[10..12].copy_from_slice(&[0, 0]);
    bytes.truncate(bytes.len() - 11);
    bytes.extend(records.concat());
    bytes
}

const OWN: &[u8] = &[0xc0, 12];

#[test]
fn the_texts_of_the_name_are_read() {
    let records = [
        record(OWN, 16, b"\x03one"),
        // In two strings (RFC 1035 §3.3.14), in other letters, of another name, of another kind.
        record(OWN, 16, b"\x02tw\x01o"),
        record(b"\x05OTHER\x00", 16, b"\x01x"),
        record(OWN, 1, &[127, 0, 0, 1]),
    ];
    let answer = question().answer(&answered(0x8180, &records)).unwrap();
    let texts = vec![b"one".to_vec(), b"two".to_vec()];
    assert_eq!(
        answer,
        Some(Answer {
            texts,
            ..Answer::default()
        })
    );
}

#[test]
fn an_alias_is_followed_and_nothing_beside_it() {
    let records = [
        record(OWN, 5, b"\x01b\x07example\x00"),
        record(b"\x01B\x07example\x00", 5, b"\x01c\x00"),
        record(b"\x01c\x00", 16, b"\x01y"),
        record(b"\x01d\x00", 16, b"\x01n"),
    ];
    let answer = question().answer(&answered(0x8180, &records)).unwrap();
    assert_eq!(answer.unwrap().texts, [b"y".to_vec()]);
    // Round in a circle there is nothing.
    let records = [record(OWN, 5, OWN)];
    let answer = question().answer(&answered(0x8180, &records)).unwrap();
    assert_eq!(answer.unwrap().texts, Vec::<Vec<u8>>::new());
}

#[test]
fn what_answers_another_question_is_passed_over() {
    let good = answered(0x8180, &[]);
    let mut other = good.clone();
    other[0] = 1;
    assert_eq!(question().answer(&other), Ok(None));
    // A question and not an answer; another name.
    assert_eq!(question().answer(&answered(0x0100, &[])), Ok(None));
    let mut other = good;
    other[14] ^= 2;
    assert_eq!(question().answer(&other), Ok(None));
    let failed = question().answer(&answered(0x8182, &[])).unwrap();
    assert_eq!(failed.unwrap().code, 2);
    let cut = question().answer(&answered(0x8380, &[])).unwrap();
    assert!(cut.unwrap().truncated);
}

#[test]
fn what_is_no_message_is_refused() {
    let loops = record(&[0xc0, 29 + 25], 16, b"\x01x");
    let long = record(OWN, 16, b"\x09x");
    let missing = record(OWN, 5, b"\x01b\x07example");
    for bad in [loops, long, missing, vec![0x80]] {
        let answer = question().answer(&answered(0x8180, &[bad]));
        assert_eq!(answer, Err(Malformed));
    }
    for bad in ["", ".", "a..b", &"x".repeat(64), &"abc.".repeat(70)] {
        assert!(Question::new(1, bad).is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let whole = [&answered(0x8180, &[])[..12], &bytes].concat();
        let _ = question().answer(&whole);
        let mut counted = answered(0x8180, &[]);
        counted[7] = 3;
        counted.extend(bytes);
        let _ = question().answer(&counted);
    }
}
