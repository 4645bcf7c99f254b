//! Cuts a byte stream into frames, in bounded memory.

use std::{io::BufRead as _, mem};

use mcps_core::message::{Outline, Sketch};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::{Frame, Incoming};
use crate::{error::TransportError, limits::Limits, peer::Peer};

/// What one read asks the system for; a Linux pipe holds as much.
const CHUNK: usize = 64 * 1024;

/// Reads frames from `R`. Holds at most one line of
/// [`Limits::frame_bytes`](crate::limits::Limits::frame_bytes) and one chunk of 64 KiB.
#[derive(Debug)]
pub struct FrameReader<R> {
    input: BufReader<R>,
    peer: Peer,
    limit: usize,
    line: Line,
    ended: bool,
}

/// The line that is being read. It lives in the reader, so that a dropped `next()` loses nothing.
enum Line {
    Kept(Vec<u8>),
    /// Too long to keep: only counted and sketched until it ends.
    Discarded(u64, Box<Sketch>),
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `input`, which is the output of `peer`.
    pub fn new(input: R, peer: Peer, limits: &Limits) -> Self {
        Self {
            input: BufReader::with_capacity(CHUNK, input),
            peer,
            limit: limits.frame_bytes,
            line: Line::Kept(Vec::new()),
            ended: false,
        }
    }

    /// The next frame, or what stood in place of one; `None` when the stream has ended, and from
    /// then on. Empty lines are skipped, `\r` before the line end is dropped, every other byte is
    /// kept.
    ///
    /// Cancel safe: a call that is dropped has lost nothing, the next one continues.
    ///
    /// # Errors
    /// [`TransportError::Read`] when the system refuses to read. The end of the stream is not an
    /// error.
    pub async fn next(&mut self) -> Result<Option<Incoming>, TransportError> {
        while !self.ended {
            let chunk = self.input.fill_buf().await;
            let chunk = chunk.map_err(|source| TransportError::reading(self.peer, source))?;
            let met = if chunk.is_empty() {
                self.ended = true;
                self.line.take().truncated()
            } else {
                let (used, complete) = self.line.extend(chunk, self.limit);
                self.input.consume(used);
                if complete {
                    self.line.take().finished(self.limit)
                } else {
                    None
                }
            };
            if met.is_some() {
                return Ok(met);
            }
        }
        Ok(None)
    }
}

impl Line {
    /// Takes in what of `chunk` belongs to this line. Returns how much that was, the line feed
    /// included, and whether the line is complete.
    fn extend(&mut self, chunk: &[u8], limit: usize) -> (usize, bool) {
        let (line, end) = match split_line(chunk) {
            Some(line) => (line, 1),
            None => (chunk, 0),
        };
        match self {
            // A carriage return at the end does not count; whether this is one shows later.
            Self::Kept(kept) if kept.len() + line.len() <= limit.saturating_add(1) => {
                kept.extend_from_slice(line);
            }
            Self::Kept(kept) => {
                let mut sketch = Box::new(Sketch::default());
                sketch.add(kept);
                sketch.add(line);
                *self = Self::Discarded(count(kept.len()) + count(line.len()), sketch);
            }
            Self::Discarded(bytes, sketch) => {
                *bytes = bytes.saturating_add(count(line.len()));
                sketch.add(line);
            }
        }
        (line.len() + end, end == 1)
    }

    fn take(&mut self) -> Self {
        mem::replace(self, Self::Kept(Vec::new()))
    }

    /// What a complete line is; `None` for an empty one.
    fn finished(self, limit: usize) -> Option<Incoming> {
        let mut line = match self {
            Self::Kept(line) => line,
            Self::Discarded(bytes, sketch) => {
                let outline = sketch.finish();
                return Some(Incoming::TooLong { bytes, outline });
            }
        };
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        let bytes = count(line.len());
        if line.is_empty() {
            None
        } else if line.len() > limit {
            let outline = Outline::of(&line);
            Some(Incoming::TooLong { bytes, outline })
        } else if line.contains(&b'\r') {
            let outline = Outline::of(&line);
            Some(Incoming::CarriageReturn { bytes, outline })
        } else {
            Some(Incoming::Frame(Frame(line)))
        }
    }

    /// What a line is that the end of the stream cut off; `None` when nothing of it had come.
    fn truncated(self) -> Option<Incoming> {
        let bytes = match self {
            Self::Kept(line) => count(line.len()),
            Self::Discarded(bytes, _) => bytes,
        };
        (bytes > 0).then_some(Incoming::Truncated { bytes })
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kept(line) => write!(f, "Kept({} bytes)", line.len()),
            Self::Discarded(bytes, _) => write!(f, "Discarded({bytes} bytes)"),
        }
    }
}

/// The first line in `chunk`, without its line feed.
fn split_line(chunk: &[u8]) -> Option<&[u8]> {
    // `skip_until` is the `memchr` of the standard library.
    let mut rest = chunk;
    let used = rest.skip_until(b'\n').unwrap_or(0);
    chunk.get(..used)?.strip_suffix(b"\n")
}

/// `usize` is at most 64 bits wide on every platform there is.
fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
