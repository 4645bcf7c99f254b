//! A server process and everything it starts, ended together.
//!
//! The server leads a process group of its own, and the group is what is signalled: a shell or
//! `npx` in front of the real server, and helpers behind it, end as well. Its standard error is
//! ours, so what it logs goes where our own log goes.
//!
//! What this cannot reach: a process that left the group (`setsid`, a daemon), and the case that we
//! ourselves are killed with SIGKILL. Then the server's standard input is closed, which MCP servers
//! take as the end; asking the kernel to kill it with us (`PR_SET_PDEATHSIG`) takes `unsafe` code.
//! `std::process::exit` skips `Drop` and so counts as the latter: end the child first.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use tokio::{signal::unix, time::timeout};

use crate::{error::TransportError, limits::Limits};

mod command;
mod exit;
mod group;

pub use command::Command;
pub use exit::Exit;
use group::Group;

/// A running server. Dropping it kills its whole group at once; [`shutdown`](Self::shutdown) asks
/// first.
pub struct Child {
    process: tokio::process::Child,
    group: Group,
    /// SIGCHLD. Awaiting `process` instead would free the process id, by which we know the group.
    exits: unix::Signal,
    limits: Limits,
    ended: Option<Exit>,
}

impl Child {
    /// The process id, which is that of its group too.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// Waits until the server has ended by itself and says how. It may be asked again. What it
    /// started may still run and write to our link: read that to its end, then call
    /// [`terminate`](Self::terminate). Cancel safe.
    ///
    /// # Errors
    /// [`TransportError::Wait`] when the system does not tell.
    pub async fn wait(&mut self) -> Result<Exit, TransportError> {
        loop {
            if let Some(exit) = self.observe()? {
                return Ok(exit);
            }
            // Cannot be missed: a signal since the last `recv` makes it return at once.
            self.exits.recv().await;
        }
    }

    /// Ends the server in order: waits [`Limits::exit_grace`] for it to end by itself, then does
    /// as [`terminate`](Self::terminate).
    ///
    /// Close its standard input before, with [`Outbox::finish`](crate::pipe::Outbox::finish) or by
    /// dropping the writer: that is what tells an MCP server to end. And keep reading what it
    /// writes, or it may wait for us and be terminated for that.
    ///
    /// Cancel safe; when a signal asks us to hurry, drop this and call `terminate`.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub async fn shutdown(&mut self) -> Result<Exit, TransportError> {
        match timeout(self.limits.exit_grace, self.wait()).await {
            Ok(exit) => _ = exit?,
            Err(_) => tracing::info!(
                pid = self.id(),
                grace_ms = millis(self.limits.exit_grace),
                "the server did not end when its input was closed; sending SIGTERM"
            ),
        }
        self.terminate().await
    }

    /// Ends the server now: SIGTERM to what is left of its group, [`Limits::terminate_grace`],
    /// SIGKILL. Returns how the server itself ended; afterwards nothing of the group is left, and
    /// no zombie. Cancel safe.
    ///
    /// # Errors
    /// [`TransportError::Unkillable`] when it hangs in the kernel, [`TransportError::Wait`] when
    /// the system does not tell.
    pub async fn terminate(&mut self) -> Result<Exit, TransportError> {
        if let Some(exit) = self.ended {
            return Ok(exit);
        }
        if self.group.is_alive() {
            self.group.signal(Signal::TERM);
            if timeout(self.limits.terminate_grace, self.group.emptied())
                .await
                .is_err()
            {
                tracing::warn!(
                    pid = self.id(),
                    grace_ms = millis(self.limits.terminate_grace),
                    "the server did not end at SIGTERM; sending SIGKILL"
                );
            }
        }
        self.kill().await
    }

    async fn kill(&mut self) -> Result<Exit, TransportError> {
        // Once more even if all seem gone: one may have been starting another.
        self.group.signal(Signal::KILL);
        let since = Instant::now();
        let pid = self.id();
        match timeout(self.limits.kill_grace, self.process.wait()).await {
            Ok(Ok(status)) => {
                let exit = Exit::from(status);
                tracing::debug!(pid, %exit, waited_ms = millis(since.elapsed()), "the server has ended");
                self.ended = Some(exit);
                Ok(exit)
            }
            Ok(Err(source)) => Err(TransportError::Wait {
                pid,
                source: Arc::new(source),
            }),
            Err(_) => Err(TransportError::Unkillable {
                pid,
                waited: self.limits.kill_grace,
            }),
        }
    }

    /// How it ended, if it has; leaves it a zombie, so that its id stays taken.
    fn observe(&self) -> Result<Option<Exit>, TransportError> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status =
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.group.leader()), options))
                .map_err(|errno| TransportError::Wait {
                    pid: self.id(),
                    source: Arc::new(io::Error::from(errno)),
                })?;
        Ok(status.as_ref().and_then(Exit::observed))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.group.signal(Signal::KILL);
        }
        // Tokio reaps what `process` has left behind.
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("pid", &self.id())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
