//! Answers to requests that never reach an endpoint.

use http::{HeaderValue, Response, StatusCode, header};

use super::answer::Answer;

/// Why a request was turned away, in words for whoever reads the answer. The reason names nothing
/// that came from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    reason: &'static str,
}

/// What the endpoint can be asked at all (RFC 9110 §10.2.1).
pub(super) const METHODS: &str = "POST, GET, DELETE";

impl Refusal {
    pub(super) const HOST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "exactly one Host is needed, and it must be that of the request target",
    );
    pub(super) const HOST_FORBIDDEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "this server does not answer under that Host",
    );
    pub(super) const ORIGIN_FORBIDDEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "this server does not answer pages of that Origin",
    );
    pub(super) const PATH: Self = Self::new(StatusCode::NOT_FOUND, "no MCP endpoint has this path");
    pub(super) const METHOD: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "an MCP endpoint takes POST, GET and DELETE",
    );
    pub(super) const DOCUMENT_METHOD: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "a document takes GET");
    pub(super) const CONTENT_TYPE: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body must be application/json in UTF-8, without content encoding",
    );
    pub(super) const ACCEPT_POST: Self = Self::new(
        StatusCode::NOT_ACCEPTABLE,
        "Accept must admit both application/json and text/event-stream",
    );
    pub(super) const ACCEPT_GET: Self = Self::new(
        StatusCode::NOT_ACCEPTABLE,
        "Accept must admit text/event-stream",
    );
    pub(super) const TRANSFER_CODING: Self = Self::new(
        StatusCode::NOT_IMPLEMENTED,
        "no Transfer-Encoding but chunked is understood",
    );
    pub(super) const UNEXPECTED_BODY: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "a request with this method has no body",
    );
    pub(super) const TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is larger than this server takes",
    );
    pub(super) const TRUNCATED: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "the body is malformed or ended too early",
    );
    pub(super) const TOO_SLOW: Self = Self::new(
        StatusCode::REQUEST_TIMEOUT,
        "the body took longer than this server waits",
    );
    pub(super) const FULL: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "this server holds as much as it can; try again",
    );
    pub(super) const BROKEN: Self =
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "this server failed");

    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }

    pub(super) fn into_response(self) -> Response<Answer> {
        let mut response = Response::new(Answer::whole(self.reason.into()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        if self == Self::METHOD {
            headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        }
        if self == Self::DOCUMENT_METHOD {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
        }
        if self == Self::FULL {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
