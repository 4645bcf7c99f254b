//! What answers requests, and what a request is to it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use super::{reply::Reply, stage::Gone};
use crate::http::headers::McpHeaders;

/// Answers the requests of a listener. Requests of different connections are answered at the same
/// time.
///
/// A call runs to its end also when the client leaves: `gone` tells it, and what it should then do
/// depends on the era. It counts as a connection until then. Nothing bounds how long it takes;
/// that is its own affair. A panic in it is answered with 500.
pub trait Endpoint: Send + Sync + 'static {
    /// A message from a client. Its body is complete, within the limits, said to be JSON, and
    /// otherwise unread.
    fn post(&self, post: Post) -> impl Future<Output = Reply> + Send;

    /// A client asks for the stream of the server's own messages, or to resume one (until
    /// 2025-11-25). Unless implemented: 405, as 2026-07-28 has it.
    fn get(&self, get: Get) -> impl Future<Output = Reply> + Send {
        drop(get);
        async { not_allowed() }
    }

    /// A client ends its session (until 2025-11-25). Unless implemented: 405.
    fn delete(&self, delete: Delete) -> impl Future<Output = Reply> + Send {
        drop(delete);
        async { not_allowed() }
    }

    /// Anybody asks for a document, at a path of [`Edge::with_documents`](super::Edge::with_documents).
    /// Unless implemented: 404.
    fn document(&self, get: Get) -> impl Future<Output = Reply> + Send {
        drop(get);
        async {
            Reply::Empty {
                status: StatusCode::NOT_FOUND,
                headers: HeaderMap::new(),
            }
        }
    }
}

/// A POST.
#[derive(Debug)]
pub struct Post {
    /// The path that was asked for, without a query.
    pub path: String,
    /// The headers.
    pub headers: McpHeaders,
    /// The body, as it was sent.
    pub body: Bytes,
    /// Who sent it.
    pub peer: SocketAddr,
    /// When nobody is left to answer.
    pub gone: Gone,
    /// Its part of what all bodies may hold.
    pub(in crate::http) _room: Option<OwnedSemaphorePermit>,
}

/// A GET.
#[derive(Debug)]
pub struct Get {
    /// The path that was asked for, without a query.
    pub path: String,
    /// The headers.
    pub headers: McpHeaders,
    /// Who sent it.
    pub peer: SocketAddr,
    /// When nobody is left to answer.
    pub gone: Gone,
}

/// A DELETE.
#[derive(Debug)]
pub struct Delete {
    /// The path that was asked for, without a query.
    pub path: String,
    /// The headers.
    pub headers: McpHeaders,
    /// Who sent it.
    pub peer: SocketAddr,
    /// When nobody is left to answer.
    pub gone: Gone,
}

fn not_allowed() -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    Reply::Empty {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers,
    }
}
