//! Text as its reader would understand it: compatibility forms folded, what is invisible taken out,
//! percent escapes undone.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// How often escapes are undone: nobody writes an honest path in four layers.
const ROUNDS: usize = 4;

/// `text` with full-width and other compatibility forms folded (NFKC) and invisible characters out.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let folded = text.nfkc().filter(|c| !is_invisible(*c)).map(|c| match c {
        // Division, fraction, big and mathematical slashes: NFKC leaves them alone.
        '\u{2044}' | '\u{2215}' | '\u{29F8}' | '\u{2571}' | '\u{27CB}' => '/',
        '\u{2216}' | '\u{29F5}' | '\u{29F9}' | '\u{27CD}' => '\\',
        '\u{3002}' | '\u{FF61}' => '.',
        other => other,
    });
    Cow::Owned(folded.collect())
}

/// Characters that show nothing: zero-width, direction marks, variation selectors, tags.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Gives `text` and each layer under its percent escapes to `each`.
pub(crate) fn unescaped(text: &str, mut each: impl FnMut(&str)) {
    each(text);
    let mut current = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let Some(next) = percent_decoded(&current) else {
            return;
        };
        let next = fold(&next).into_owned();
        each(&next);
        current = Cow::Owned(next);
    }
}

/// One layer of `%41` and `%u0041` undone; `None` when there is none.
/// Overlong forms of `.`, `/` and `\` count as what careless decoders make of them.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            if let Some(value) = hex_pair(bytes.get(at + 1..at + 3)) {
                out.push(value);
                (at, changed) = (at + 3, true);
                continue;
            }
            if let Some(c) = wide(bytes.get(at + 1..at + 6)) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                (at, changed) = (at + 6, true);
                continue;
            }
        }
        out.push(byte);
        at += 1;
    }
    if !changed {
        return None;
    }
    Some(String::from_utf8(out).unwrap_or_else(|error| lenient(error.as_bytes())))
}

fn lenient(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let overlong = match (first, tail.first()) {
            (0xC0, Some(0xAE)) => Some(b'.'),
            (0xC0, Some(0xAF)) => Some(b'/'),
            (0xC1, Some(0x9C)) => Some(b'\\'),
            _ => None,
        };
        plain.push(overlong.unwrap_or(first));
        rest = if overlong.is_some() {
            tail.get(1..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn wide(digits: Option<&[u8]>) -> Option<char> {
    let (b'u' | b'U', digits) = digits?.split_first()? else {
        return None;
    };
    let (high, low) = (hex_pair(digits.get(..2))?, hex_pair(digits.get(2..4))?);
    char::from_u32(u32::from(high) << 8 | u32::from(low))
}

/// Two hexadecimal digits as a byte.
pub(crate) fn hex_pair(digits: Option<&[u8]>) -> Option<u8> {
    let &[high, low] = digits? else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}
