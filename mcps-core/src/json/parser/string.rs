//! Strings and their escapes (RFC 8259 §7).

use super::{Fault, Parser, expected};
use crate::json::node::{CANONICAL, ESCAPED};
use crate::json::{JsonError, Kind, scan};

impl Parser<'_> {
    /// Reads the string whose opening quote is at `start`.
    #[inline(always)]
    pub(super) fn string(&mut self, start: usize) -> Result<usize, Fault> {
        let at = scan::special(self.bytes, start + 1);
        if self.byte(at) == b'"' {
            self.push(Kind::String, CANONICAL, start, at + 1);
            return Ok(at + 1);
        }
        self.string_with_escapes(start, at)
    }

    /// Reads on at the first byte that is not simply content.
    #[inline(never)]
    fn string_with_escapes(&mut self, start: usize, mut at: usize) -> Result<usize, Fault> {
        let mut canonical = true;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let (same, end) = self.escape(at)?;
                    canonical &= same;
                    at = scan::special(self.bytes, end);
                }
                Some(_) => return expected(at, "no control character in a string"),
                None => return expected(at, "a closing quote"),
            }
        }
        self.deviations += u32::from(!canonical);
        let flags = ESCAPED | if canonical { CANONICAL } else { 0 };
        self.push(Kind::String, flags, start, at + 1);
        Ok(at + 1)
    }

    /// Reads the escape at `at`; whether canonical JSON writes it so too (RFC 8785 §3.2.2.2), and
    /// where it ends.
    #[inline]
    fn escape(&self, at: usize) -> Result<(bool, usize), Fault> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Ok((true, at + 2)),
            b'/' => Ok((false, at + 2)),
            b'u' => self.unicode_escape(at),
            _ => expected(at + 1, "one of \"\\/bfnrtu after a backslash"),
        }
    }

    /// Reads `\uXXXX`, and the second one that must follow when the first is a high surrogate.
    fn unicode_escape(&self, at: usize) -> Result<(bool, usize), Fault> {
        let end = at + 6;
        match self.hex(at + 2)? {
            0xD800..=0xDBFF if self.bytes.get(end..end + 2) == Some(b"\\u") => {
                match self.hex(end + 2)? {
                    0xDC00..=0xDFFF => Ok((false, end + 6)),
                    _ => Err(Box::new(JsonError::LoneSurrogate { offset: at })),
                }
            }
            0xD800..=0xDFFF => Err(Box::new(JsonError::LoneSurrogate { offset: at })),
            // The five with a short form of their own; the others in lower case.
            0x08 | 0x09 | 0x0A | 0x0C | 0x0D => Ok((false, end)),
            0x00..=0x1F => Ok((!self.byte(at + 5).is_ascii_uppercase(), end)),
            _ => Ok((false, end)),
        }
    }

    /// Reads `XXXX`.
    fn hex(&self, at: usize) -> Result<u32, Fault> {
        let mut unit = 0;
        for place in at..at + 4 {
            match char::from(self.byte(place)).to_digit(16) {
                Some(digit) => unit = unit << 4 | digit,
                None => return expected(place, "four hexadecimal digits"),
            }
        }
        Ok(unit)
    }
}
