//! Our own standard input.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};

use rustix::{
    event::PollFlags,
    io::{read, retry_on_intr},
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::unix::pipe,
};

use super::prompt;

/// Our standard input: a pipe, socket, terminal or file. Reads only what `poll(2)` says is there.
///
/// If another process reads from the same stream it may take what was announced to us, and a
/// thread of ours waits for more; a stream of messages with two readers is lost anyway.
#[derive(Debug)]
pub struct Input(Source);

#[derive(Debug)]
enum Source {
    /// Tokio's name says pipe; unchecked, it waits for sockets and terminals just as well.
    Awaited(pipe::Receiver),
    Immediate(OwnedFd),
}

impl Input {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let registered = prompt::register(fd, pipe::Receiver::from_owned_fd_unchecked)?;
        Ok(Self(
            registered.map_or_else(Source::Immediate, Source::Awaited),
        ))
    }
}

impl AsyncRead for Input {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let target = buffer.initialize_unfilled();
        let read = match &self.0 {
            Source::Immediate(fd) => retry_on_intr(|| read(fd, &mut *target))?,
            Source::Awaited(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                let done = stream.try_io(|| {
                    let fd = stream.as_fd();
                    prompt::promptly(fd, PollFlags::IN, || read(fd, &mut *target))
                });
                match done {
                    Err(blocks) if blocks.kind() == io::ErrorKind::WouldBlock => {}
                    done => break done?,
                }
            },
        };
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}
