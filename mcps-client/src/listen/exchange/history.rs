//! The last events of a stream of ours. Ids are `STREAM-EVENT`, both counted from 0 or 1 within a
//! session.

use std::time::Duration;

use mcps_transport::sse::{Backlog, Event};

/// When a client that lost a stream should come back.
const RETRY: Duration = Duration::from_millis(500);

/// The last events of one stream.
pub(super) struct History {
    stream: u64,
    /// The number of the last event.
    last: u64,
    events: Backlog,
}

fn named(event: Event, stream: u64, number: u64) -> Event {
    let id = format!("{stream}-{number}");
    // Digits and a hyphen are an id.
    event.clone().with_id(&id).unwrap_or(event)
}

/// The stream of an id that [`History`] gave.
pub(in crate::listen) fn stream_of(id: &str) -> Option<u64> {
    let (stream, event) = id.split_once('-')?;
    event.parse::<u64>().ok()?;
    stream.parse().ok()
}

impl History {
    /// With the event before all others: an id to come back with, and nothing to read.
    pub(super) fn begin(stream: u64) -> (Self, Event) {
        let primer = named(Event::message(b"").with_retry(RETRY), stream, 0);
        let mut events = Backlog::default();
        events.add(primer.clone());
        let history = Self {
            stream,
            last: 0,
            events,
        };
        (history, primer)
    }

    /// The next event, kept.
    pub(super) fn add(&mut self, text: &str) -> Event {
        self.last += 1;
        let event = named(Event::message(text.as_bytes()), self.stream, self.last);
        self.events.add(event.clone());
        event
    }

    /// What is kept, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.events.bytes()
    }

    /// What came after an event; `None` when that is not kept any more, or has not been.
    pub(super) fn after(&self, id: &str) -> Option<Vec<Event>> {
        self.events.after(id.as_bytes())
    }
}

#[cfg(test)]
mod tests;
