//! Numbers (RFC 8259 §6) in the range of RFC 7493 §2.2.

use super::Parser;
use crate::json::node::{CANONICAL, INTEGER};
use crate::json::{JsonError, Kind};

/// The largest integer that a double and its neighbours still tell apart: 2^53−1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Digits of [`MAX_SAFE_INTEGER`].
const MAX_SAFE_DIGITS: usize = 16;

/// Decimal digits that every double keeps (`DBL_DIG` of C).
const SURE_DIGITS: usize = 15;

impl Parser<'_> {
    /// Reads a number whose first byte is the next one.
    pub(super) fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let first = self.at;
        let value = self.digits()?;
        let digits = self.at - first;
        if digits > 1 && self.bytes.get(first) == Some(&b'0') {
            self.at = first + 1;
            return Err(self.expected("no digit after a leading zero"));
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return self.fraction(start, first);
        }
        if digits > MAX_SAFE_DIGITS || value > MAX_SAFE_INTEGER {
            return Err(JsonError::IntegerRange { offset: start });
        }
        let canonical = !(negative && value == 0);
        self.deviations += u32::from(!canonical);
        self.push(
            Kind::Number,
            INTEGER | if canonical { CANONICAL } else { 0 },
            start,
        );
        Ok(())
    }

    /// Reads what follows the integer part, whose first digit is at `whole`.
    fn fraction(&mut self, start: usize, whole: usize) -> Result<(), JsonError> {
        let point = self.at;
        let mut canonical = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            let digits = self.bytes.get(whole..self.at).unwrap_or_default();
            canonical = is_shortest(digits, point - whole);
        }
        let mut exponent_digits = 0;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            canonical = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let first = self.at;
            self.digits()?;
            exponent_digits = self.at - first;
        }
        // Below 10^(200+99) nothing overflows; only what could be larger is worth converting.
        let certainly_finite = exponent_digits <= 2 && self.at - start <= 200;
        if !certainly_finite && !self.text.get(start..self.at).is_some_and(is_finite) {
            return Err(JsonError::NotFinite { offset: start });
        }
        self.deviations += u32::from(!canonical);
        self.push(Kind::Number, if canonical { CANONICAL } else { 0 }, start);
        Ok(())
    }

    /// Reads one digit or more; gives their value modulo 2^64.
    fn digits(&mut self) -> Result<u64, JsonError> {
        let first = self.at;
        let mut value = 0_u64;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        if self.at == first {
            Err(self.expected("a digit"))
        } else {
            Ok(value)
        }
    }
}

/// Whether `digits`, which have their point at `point`, are known to be what ECMAScript writes for
/// the double they stand for (ECMA-262, Number::toString). `false` means that it is not known.
///
/// Decimals of up to 15 significant digits all have doubles of their own, so none of them has a
/// shorter form once it ends in another digit than zero. From 10^-6 on there is no exponent.
fn is_shortest(digits: &[u8], point: usize) -> bool {
    let small = digits.starts_with(b"0.");
    digits.len() <= SURE_DIGITS + 1
        && digits.last() != Some(&b'0')
        && (!small
            || digits
                .iter()
                .skip(point + 1)
                .take(6)
                .any(|&digit| digit != b'0'))
}

fn is_finite(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}
