use super::{printable, printable_json};
use crate::json::Document;

#[test]
fn what_a_terminal_would_obey_is_shown_instead() {
    assert_eq!(
        printable("a\u{1b}[2Jb\r\n\u{202e}c\u{9b}"),
        "a\\u{1b}[2Jb\\r\\n\\u{202e}c\\u{9b}"
    );
    assert_eq!(printable("Zürich — 東京 \"x\""), "Zürich — 東京 \"x\"");
}

#[test]
fn what_nobody_would_see_is_shown() {
    // The tag characters spell "hi" to a model and nothing to a reader.
    assert_eq!(
        printable("ok\u{200b}\u{2060}\u{feff}\u{e0068}\u{e0069}"),
        "ok\\u{200b}\\u{2060}\\u{feff}\\u{e0068}\\u{e0069}"
    );
}

#[test]
fn json_says_the_same_with_its_hidden_characters_escaped() {
    let json = "{\n\t\"a\": \"x\u{9b}\u{202e}\u{e0068}é\"\r\n}";
    let shown = printable_json(json);
    assert_eq!(shown, "{\n\t\"a\": \"x\\u009b\\u202e\\udb40\\udc68é\"\r\n}");
    let [read, meant] = [shown.as_str(), json].map(|text| Document::parse(text).unwrap());
    let text = |document: &Document| {
        document
            .root()
            .get("a")
            .unwrap()
            .as_str()
            .unwrap()
            .into_owned()
    };
    assert_eq!(text(&read), text(&meant));
}
