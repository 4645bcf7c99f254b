//! Strings and their escapes (RFC 8259 §7).

use super::{Name, Parser};
use crate::json::node::{CANONICAL, ESCAPED};
use crate::json::{JsonError, Kind, scan};

impl<'t> Parser<'t> {
    /// Reads a string whose opening quote is the next byte.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Name<'t>, JsonError> {
        let start = self.at;
        let (mut escaped, mut canonical) = (false, true);
        self.at = scan::special(self.bytes, start + 1);
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    canonical &= self.escape()?;
                    self.at = scan::special(self.bytes, self.at);
                }
                Some(_) => return Err(self.expected("no control character in a string")),
                None => return Err(self.expected("a closing quote")),
            }
        }
        let content = self.text.get(start + 1..self.at).unwrap_or_default();
        self.at += 1;
        self.deviations += u32::from(!canonical);
        let flags = if escaped { ESCAPED } else { 0 } | if canonical { CANONICAL } else { 0 };
        self.push(Kind::String, flags, start);
        Ok(Name { content, escaped })
    }

    /// Reads an escape; whether canonical JSON writes it so too (RFC 8785 §3.2.2.2).
    fn escape(&mut self) -> Result<bool, JsonError> {
        self.at += 1;
        let canonical = match self.peek() {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'/') => false,
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.expected("one of \"\\/bfnrtu after a backslash")),
        };
        self.at += 1;
        Ok(canonical)
    }

    /// Reads `uXXXX`, and the `\uXXXX` that must follow when the first is a high surrogate.
    fn unicode_escape(&mut self) -> Result<bool, JsonError> {
        let lone = JsonError::LoneSurrogate {
            offset: self.at - 1,
        };
        match self.hex()? {
            0xD800..=0xDBFF => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                if !rest.starts_with(b"\\u") {
                    return Err(lone);
                }
                self.at += 1;
                match self.hex()? {
                    0xDC00..=0xDFFF => Ok(false),
                    _ => Err(lone),
                }
            }
            0xDC00..=0xDFFF => Err(lone),
            // The five with a short form of their own; the others in lower case.
            0x08 | 0x09 | 0x0A | 0x0C | 0x0D => Ok(false),
            0x00..=0x1F => Ok(!self
                .bytes
                .get(self.at - 1)
                .is_some_and(u8::is_ascii_uppercase)),
            _ => Ok(false),
        }
    }

    /// Reads `uXXXX`.
    fn hex(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.expected("four hexadecimal digits"));
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }
}
