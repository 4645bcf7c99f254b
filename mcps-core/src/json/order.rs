//! The order of member names: UTF-16 code units (RFC 8785 §3.2.3), compared as UTF-8.

use std::cmp::Ordering;

/// Compares `left` and `right` by their UTF-16 code units.
///
/// UTF-8 sorts by code point. UTF-16 differs in one place: characters beyond U+FFFF are written with
/// surrogates (D800..DFFF), which sort below U+E000..U+FFFF. In UTF-8 the former start with F0..F4
/// and the latter with EE or EF, and no other byte is that large.
#[inline]
pub(crate) fn utf16_order(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    match left.iter().zip(right).find(|(l, r)| l != r) {
        None => left.len().cmp(&right.len()),
        Some((&l, &r)) if l >= 0xEE && r >= 0xEE => (l < 0xF0, l).cmp(&(r < 0xF0, r)),
        Some((l, r)) => l.cmp(r),
    }
}
