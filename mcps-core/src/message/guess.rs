//! The id of bytes that are no message: whoever waits for an answer under it can then be told.
//!
//! This reads far more than the strict parser takes (numbers of any size, duplicate members, any
//! depth, broken UTF-8), in one pass without recursion, and believes nothing but the id.

use crate::json::Document;

use super::Id;

/// Longest id that is guessed, in bytes.
const MAX_ID: usize = 1024;

/// A best guess at the id of bytes that may not be a message, to answer with: the one member `id`
/// of what has at least the outline of a JSON object.
#[must_use]
pub fn id_of(bytes: &[u8]) -> Option<Id> {
    let mut depth = 0_usize;
    let mut found = None;
    let mut rest = bytes.trim_ascii();
    if rest.first() != Some(&b'{') {
        return None;
    }
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'{' | b'[' => {
                depth += 1;
                after
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && !after.is_empty() {
                    return None;
                }
                after
            }
            b'"' => {
                let (text, after) = string(rest)?;
                if let Some((b':', value)) = after.trim_ascii_start().split_first()
                    && depth == 1
                    && text == br#""id""#
                    && found.replace(value.trim_ascii_start()).is_some()
                {
                    // Of two, nobody knows which one is meant.
                    return None;
                }
                after
            }
            _ => after,
        };
    }
    let value = found.filter(|_| depth == 0)?;
    let token = match value.first()? {
        b'"' => string(value)?.0,
        _ => value
            .split(|&byte| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace())
            .next()?,
    };
    let document = Document::parse(token.get(..token.len().min(MAX_ID + 1))?).ok()?;
    Id::from_value(document.root())
}

/// A string literal at the start of `bytes`, quotes included, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = true;
    let end = bytes.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(bytes.split_at(end + 1))
}
