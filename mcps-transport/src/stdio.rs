//! Both ends of a stdio connection, and our own standard input and output as one of them.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::fcntl_dupfd_cloexec,
    stdio,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    error::TransportError,
    frame::{FrameReader, FrameWriter},
    limits::Limits,
    peer::Peer,
    pipe::{Inbox, Outbox, Pipe},
};

mod input;
mod output;
mod prompt;

pub use input::Input;
pub use output::Output;

/// The two streams of a connection to one peer.
#[derive(Debug)]
pub struct Link<R, W> {
    /// What the peer writes.
    pub incoming: FrameReader<R>,
    /// What the peer reads.
    pub outgoing: FrameWriter<W>,
}

impl<R, W> Link<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    /// A link to `peer`, who writes what `input` reads and reads what `output` writes.
    pub fn new(input: R, output: W, peer: Peer, limits: &Limits) -> Self {
        Self {
            incoming: FrameReader::new(input, peer, limits),
            outgoing: FrameWriter::new(output, peer),
        }
    }

    /// Puts a queue and a task behind each of the two.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn into_pipe(self, limits: &Limits) -> Pipe {
        Pipe {
            inbox: Inbox::new(self.incoming, limits),
            outbox: Outbox::new(self.outgoing, limits),
        }
    }
}

/// Takes our own standard input and output for the link to the client that started us.
///
/// From then on file descriptors 0 and 1 are `/dev/null`: a stray `println!`, here or in a library,
/// cannot break into the messages, and closing the link really closes it. Ask whether they are
/// terminals before.
///
/// Neither is given to a blocking thread (as `tokio::io::stdin` is, which keeps the runtime from
/// shutting down until the client writes once more), and neither gets `O_NONBLOCK`: that flag
/// belongs to the open file, which we may share with the shell or client that started us, and would
/// outlive us. Instead they are read and written when `poll(2)` says that this does not block; see
/// [`Input`] and [`Output`].
///
/// # Errors
/// [`TransportError::OwnStdioTaken`] the second time, [`TransportError::OwnStdio`] when the system
/// refuses.
///
/// # Panics
/// Outside a Tokio runtime with IO enabled.
pub fn own(limits: &Limits) -> Result<Link<Input, Output>, TransportError> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Err(TransportError::OwnStdioTaken);
    }
    let (input, output) =
        take().map_err(|source| TransportError::OwnStdio(Arc::new(source.into())))?;
    let set_up = |source| TransportError::OwnStdio(Arc::new(source));
    let input = Input::new(input).map_err(set_up)?;
    let output = Output::new(output).map_err(set_up)?;
    Ok(Link::new(input, output, Peer::Client, limits))
}

/// Moves descriptors 0 and 1 out of everybody else's reach.
fn take() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let input = fcntl_dupfd_cloexec(stdio::stdin(), 3)?;
    let output = fcntl_dupfd_cloexec(stdio::stdout(), 3)?;
    stdio::dup2_stdin(&null)?;
    stdio::dup2_stdout(&null)?;
    Ok((input, output))
}

#[cfg(test)]
mod tests;
