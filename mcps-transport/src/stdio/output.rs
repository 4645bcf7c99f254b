//! Our own standard output.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustix::{
    event::PollFlags,
    io::{retry_on_intr, write},
};
use tokio::{io::AsyncWrite, net::unix::pipe};

use super::prompt;

/// `PIPE_BUF`: what a writable pipe takes without blocking (pipe(7); POSIX guarantees only 512).
const PORTION: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Our standard output: a pipe, socket, terminal or file. Writes in portions that a stream that
/// `poll(2)` calls writable takes without blocking; nothing is buffered here.
///
/// Two exceptions, both harmless to a client that speaks MCP: a terminal stopped with Ctrl-S, and
/// another process writing to the same stream at the same moment, make a thread of ours wait.
#[derive(Debug)]
pub struct Output(Sink);

#[derive(Debug)]
enum Sink {
    /// Tokio's name says pipe; unchecked, it waits for sockets and terminals just as well.
    Awaited(pipe::Sender),
    Immediate(OwnedFd),
    Closed,
}

impl Output {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let registered = prompt::register(fd, pipe::Sender::from_owned_fd_unchecked)?;
        Ok(Self(registered.map_or_else(Sink::Immediate, Sink::Awaited)))
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let portion = bytes.get(..PORTION).unwrap_or(bytes);
        Poll::Ready(match &self.0 {
            Sink::Closed => Err(io::ErrorKind::BrokenPipe.into()),
            Sink::Immediate(fd) => Ok(retry_on_intr(|| write(fd, portion))?),
            Sink::Awaited(stream) => loop {
                ready!(stream.poll_write_ready(context))?;
                let done = stream.try_io(|| {
                    let fd = stream.as_fd();
                    prompt::promptly(fd, PollFlags::OUT, || write(fd, portion))
                });
                match done {
                    Err(blocks) if blocks.kind() == io::ErrorKind::WouldBlock => {}
                    done => break done,
                }
            },
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes it: the client sees the end even while we go on.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0 = Sink::Closed;
        Poll::Ready(Ok(()))
    }
}
