use super::{Piece, Pieces};
use crate::frame::{self, HEAD};

fn file(bodies: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        frame::put(body.as_bytes(), &mut bytes);
    }
    bytes
}

fn read(bytes: &[u8]) -> Vec<(usize, Piece<'_>)> {
    Pieces::of(bytes).collect()
}

#[test]
fn gives_back_what_was_written() {
    let bytes = file(&["one", "two"]);
    let expected = [
        (0, Piece::Record(b"one")),
        (HEAD + 3, Piece::Record(b"two")),
    ];
    assert_eq!(read(&bytes), expected);
    assert_eq!(read(&[]), []);
}

#[test]
fn wherever_the_end_is_torn_off_only_the_last_is_lost() {
    let whole = file(&["one", "two"]);
    for len in HEAD + 4..whole.len() {
        let pieces = read(&whole[..len]);
        assert_eq!(pieces[0], (0, Piece::Record(b"one")), "{len}");
        assert_eq!(pieces[1..], [(HEAD + 3, Piece::Torn(len - HEAD - 3))]);
    }
}

#[test]
fn zeros_at_the_end_are_no_records() {
    let mut bytes = file(&["one"]);
    bytes.extend([0; 4096]);
    assert_eq!(read(&bytes)[1..], [(HEAD + 3, Piece::Torn(4096))]);
}

#[test]
fn whichever_byte_is_changed_the_others_records_are_still_read() {
    let whole = file(&["one", "two", "three"]);
    let middle = HEAD + 3..2 * (HEAD + 3);
    for at in middle.clone() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        let expected = [
            (0, Piece::Record(&b"one"[..])),
            (middle.start, Piece::Damaged(middle.len())),
            (middle.end, Piece::Record(b"three")),
        ];
        assert_eq!(read(&bytes), expected, "{at}");
    }
}

#[test]
fn bytes_that_were_taken_out_cost_no_more_than_what_they_were_of() {
    let mut bytes = file(&["a longer one", "two", "three"]);
    bytes.drain(HEAD + 2..HEAD + 6);
    let pieces = read(&bytes);
    assert_eq!(pieces[0].1, Piece::Damaged(HEAD + 8));
    assert_eq!(pieces[1].1, Piece::Record(b"two"));
    assert_eq!(pieces[2].1, Piece::Record(b"three"));
}
