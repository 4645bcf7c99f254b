//! How a process ended.

use std::{fmt, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use rustix::process::WaitIdStatus;

/// How a server process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited with this status; 0 means that all was well.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// Whether it exited with status 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }

    /// What a process that passes this on exits with: its status, or 128 and the signal's number,
    /// as shells have it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    pub(super) fn observed(status: &WaitIdStatus) -> Option<Self> {
        let signal = || status.terminating_signal().map(Self::Signal);
        status.exit_status().map(Self::Code).or_else(signal)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        // A process that was waited for has one or the other.
        let signal = || {
            status
                .signal()
                .map_or(Self::Code(i32::from(u8::MAX)), Self::Signal)
        };
        status.code().map_or_else(signal, Self::Code)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}
