use proptest::prelude::*;

use super::{Cursor, Position};
use crate::digest::Digest;
use crate::feed::MAX_NUMBER;

#[test]
fn a_position_has_one_way_to_be_written() {
    for (epoch, seq, text) in [
        (1, 0, "1:0"),
        (1, 41, "1:41"),
        (MAX_NUMBER, MAX_NUMBER, "9007199254740991:9007199254740991"),
    ] {
        let cursor = Cursor { epoch, seq };
        assert_eq!(cursor.to_string(), text);
        assert_eq!(Cursor::parse(text), Some(cursor));
    }
    let chain = Digest::of(b"41");
    let position = Position {
        epoch: 2,
        seq: 41,
        chain,
    };
    assert_eq!(position.cursor().to_string(), "2:41");
}

#[test]
fn everything_else_is_none() {
    for text in [
        "",
        ":",
        "1",
        "1:",
        ":1",
        "0:1",
        "0:0",
        "01:1",
        "1:01",
        "1:00",
        "+1:1",
        "1:+1",
        "-1:1",
        "1:-1",
        " 1:1",
        "1:1 ",
        "1 :1",
        "1:1\n",
        "1:1:1",
        "1::1",
        "1:1.0",
        "1:1e3",
        "0x1:1",
        "1:a",
        "١:١",
        "9007199254740992:0",
        "1:9007199254740992",
        "1:18446744073709551616",
        "1:99999999999999999999999999",
    ] {
        assert_eq!(Cursor::parse(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_read_is_what_is_written(text in "[0-9:+ -]{0,20}") {
        if let Some(cursor) = Cursor::parse(&text) {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }

    #[test]
    fn what_is_written_is_read(epoch in 1..=MAX_NUMBER, seq in 0..=MAX_NUMBER) {
        let cursor = Cursor { epoch, seq };
        prop_assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }
}
