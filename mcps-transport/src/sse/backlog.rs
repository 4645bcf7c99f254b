//! The last events of a stream, for a reader who comes back for what it missed (MCP 2025-11-25,
//! *Resumability and Redelivery*).

use std::collections::VecDeque;

use super::Event;

/// Events kept of one stream.
const EVENTS: usize = 256;
/// Bytes kept of one stream; the last event is kept whatever its size.
const BYTES: usize = 1024 * 1024;

/// The last events of one stream, as they were sent: 256 of them and 1 MiB at most.
#[derive(Debug, Default)]
pub struct Backlog {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Backlog {
    /// Keeps the next event.
    pub fn add(&mut self, event: Event) {
        self.bytes += event.encoded_len();
        self.events.push_back(event);
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            let oldest = self.events.pop_front();
            self.bytes -= oldest.map_or(0, |event| event.encoded_len());
        }
    }

    /// What is kept, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What came after the event with this id; `None` when that event is not kept (any more), so
    /// that something may be missing.
    #[must_use]
    pub fn after(&self, id: &[u8]) -> Option<Vec<Event>> {
        let at = self.events.iter().rposition(|event| event.id() == Some(id));
        Some(self.events.iter().skip(at? + 1).cloned().collect())
    }

    /// The id after which the stream goes on behind all that is kept.
    #[must_use]
    pub fn last_id(&self) -> Option<&[u8]> {
        let id = self.events.iter().rev().find_map(Event::id);
        id.filter(|id| !id.is_empty())
    }
}

#[cfg(test)]
mod tests;
