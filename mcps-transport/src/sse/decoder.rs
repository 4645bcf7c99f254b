//! Cuts an event stream into events, in bounded memory.

use std::mem;

use bytes::Bytes;

use super::event::{Event, is_line_end};
use crate::error::TransportError;

/// UTF-8's byte order mark: one may stand at the start of a stream (9.2.5).
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// What one event may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// The longest line, in bytes and without its end. Default: 4 MiB and 128 KiB, the largest
    /// message with its envelope (PROTOCOL §1, §4) in one `data` field.
    pub line_bytes: usize,
    /// The longest event with all its lines, in bytes as encoded. Default: 4 MiB and 256 KiB.
    pub event_bytes: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            line_bytes: (4 * 1024 + 128) * 1024,
            event_bytes: (4 * 1024 + 256) * 1024,
        }
    }
}

/// Reads events out of chunks, however the stream is cut into them. It holds at most one event.
#[derive(Debug)]
pub struct Decoder {
    limits: EventLimits,
    /// Complete lines of the current event, each with an LF, and the start of the next line.
    block: Vec<u8>,
    /// Where that next line starts in `block`.
    line_start: usize,
    /// How much of a byte order mark was seen; `None` once the stream is past it.
    bom: Option<usize>,
    /// The last byte was a CR, so an LF now belongs to it.
    after_cr: bool,
    broken: Option<TransportError>,
    last_event_id: Bytes,
}

impl Decoder {
    /// At the start of a stream.
    #[must_use]
    pub fn new(limits: EventLimits) -> Self {
        Self {
            limits,
            block: Vec::new(),
            line_start: 0,
            bom: Some(0),
            after_cr: false,
            broken: None,
            last_event_id: Bytes::new(),
        }
    }

    /// Takes bytes off the front of `input`, up to the end of the next event. `None` when `input`
    /// is used up and the event is not complete: call again with the next chunk.
    ///
    /// # Errors
    /// [`TransportError::LineTooLong`] and [`TransportError::EventTooLong`], both the peer's fault.
    /// The stream is unusable afterwards and every further call fails in the same way.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let next = self.advance(input);
        if let Err(error) = &next {
            self.broken = Some(error.clone());
            self.block = Vec::new();
        }
        next
    }

    /// At the end of the stream. What stands after the last empty line is not an event, however
    /// complete it looks (9.2.6: "must be discarded").
    ///
    /// # Errors
    /// [`TransportError::EventTruncated`] when there is such a rest: the peer died or was cut off
    /// while writing. The failure of an earlier call again, if there was one.
    pub fn finish(&self) -> Result<(), TransportError> {
        let held = self.block.len() + self.bom.unwrap_or(0);
        match &self.broken {
            Some(error) => Err(error.clone()),
            None if held == 0 => Ok(()),
            None => Err(TransportError::EventTruncated { bytes: held }),
        }
    }

    /// The id of the last event that had one, for `Last-Event-ID`; empty when none had or an event
    /// reset it. An id in an event that was cut off does not count.
    #[must_use]
    pub fn last_event_id(&self) -> &Bytes {
        &self.last_event_id
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        self.skip_bom(input);
        while let Some(&first) = input.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                *input = input.get(1..).unwrap_or_default();
                continue;
            }
            let end = input.iter().position(|&byte| is_line_end(byte));
            let (text, rest) = input.split_at(end.unwrap_or(input.len()));
            self.extend(text)?;
            let Some((&ending, rest)) = rest.split_first() else {
                *input = rest;
                break;
            };
            *input = rest;
            self.after_cr = ending == b'\r';
            if let Some(event) = self.end_line() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn extend(&mut self, text: &[u8]) -> Result<(), TransportError> {
        let EventLimits {
            line_bytes,
            event_bytes,
        } = self.limits;
        let bytes = self.block.len().saturating_add(text.len());
        if bytes.saturating_sub(self.line_start) > line_bytes {
            return Err(TransportError::LineTooLong { limit: line_bytes });
        }
        // The line end and the empty line count too.
        if bytes.saturating_add(2) > event_bytes && !text.is_empty() {
            return Err(TransportError::EventTooLong { limit: event_bytes });
        }
        self.block.extend_from_slice(text);
        Ok(())
    }

    /// An empty line completes the event, unless there is none.
    fn end_line(&mut self) -> Option<Event> {
        let empty = self.block.len() == self.line_start;
        if empty && self.block.is_empty() {
            return None;
        }
        self.block.push(b'\n');
        self.line_start = self.block.len();
        if !empty {
            return None;
        }
        self.line_start = 0;
        let event = Event::decoded(Bytes::from(mem::take(&mut self.block)));
        if let Some(id) = event.id() {
            self.last_event_id = Bytes::copy_from_slice(id);
        }
        Some(event)
    }

    fn skip_bom(&mut self, input: &mut &[u8]) {
        while let (Some(seen), Some((first, rest))) = (self.bom, input.split_first()) {
            if BOM.get(seen) == Some(first) {
                *input = rest;
                self.bom = Some(seen + 1).filter(|&seen| seen < BOM.len());
            } else {
                self.block.extend(BOM.iter().take(seen));
                self.bom = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
