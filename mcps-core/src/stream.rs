//! A stream is one direction of a connection: its messages counted from 1, each naming the hash
//! of the signed object before it, so that a cut, an insertion or a re-ordering shows.

use crate::digest::Digest;
use crate::refusal::Refusal;

/// A message's place in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Counted from 1.
    pub seq: u64,
    /// Hash of the signed object before; absent on the first.
    pub prev: Option<Digest>,
}

/// One end of a stream: what was last sent, or last accepted.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    seq: u64,
    last: Option<Digest>,
    broken: bool,
}

impl Stream {
    /// Before the first message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The place of the next message to send.
    #[must_use]
    pub fn next(&self) -> Position {
        Position {
            seq: self.seq + 1,
            prev: self.last,
        }
    }

    /// Takes note of a message that was sent, or that [`Stream::check`] accepted.
    pub fn advance(&mut self, signed: Digest) {
        self.seq += 1;
        self.last = Some(signed);
    }

    /// Whether a received message is the next one. A break is final: nothing is accepted after.
    ///
    /// # Errors
    /// [`Refusal::StreamBroken`].
    pub fn check(&mut self, position: Option<Position>) -> Result<(), Refusal> {
        let why = match position {
            _ if self.broken => "it broke before",
            None => "no sequence number",
            Some(position) if position.seq > self.seq + 1 => "messages are missing",
            Some(position) if position.seq <= self.seq => "a message came again or out of order",
            Some(position) if position.prev != self.last => "the message before was another",
            Some(_) => return Ok(()),
        };
        self.broken = true;
        Err(Refusal::StreamBroken(why))
    }
}

#[cfg(test)]
mod tests;
