//! What a connection may cost, in bytes, frames and waiting.

use std::time::Duration;

/// Bounds of one connection. `Default` is what the services ship with.
///
/// What one direction of a [`Pipe`](crate::pipe::Pipe) holds stays within twice
/// `queue_bytes + 2 × frame_bytes` and a constant, whatever the peers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest line accepted, in bytes and without its line end. Default: 4 MiB, the
    /// largest message (PROTOCOL §1), and 64 KiB for the envelope that travels in it (§4; a
    /// passport alone may have 8 KiB).
    pub frame_bytes: usize,
    /// How many frames wait in one direction before its sender has to. Default: 64.
    pub queue_frames: usize,
    /// How many bytes of frames wait in one direction before its sender has to. A single frame
    /// larger than this passes alone. Default: 8 MiB.
    pub queue_bytes: usize,
    /// How long [`Outbox::finish`](crate::pipe::Outbox::finish) waits for the peer to read what
    /// is still queued. Default: 1 s.
    pub flush_grace: Duration,
    /// How long a server may take to end after its standard input was closed. Default: 2 s, as
    /// MCP's own SDKs wait.
    pub exit_grace: Duration,
    /// How long it may take after SIGTERM, before SIGKILL. Default: 1 s: whoever started us sends
    /// us SIGTERM and, commonly 2 s later, SIGKILL; by then the server must have ended, because
    /// nothing can end it after us.
    pub terminate_grace: Duration,
    /// How long the kernel may take to deliver SIGKILL before we report the process as stuck.
    /// Default: 5 s.
    pub kill_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 4 * 1024 * 1024 + 64 * 1024,
            queue_frames: 64,
            queue_bytes: 8 * 1024 * 1024,
            flush_grace: Duration::from_secs(1),
            exit_grace: Duration::from_secs(2),
            terminate_grace: Duration::from_secs(1),
            kill_grace: Duration::from_secs(5),
        }
    }
}
