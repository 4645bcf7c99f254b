use mcps_core::digest::Digest;

use super::{Piece, PieceError};

#[test]
fn a_line_is_read_back_as_it_was_written() {
    let pieces = [
        Piece::Trust("{\"a\":\"\\u0000\"}".to_owned()),
        Piece::Checkpoint {
            number: 7,
            text: "{}".to_owned(),
        },
        Piece::Row {
            lane: 3,
            seq: 9,
            text: "{\"note\":\"\\n\"}".to_owned(),
        },
        Piece::Head {
            lane: 3,
            seq: 9,
            digest: Digest::of(b"x"),
        },
    ];
    for piece in pieces {
        let line = piece.to_line();
        assert!(!line.contains('\n'));
        assert_eq!(Piece::from_line(&line).unwrap(), piece);
    }
}

#[test]
fn other_lines_are_none() {
    for line in [
        "{}",
        "[]",
        r#"{"lane":-1,"seq":1,"record":"x"}"#,
        r#"{"lane":1,"record":"x"}"#,
        r#"{"lane":1,"seq":1,"digest":"x"}"#,
        r#"{"checkpoint":"x"}"#,
    ] {
        assert_eq!(Piece::from_line(line), Err(PieceError::Form), "{line}");
    }
    assert!(matches!(Piece::from_line("x"), Err(PieceError::Json(_))));
}
