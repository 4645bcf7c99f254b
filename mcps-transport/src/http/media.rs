//! Media types: what a body is, and what a client says it takes (RFC 9110 §8.3 and §12.5.1).

use http::{HeaderMap, header};

/// The media type of one JSON document.
pub(super) const JSON: &str = "application/json";
/// The media type of an event stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Whether the one `Content-Type` is this one. A `charset` must be UTF-8; other parameters are
/// ignored.
pub(super) fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let named = parts.next().unwrap_or_default();
    named.eq_ignore_ascii_case(wanted)
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                let value = value.trim().trim_matches('"');
                value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
            }
            _ => true,
        })
}

/// Whether `Accept` admits this type: named, by a wildcard, or by there being no such header. The
/// most specific range decides; one with `q=0` forbids.
pub(super) fn admits(headers: &HeaderMap, wanted: &str) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return true;
    }
    let (kind, _) = wanted.split_once('/').unwrap_or((wanted, ""));
    let mut best: Option<(u8, bool)> = None;
    let values = headers.get_all(header::ACCEPT).iter();
    let ranges = values.filter_map(|value| value.to_str().ok());
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or_default();
        let precise = match named.split_once('/') {
            Some(("*", "*")) => 1,
            Some((of, "*")) if of.eq_ignore_ascii_case(kind) => 2,
            _ if named.eq_ignore_ascii_case(wanted) => 3,
            _ => continue,
        };
        let admitted = !parts.any(forbids);
        if best.is_none_or(|(so_far, _)| precise > so_far) {
            best = Some((precise, admitted));
        }
    }
    best.is_some_and(|(_, admitted)| admitted)
}

/// `q=0`, `q=0.0`, …
fn forbids(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    let weight = value.trim();
    name.trim().eq_ignore_ascii_case("q")
        && weight.starts_with('0')
        && weight.bytes().all(|byte| byte == b'0' || byte == b'.')
}

#[cfg(test)]
mod tests;
