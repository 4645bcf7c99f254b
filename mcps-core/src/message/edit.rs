//! Putting a member into an object of a raw text and taking it out again, every other byte kept.

use crate::json::{Member, Object};

/// Inserts `"name":json` as the first member of `object`, which stands in `text`. Taking it out
/// again with [`remove`] restores the bytes. `name` is one that needs no escape.
pub fn insert_first(text: &mut String, object: Object<'_>, name: &str, json: &str) {
    let comma = if object.is_empty() { "" } else { "," };
    let at = object.span().start + 1;
    text.insert_str(at, &format!(r#""{name}":{json}{comma}"#));
}

/// Removes `member` of `object` from `text`, with the one comma that goes with it. Spans are those
/// of the document that `text` still equals up to `object`'s end; so remove inner members first.
pub fn remove(text: &mut String, object: Object<'_>, member: Member<'_>) {
    let span = member.span();
    let after = text.get(span.end..object.span().end).unwrap_or_default();
    let blank = after.len() - after.trim_start().len();
    if after.trim_start().starts_with(',') {
        text.replace_range(span.start..span.end + blank + 1, "");
        return;
    }
    let before = text
        .get(object.span().start + 1..span.start)
        .unwrap_or_default();
    let start = match before.trim_end().strip_suffix(',') {
        Some(rest) => object.span().start + 1 + rest.len(),
        None => span.start,
    };
    text.replace_range(start..span.end, "");
}
