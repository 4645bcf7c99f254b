//! A frame is one line: one JSON-RPC message as it was received, without its line end
//! (MCP, *Transports: stdio*: messages are delimited by newlines and must not contain them).

use std::fmt;

use mcps_core::message::Outline;

use crate::error::TransportError;

mod reader;
mod writer;

pub use reader::FrameReader;
pub use writer::FrameWriter;

/// The bytes of one message. Never empty of meaning by our doing: what came in goes out, byte for
/// byte. It holds no line feed and no carriage return, so writing it cannot make two messages of
/// one.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Takes the bytes of one message.
    ///
    /// # Errors
    /// [`TransportError::NotOneLine`] when there is a `\n` or `\r` in them. (Inside a JSON string
    /// both are escaped, so a message never needs one.)
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, TransportError> {
        let bytes = bytes.into();
        match bytes.iter().position(|&byte| is_line_end(byte)) {
            Some(offset) => Err(TransportError::NotOneLine { offset }),
            None => Ok(Self(bytes)),
        }
    }

    /// The message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The message, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes. No frame that was read is empty: empty lines are skipped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        frame.0
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Shows the length only: frames carry arguments and results, which no log may hold.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

/// What a reader met: a frame, or a line that cannot be one. The latter are the peer's fault and
/// do not end the connection; of what was in them only the outline is kept, so that whoever waits
/// for it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Frame(Frame),
    /// A line longer than [`Limits::frame_bytes`](crate::limits::Limits::frame_bytes), reported
    /// once it has been passed over. The next line is read as usual.
    TooLong {
        /// How long it was.
        bytes: u64,
        /// What it was meant to be.
        outline: Outline,
    },
    /// A line with a carriage return inside. Some readers take that for a line end and would see
    /// two messages where we judged one. The next line is read as usual.
    CarriageReturn {
        /// How long it was.
        bytes: u64,
        /// What it was meant to be.
        outline: Outline,
    },
    /// The stream ended inside a line: the peer died, or was cut off, while writing. What came is
    /// not a message even if it parses. Nothing follows.
    Truncated {
        /// How much of it came.
        bytes: u64,
    },
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

#[cfg(test)]
mod tests;
