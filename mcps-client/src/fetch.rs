//! How a GET or a DELETE over HTTP says who asks: neither has a body, so what is signed for it is a
//! notification in a header, for this server, this method and this session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::json::quote;

/// The header that carries the signed notification, in base64url without padding.
pub const HEADER: &str = "mcps-envelope";
/// The notification's method.
pub const METHOD: &str = "dev.mcps/fetch";

/// The notification to be signed: for a request with this HTTP method, in this session, after this
/// event.
#[must_use]
pub fn notification(method: &str, session: Option<&str>, last_event_id: Option<&str>) -> String {
    let mut params = String::from(r#"{"method":"#);
    quote(method, &mut params);
    for (name, value) in [("session", session), ("lastEventId", last_event_id)] {
        if let Some(value) = value {
            params.push_str(&format!(r#","{name}":"#));
            quote(value, &mut params);
        }
    }
    format!(r#"{{"jsonrpc":"2.0","method":"{METHOD}","params":{params}}}}}"#)
}

/// The header's value for a signed notification.
#[must_use]
pub fn encode(sealed: &str) -> String {
    URL_SAFE_NO_PAD.encode(sealed)
}

/// The signed notification in a header's value; `None` when it is not base64url.
#[must_use]
pub fn decode(value: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(value).ok()
}

#[cfg(test)]
mod tests;
