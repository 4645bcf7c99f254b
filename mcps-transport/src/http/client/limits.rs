//! What a server may cost its client, in bytes and waiting.

use std::time::Duration;

use crate::sse::EventLimits;

/// Bounds of a client. `Default` is what the services ship with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// How long a connection may take: name, TCP and TLS together. Default: 10 s.
    pub connect: Duration,
    /// How long the head of an answer may take, from when the request was given to the client. A
    /// server that answers in JSON sends nothing before its tool has finished. Default: 5 min.
    pub answer: Duration,
    /// How long a body that is no event stream may take, from the head of its answer. Default:
    /// 60 s.
    pub body: Duration,
    /// How long an event stream may be silent, comments counting as sound; `None` for ever.
    /// Default: 5 min, as the protocol's SDKs wait.
    pub silence: Option<Duration>,
    /// The largest JSON document, in bytes. Default: 4 MiB, the largest message (PROTOCOL §1), and
    /// 64 KiB for the envelope that travels in it, as for frames.
    pub body_bytes: usize,
    /// What one event may cost.
    pub event: EventLimits,
    /// The largest head of an answer, in bytes. Default: 64 KiB.
    pub header_bytes: usize,
    /// The most header fields of an answer. Default: 100.
    pub headers: usize,
    /// How long a connection is kept for a next request. Default: 4 s, below the 5 s after which
    /// common servers close: a request that crosses such a close cannot be repeated safely.
    pub idle: Duration,
    /// The most connections kept for a next request, of each lane. Default: 64. Those in use are as many as the
    /// caller has requests and streams open.
    pub idle_connections: usize,
}

impl ClientLimits {
    /// How much is kept of what a server says when it refuses, in bytes.
    pub const REFUSAL_BYTES: usize = 64 * 1024;
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(300),
            body: Duration::from_secs(60),
            silence: Some(Duration::from_secs(300)),
            body_bytes: (4 * 1024 + 64) * 1024,
            event: EventLimits::default(),
            header_bytes: 64 * 1024,
            headers: 100,
            idle: Duration::from_secs(4),
            idle_connections: 64,
        }
    }
}
