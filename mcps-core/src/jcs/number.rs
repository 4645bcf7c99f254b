//! Numbers as ECMAScript writes them (RFC 8785 §3.2.2.3).

use super::Sink;
use crate::json::Value;

/// Writes the canonical form of a number that the parser has accepted, hence finite.
pub(super) fn write(number: Value<'_>, sink: &mut impl Sink) {
    let double = number.as_f64().unwrap_or_default();
    // Negative zero has no sign in ECMAScript; adding zero drops it.
    sink.put(ryu_js::Buffer::new().format_finite(double + 0.0).as_bytes());
}
