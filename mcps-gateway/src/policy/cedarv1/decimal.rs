//! Numbers as Cedar decimals: four places, cut toward zero.

use mcps_core::json::Value;

/// What a decimal can hold.
const LARGEST: f64 = 922_337_203_685_477.5;

/// The number as it is written, cut; `None` when it is none or too large.
pub(crate) fn decimal(value: Value<'_>) -> Option<String> {
    let number = value
        .as_f64()
        .filter(|number| (-LARGEST..=LARGEST).contains(number))?;
    let raw = value.raw();
    if raw.contains(['e', 'E']) {
        return Some(cut(number));
    }
    let (whole, places) = raw.split_once('.').unwrap_or((raw, "0"));
    let places: String = places.chars().chain("0000".chars()).take(4).collect();
    Some(format!("{whole}.{places}"))
}

/// The number as the files' own engine has it, which multiplies a double and cuts the product: 0.57
/// is 0.5699 to it, and a policy that compares must say the same here as there.
pub(super) fn of_double(value: Value<'_>) -> Option<String> {
    let number = value
        .as_f64()
        .filter(|number| (-LARGEST..=LARGEST).contains(number))?;
    Some(cut(number))
}

fn cut(number: f64) -> String {
    let scaled = (number * 10_000.0).trunc();
    let sign = if scaled < 0.0 { "-" } else { "" };
    let digits = format!("{:05.0}", scaled.abs());
    let (whole, places) = digits.split_at(digits.len() - 4);
    format!("{sign}{whole}.{places}")
}
