//! Answers that are not a server's. Those that end a request early are boxed, being the rarer ones.

use http::{HeaderMap, StatusCode};
use mcps_core::code::Code;
use mcps_transport::http::server::Reply;

pub(super) fn json(status: StatusCode, headers: HeaderMap, text: String) -> Box<Reply> {
    Box::new(Reply::Json {
        status,
        headers,
        body: text.into(),
    })
}

pub(super) fn empty(status: StatusCode) -> Box<Reply> {
    Box::new(Reply::Empty {
        status,
        headers: HeaderMap::new(),
    })
}

pub(super) fn bad_request() -> Box<Reply> {
    empty(StatusCode::BAD_REQUEST)
}

/// The client is to begin anew (2025-11-25, *Session Management*).
pub(super) fn not_found() -> Box<Reply> {
    empty(StatusCode::NOT_FOUND)
}

pub(super) fn unavailable() -> Box<Reply> {
    empty(StatusCode::SERVICE_UNAVAILABLE)
}

/// The status that a refusal with this code has.
#[must_use]
pub fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
