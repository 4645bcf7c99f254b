//! The encoding of values that `Mcp-Name` and `Mcp-Param-*` mirror (MCP 2026-07-28, *Streamable
//! HTTP: Value Encoding*): plain ASCII as it is, everything else as Base64 of its UTF-8 between
//! `=?base64?` and `?=`. The markers are in lower case, always. Plain text that looks encoded is
//! encoded too, so that decoding has one answer.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};

use crate::error::TransportError;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// The header value for a string. (An integer is written in decimal and a boolean as `true` or
/// `false` before; `null` and absent arguments have no header.)
#[must_use]
pub fn encode(text: &str) -> HeaderValue {
    let padded = text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']);
    let plain = !padded && text.bytes().all(is_plain) && marked(text.as_bytes()).is_none();
    let value = if plain {
        HeaderValue::from_str(text)
    } else {
        HeaderValue::from_str(&format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text)))
    };
    // Both are plain ASCII by now, which every header may hold.
    value.unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The string that a header value stands for; `name` is for the error.
///
/// # Errors
/// [`TransportError::HeaderMalformed`] when the value holds anything but plain ASCII, or what is
/// between the markers is not padded standard Base64 (RFC 4648 §4) of UTF-8.
pub fn decode(name: &HeaderName, value: &[u8]) -> Result<String, TransportError> {
    let bytes = match marked(value) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(value.to_vec()).filter(|value| value.iter().copied().all(is_plain)),
    };
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| TransportError::HeaderMalformed { name: name.clone() })
}

/// What stands between the markers.
fn marked(value: &[u8]) -> Option<&[u8]> {
    value
        .strip_prefix(PREFIX.as_bytes())?
        .strip_suffix(SUFFIX.as_bytes())
}

/// Visible ASCII, space and tab.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' ' || byte == b'\t'
}
