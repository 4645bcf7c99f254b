//! What an endpoint answers.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::sync::mpsc;

use super::{
    answer::{Answer, Stream},
    limits::HttpLimits,
};
use crate::{
    http::{
        headers::McpHeaders,
        media::{EVENT_STREAM, JSON},
    },
    sse::Event,
};

/// What the transport itself says about an answer, whatever an endpoint says.
const OURS: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// An answer. Headers that are the transport's own (type, length and coding of the body, the
/// connection) are set by it and ignored here.
pub enum Reply {
    /// One JSON document.
    Json {
        /// 200, or an error status with a JSON-RPC error in the body.
        status: StatusCode,
        /// Further headers, such as `Mcp-Session-Id`.
        headers: HeaderMap,
        /// The document, sent as it is.
        body: Bytes,
    },
    /// An event stream, with status 200, until all senders are dropped.
    ///
    /// The channel's capacity is what may wait for a slow client; its senders then wait too, and
    /// after [`HttpLimits::write`] the client is cut off. When it has left, or was cut off, sending
    /// fails: `Sender::closed` tells without sending.
    Events {
        /// Further headers, such as `Mcp-Session-Id`.
        headers: HeaderMap,
        /// What is sent.
        events: mpsc::Receiver<Event>,
    },
    /// No body: 202 for a notification that was accepted, or an error that needs no words.
    Empty {
        /// The status.
        status: StatusCode,
        /// Further headers.
        headers: HeaderMap,
    },
}

impl Reply {
    pub(super) fn into_response(self, limits: &HttpLimits) -> Response<Answer> {
        let (status, headers, media, answer) = match self {
            Self::Json {
                status,
                headers,
                body,
            } => (status, headers, Some(JSON), Answer::whole(body)),
            Self::Events { headers, events } => {
                let stream = Stream::new(events, limits);
                let answer = Answer::stream(stream);
                (StatusCode::OK, headers, Some(EVENT_STREAM), answer)
            }
            Self::Empty { status, headers } => (status, headers, None, Answer::whole(Bytes::new())),
        };
        let mut response = Response::new(answer);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        for name in OURS {
            headers.remove(name);
        }
        if let Some(media) = media {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        }
        if media == Some(EVENT_STREAM) {
            // What stands between must neither keep events nor collect them (2026-07-28,
            // *Receiving Messages*).
            headers.insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-cache, no-transform"),
            );
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED && !headers.contains_key(header::ALLOW) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Shows sizes and names: bodies are messages, and header values may be sessions.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json {
                status,
                headers,
                body,
            } => f
                .debug_struct("Json")
                .field("status", status)
                .field("headers", &McpHeaders::new(headers.clone()))
                .field("bytes", &body.len())
                .finish(),
            Self::Events { headers, .. } => f
                .debug_struct("Events")
                .field("headers", &McpHeaders::new(headers.clone()))
                .finish_non_exhaustive(),
            Self::Empty { status, headers } => f
                .debug_struct("Empty")
                .field("status", status)
                .field("headers", &McpHeaders::new(headers.clone()))
                .finish(),
        }
    }
}
