//! Numbers as ECMAScript writes them (RFC 8785 §3.2.2.3).

use crate::json::Value;

/// Emits the canonical form of a number that the parser has accepted, hence finite.
pub(super) fn write(number: Value<'_>, emit: impl FnOnce(&str)) {
    let double = number.as_f64().unwrap_or_default();
    // Negative zero has no sign in ECMAScript; adding zero drops it.
    emit(ryu_js::Buffer::new().format_finite(double + 0.0));
}
