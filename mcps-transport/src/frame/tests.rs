use super::Frame;
use crate::error::TransportError;

#[test]
fn refuses_any_line_end_inside() {
    for (text, at) in [("{}\n", 2), ("{\n}", 1), ("\r{}", 0), ("{}\r", 2)] {
        let refused = Frame::new(text);
        assert!(
            matches!(refused, Err(TransportError::NotOneLine { offset }) if offset == at),
            "{text:?}"
        );
    }
    assert_eq!(Frame::new("{}").unwrap().into_bytes(), b"{}");
}

#[test]
fn shows_no_content() {
    let frame = Frame::new("{\"password\":1}").unwrap();
    assert_eq!(format!("{frame:?}"), "Frame(14 bytes)");
}
