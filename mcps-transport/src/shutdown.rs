//! The signals that ask us to end.

use std::{fmt, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::TransportError;

/// Listens to SIGINT, SIGTERM and SIGHUP. While it was made once in a process, they no longer end
/// the process by themselves, so select on [`requested`](Self::requested).
///
/// A server runs in a process group of its own, so that Ctrl-C in a terminal reaches us alone and
/// we end the server in order. After SIGTERM little time is left, since whoever sent it may follow
/// up with SIGKILL: use [`Child::terminate`](crate::child::Child::terminate), not `shutdown`.
#[derive(Debug)]
pub struct Shutdown {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// Which signal asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: whoever started us.
    Terminate,
    /// SIGHUP: the terminal was closed.
    Hangup,
}

impl Shutdown {
    /// Starts listening. Do so before a server is started: a signal in between would end us at once
    /// and leave the server to notice that its input is closed.
    ///
    /// # Errors
    /// [`TransportError::Signals`] when the system refuses.
    ///
    /// # Panics
    /// Outside a Tokio runtime with IO enabled.
    pub fn listen() -> Result<Self, TransportError> {
        let listen =
            |kind| signal(kind).map_err(|source| TransportError::Signals(Arc::new(source)));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of the three signals, those included that came since the last call.
    /// Cancel safe.
    pub async fn requested(&mut self) -> Cause {
        tokio::select! {
            _ = self.interrupt.recv() => Cause::Interrupt,
            _ = self.terminate.recv() => Cause::Terminate,
            _ = self.hangup.recv() => Cause::Hangup,
        }
    }
}

impl Cause {
    /// What a process that ends because of it exits with: 128 and the signal's number, as shells
    /// have it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        })
    }
}
