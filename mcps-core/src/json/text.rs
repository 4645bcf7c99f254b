//! Escaping and unescaping of string content.

use std::borrow::Cow;

use super::scan;

/// Part of a string as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Characters that stand for themselves, none of which needs an escape.
    Run(&'a str),
    /// The character that an escape stands for.
    Escape(char),
}

/// Splits the content of a string (between its quotes) that the parser has accepted.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(crate) const fn new(content: &'a str) -> Self {
        Self { rest: content }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(escape) = self.rest.strip_prefix('\\') {
            let (character, rest) = decode(escape);
            self.rest = rest;
            return Some(Piece::Escape(character));
        }
        let end = scan::special(self.rest.as_bytes(), 0);
        let (run, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!run.is_empty()).then_some(Piece::Run(run))
    }
}

/// The character after a backslash, and what follows it. The parser has checked the escape.
fn decode(escape: &str) -> (char, &str) {
    let mut rest = escape.chars();
    let character = match rest.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return decode_hex(rest.as_str()),
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, rest.as_str())
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what follows it.
fn decode_hex(text: &str) -> (char, &str) {
    let Some((unit, rest)) = take_hex(text) else {
        return (char::REPLACEMENT_CHARACTER, "");
    };
    if let Some(character) = char::from_u32(unit) {
        return (character, rest);
    }
    let low = rest.strip_prefix("\\u").and_then(take_hex);
    match low {
        Some((low, rest)) => (join_surrogates(unit, low), rest),
        None => (char::REPLACEMENT_CHARACTER, rest),
    }
}

fn take_hex(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

fn join_surrogates(high: u32, low: u32) -> char {
    let point = 0x1_0000 + ((high & 0x3FF) << 10) + (low & 0x3FF);
    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The value of string content; borrowed unless it has escapes.
pub(super) fn unescape(content: &str, escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return Cow::Borrowed(content);
    }
    let mut value = String::with_capacity(content.len());
    for piece in Pieces::new(content) {
        match piece {
            Piece::Run(run) => value.push_str(run),
            Piece::Escape(character) => value.push(character),
        }
    }
    Cow::Owned(value)
}

/// Appends `text` as a JSON string literal in canonical form (RFC 8785 §3.2.2.2).
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    escape(text, |part| out.push_str(part));
    out.push('"');
}

/// Emits `text` with the escapes RFC 8785 §3.2.2.2 asks for, without quotes.
pub(crate) fn escape(text: &str, mut emit: impl FnMut(&str)) {
    let mut rest = text;
    loop {
        let end = scan::special(rest.as_bytes(), 0);
        let Some((run, tail)) = rest.split_at_checked(end) else {
            return;
        };
        if !run.is_empty() {
            emit(run);
        }
        let mut tail = tail.chars();
        let Some(character) = tail.next() else {
            return;
        };
        emit_escape(character, &mut emit);
        rest = tail.as_str();
    }
}

fn emit_escape(character: char, emit: &mut impl FnMut(&str)) {
    let short = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{10}'.. => {
            emit("\\u001");
            return emit(hex_digit(character));
        }
        _ => {
            emit("\\u000");
            return emit(hex_digit(character));
        }
    };
    emit(short);
}

fn hex_digit(character: char) -> &'static str {
    let at = (character as usize) & 0xF;
    "0123456789abcdef".get(at..=at).unwrap_or_default()
}
