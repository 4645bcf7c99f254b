//! Writes frames as lines.

use std::future::poll_fn;
use std::pin::Pin;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::Frame;
use crate::{error::TransportError, peer::Peer};

/// A buffer larger than this is given back after it was written.
const KEEP: usize = 64 * 1024;

/// Writes frames to `W`, each with a line feed.
///
/// Frames are first put into a buffer of the writer's own, so that a flush that is dropped half
/// way is continued by the next one instead of leaving half a line.
pub struct FrameWriter<W> {
    output: W,
    peer: Peer,
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    written: usize,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes to `output`, which is the input of `peer`.
    pub fn new(output: W, peer: Peer) -> Self {
        Self {
            output,
            peer,
            buffer: Vec::new(),
            written: 0,
        }
    }

    /// To whom this writes.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Writes one frame, and everything that was buffered before it.
    ///
    /// Cancel safe in this sense: the frame has been taken, and what is missing of it is written
    /// by the next [`flush`](Self::flush) or `send`. Do not send it again.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn send(&mut self, frame: &Frame) -> Result<(), TransportError> {
        self.buffer(frame);
        self.flush().await
    }

    /// Puts a frame into the buffer; [`flush`](Self::flush) writes it.
    pub fn buffer(&mut self, frame: &Frame) {
        self.buffer.reserve(frame.len() + 1);
        self.buffer.extend_from_slice(frame.as_bytes());
        self.buffer.push(b'\n');
    }

    /// How many bytes are buffered and not yet written.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len().saturating_sub(self.written)
    }

    /// Writes what is buffered and lets it go out. Cancel safe.
    ///
    /// # Errors
    /// [`TransportError::HungUp`] when the peer no longer reads, [`TransportError::Write`] for
    /// what else the system refuses. What was buffered is dropped then: a line that may be half
    /// written cannot be taken up again.
    pub async fn flush(&mut self) -> Result<(), TransportError> {
        let flushed = self.write_buffer().await;
        if flushed.is_ok() && self.buffer.capacity() <= KEEP {
            self.buffer.clear();
        } else {
            self.buffer = Vec::new();
        }
        self.written = 0;
        flushed.map_err(|source| TransportError::writing(self.peer, source))
    }

    async fn write_buffer(&mut self) -> std::io::Result<()> {
        while let Some(rest) = self
            .buffer
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            // Unlike `write_all`, `write` tells how far it came before it was dropped.
            match self.output.write(rest).await? {
                0 => return Err(std::io::ErrorKind::WriteZero.into()),
                written => self.written += written,
            }
        }
        self.output.flush().await
    }

    /// Writes what is buffered and closes the stream, so that the peer sees its end.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn close(mut self) -> Result<(), TransportError> {
        self.flush().await?;
        poll_fn(|context| Pin::new(&mut self.output).poll_shutdown(context))
            .await
            .map_err(|source| TransportError::writing(self.peer, source))
    }
}

impl<W> std::fmt::Debug for FrameWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter")
            .field("peer", &self.peer)
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
