//! A socket that waits only so long: for heads of requests, for the next request, and for a client
//! that does not read, or hardly.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{
    limits::HttpLimits,
    stage::{Stage, Stages},
};

/// Wraps a connection. A wait that is too long is an error of kind `TimedOut` to whoever reads or
/// writes, who then closes.
pub(super) struct Patience<S> {
    inner: S,
    stages: Arc<Stages>,
    header_read: Duration,
    idle: Duration,
    write: Duration,
    /// Which wait of [`Stages`] the timer is for.
    reading: Option<(u64, Pin<Box<Sleep>>)>,
    /// Since something waits to be taken, and how much was taken since.
    writing: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Patience<S> {
    pub(super) fn new(inner: S, stages: Arc<Stages>, limits: &HttpLimits) -> Self {
        Self {
            inner,
            stages,
            header_read: limits.header_read,
            idle: limits.idle,
            write: limits.write,
            reading: None,
            writing: None,
        }
    }

    fn read_waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (count, stage) = self.stages.now();
        let allowed = match stage {
            Stage::Busy => {
                self.reading = None;
                return Poll::Pending;
            }
            Stage::Head => self.header_read,
            Stage::Idle => self.idle,
        };
        let (for_wait, timer) = self
            .reading
            .get_or_insert_with(|| (count, Box::pin(sleep(allowed))));
        if *for_wait != count {
            *for_wait = count;
            timer.set(sleep(allowed));
        }
        timer.as_mut().poll(cx).map(|()| Err(timed_out()))
    }

    /// Bounds a wait of the writing side; enough of progress takes the bound away.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(Ok(bytes)) = written else {
            return self.bounded(cx, written);
        };
        if let Some((taken, _)) = &mut self.writing {
            *taken = taken.saturating_add(bytes);
            let enough = *taken >= HttpLimits::READ_LEAST;
            // Who still reads the last answer is not idle.
            if self.stages.now().1 == Stage::Idle {
                self.reading = None;
            }
            if enough {
                self.writing = None;
            }
        }
        written
    }

    /// The same where all that waited is gone when the wait ends.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            let waited = self.writing.take().is_some();
            if waited && self.stages.now().1 == Stage::Idle {
                self.reading = None;
            }
            return done;
        }
        let write = self.write;
        let (_, timer) = self
            .writing
            .get_or_insert_with(|| (0, Box::pin(sleep(write))));
        timer.as_mut().poll(cx).map(|()| Err(timed_out()))
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buffer) {
            Poll::Pending => self.read_waits(cx),
            ready => {
                if buffer.filled().len() > before && self.stages.now().1 == Stage::Idle {
                    self.stages.enter(Stage::Head);
                }
                ready
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.bounded(cx, shut)
    }
}

#[cfg(test)]
mod tests;
