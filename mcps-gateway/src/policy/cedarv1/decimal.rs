//! Numbers as Cedar decimals: four places, cut toward zero.

use mcps_core::json::Value;

/// What a decimal can hold, as the files' own engine bounds it.
const LARGEST: f64 = 922_337_203_685_477.58;

/// The number as a decimal's text; `None` when it is none or too large.
pub(crate) fn decimal(value: Value<'_>) -> Option<String> {
    let number = value.as_f64()?;
    if !(-LARGEST..=LARGEST).contains(&number) {
        return None;
    }
    // What is written is cut, not its double: 4.35 stays 4.3500.
    let raw = value.raw();
    if !raw.contains(['e', 'E']) {
        let (whole, places) = raw.split_once('.').unwrap_or((raw, "0"));
        let places: String = places.chars().chain("0000".chars()).take(4).collect();
        return Some(format!("{whole}.{places}"));
    }
    let plain = format!("{number:.12}");
    let (whole, places) = plain.split_once('.')?;
    Some(format!("{whole}.{}", places.get(..4)?))
}
