//! What clients of a listener may cost, in bytes, connections and waiting.

use std::time::Duration;

/// Bounds of a listener. `Default` is what the services ship with.
///
/// Memory stays within `bodies_bytes` for requests, and for each connection `header_bytes`,
/// [`WRITE_BUFFER`](Self::WRITE_BUFFER), and what its endpoint queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// The largest body of a request, in bytes; beyond it 413. Default: 4 MiB, the largest message
    /// (PROTOCOL §1), and 64 KiB for the envelope that travels in it, as for frames.
    pub body_bytes: usize,
    /// How many bytes of bodies all requests together may hold; beyond it 503. A body counts until
    /// its [`Post`](super::Post) is dropped. Default: 256 MiB.
    pub bodies_bytes: usize,
    /// The largest head of a request (request line and header fields), in bytes; beyond it 431.
    /// Default: 32 KiB.
    pub header_bytes: usize,
    /// The most header fields of a request; beyond it 431. Default: 100.
    pub headers: usize,
    /// How long the head of a request may take from its first byte, or from the connection's start
    /// for the first one, and how long a TLS handshake may take. Default: 10 s.
    pub header_read: Duration,
    /// How long the body of a request may take; beyond it 408. Default: 30 s.
    pub body_read: Duration,
    /// How long a connection may wait for its next request. Default: 60 s.
    pub idle: Duration,
    /// How long a client may take for [`READ_LEAST`](Self::READ_LEAST) of what is being sent, or for the
    /// rest of it. Default: 30 s.
    pub write: Duration,
    /// The most connections at a time, counting those whose request is still being worked on after
    /// the client left; beyond it 503 and a close. Default: 1024.
    pub connections: usize,
    /// The largest event sent, in bytes as encoded; an endpoint that sends a larger one has its
    /// stream aborted. Default: 4 MiB and 256 KiB.
    pub event_bytes: usize,
    /// After how much silence an event stream carries a comment, which keeps connections open and
    /// shows which are dead; `None` for never. Default: 15 s.
    pub keep_alive: Option<Duration>,
    /// How long exchanges may take to end once the listener stops. Default: 10 s.
    pub drain: Duration,
    /// How often certificate files are looked at for changes; `None` for never. Default: 60 s.
    pub certificate_check: Option<Duration>,
}

impl HttpLimits {
    /// How much of an answer waits in a connection before its endpoint has to, in bytes. A single
    /// document or event larger than this waits alone.
    pub const WRITE_BUFFER: usize = 64 * 1024;

    /// How much a client that reads slowly has to take in each [`write`](Self::write), in bytes: whoever
    /// takes a byte now and then would hold what waits for as long as it likes.
    pub const READ_LEAST: usize = 128 * 1024;
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: (4 * 1024 + 64) * 1024,
            bodies_bytes: 256 * 1024 * 1024,
            header_bytes: 32 * 1024,
            headers: 100,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            write: Duration::from_secs(30),
            connections: 1024,
            event_bytes: (4 * 1024 + 256) * 1024,
            keep_alive: Some(Duration::from_secs(15)),
            drain: Duration::from_secs(10),
            certificate_check: Some(Duration::from_secs(60)),
        }
    }
}
