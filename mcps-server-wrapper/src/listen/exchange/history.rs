//! The last events of a stream, for a client that comes back (MCP 2025-11-25, *Resumability and
//! Redelivery*). Ids are `STREAM-EVENT`, both counted from 0 or 1 within a session.

use std::collections::VecDeque;
use std::time::Duration;

use mcps_transport::sse::Event;

/// Events kept of one stream.
const EVENTS: usize = 256;
/// Bytes kept of one stream; the last event is kept whatever its size.
const BYTES: usize = 1024 * 1024;
/// When a client that lost a stream should come back.
const RETRY: Duration = Duration::from_millis(500);

/// The last events of one stream.
pub(super) struct History {
    stream: u64,
    /// The number of the last event.
    last: u64,
    events: VecDeque<Event>,
    bytes: usize,
}

/// The event before all others: an id to come back with, and nothing to read.
pub(super) fn primer(stream: u64) -> Event {
    let event = Event::message(b"").with_retry(RETRY);
    named(event, stream, 0)
}

fn named(event: Event, stream: u64, number: u64) -> Event {
    let id = format!("{stream}-{number}");
    // Digits and a hyphen are an id.
    event.clone().with_id(&id).unwrap_or(event)
}

/// Stream and event of an id that [`History`] gave.
pub(in crate::listen) fn parse(id: &str) -> Option<(u64, u64)> {
    let (stream, event) = id.split_once('-')?;
    Some((stream.parse().ok()?, event.parse().ok()?))
}

impl History {
    pub(super) fn new(stream: u64) -> Self {
        Self {
            stream,
            last: 0,
            events: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The next event, kept.
    pub(super) fn add(&mut self, text: &str) -> Event {
        self.last += 1;
        let event = named(Event::message(text.as_bytes()), self.stream, self.last);
        self.bytes += event.encoded_len();
        self.events.push_back(event.clone());
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            let oldest = self.events.pop_front();
            self.bytes -= oldest.map_or(0, |event| event.encoded_len());
        }
        event
    }

    /// What came after an event; `None` when that is not kept any more, or has not been.
    pub(super) fn after(&self, number: u64) -> Option<Vec<Event>> {
        let missed = usize::try_from(self.last.checked_sub(number)?).ok()?;
        let skip = self.events.len().checked_sub(missed)?;
        Some(self.events.iter().skip(skip).cloned().collect())
    }
}

#[cfg(test)]
mod tests;
