//! Numbers (RFC 8259 §6) in the range of RFC 7493 §2.2.

use super::{Fault, Parser, expected};
use crate::json::node::{CANONICAL, INTEGER};
use crate::json::{JsonError, Kind};

/// The largest integer that a double and its neighbours still tell apart: 2^53−1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Digits of [`MAX_SAFE_INTEGER`].
const MAX_SAFE_DIGITS: usize = 16;

/// Decimal digits that every double keeps (`DBL_DIG` of C).
const SURE_DIGITS: usize = 15;

impl Parser<'_> {
    /// Reads the number that starts at `start`.
    #[inline]
    pub(super) fn number(&mut self, start: usize) -> Result<usize, Fault> {
        let negative = self.byte(start) == b'-';
        let first = start + usize::from(negative);
        let end = self.digits(first)?;
        let len = end - first;
        let zero = self.byte(first) == b'0';
        if zero && len > 1 {
            return expected(first + 1, "no digit after a leading zero");
        }
        if matches!(self.byte(end), b'.' | b'e' | b'E') {
            return self.fraction(start, first, end);
        }
        if len >= MAX_SAFE_DIGITS && !self.text.get(first..end).is_some_and(is_safe) {
            return Err(Box::new(JsonError::IntegerRange { offset: start }));
        }
        let canonical = if negative && zero { 0 } else { CANONICAL };
        self.deviations += u32::from(canonical == 0);
        self.push(Kind::Number, INTEGER | canonical, start, end);
        Ok(end)
    }

    /// Reads what follows the integer part, which stands from `whole` to `at`.
    fn fraction(&mut self, start: usize, whole: usize, at: usize) -> Result<usize, Fault> {
        let mut end = at;
        let mut canonical = 0;
        let mut exponent_digits = 0;
        if self.byte(at) == b'.' {
            end = self.digits(at + 1)?;
            let digits = self.bytes.get(whole..end).unwrap_or_default();
            canonical = if is_shortest(digits) { CANONICAL } else { 0 };
        }
        if matches!(self.byte(end), b'e' | b'E') {
            let first = end + 1 + usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            end = self.digits(first)?;
            exponent_digits = end - first;
            canonical = 0;
        }
        // Below 10^(200+99) nothing overflows; only what could be larger is worth converting.
        let certainly_finite = exponent_digits <= 2 && end - start <= 200;
        if !certainly_finite && !self.text.get(start..end).is_some_and(is_finite) {
            return Err(Box::new(JsonError::NotFinite { offset: start }));
        }
        self.deviations += u32::from(canonical == 0);
        self.push(Kind::Number, canonical, start, end);
        Ok(end)
    }

    /// Reads one digit or more; gives where they end.
    #[inline]
    fn digits(&self, first: usize) -> Result<usize, Fault> {
        let mut end = first;
        while self.byte(end).is_ascii_digit() {
            end += 1;
        }
        if end == first {
            expected(first, "a digit")
        } else {
            Ok(end)
        }
    }
}

/// Whether `digits`, with a point among them, are known to be what ECMAScript writes for the double
/// they stand for (ECMA-262, Number::toString). `false` means that it is not known.
///
/// Decimals of up to 15 significant digits all have doubles of their own, so none of them has a
/// shorter form once it ends in another digit than zero. From 10^-6 on there is no exponent.
fn is_shortest(digits: &[u8]) -> bool {
    let below_one = digits.strip_prefix(b"0.");
    digits.len() <= SURE_DIGITS + 1
        && digits.last() != Some(&b'0')
        && below_one.is_none_or(|digits| digits.iter().take(6).any(|&digit| digit != b'0'))
}

fn is_safe(integer: &str) -> bool {
    integer
        .parse()
        .is_ok_and(|value: u64| value <= MAX_SAFE_INTEGER)
}

fn is_finite(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}
