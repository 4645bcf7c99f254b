//! One block of an event stream, as it was written, and the fields that can be read from it.

use std::{fmt, time::Duration};

use bytes::{Bytes, BytesMut};

use crate::error::TransportError;

/// A block of lines of an event stream. It is held in its encoded form, with LF as line end and
/// the empty line that closes it, so encoding it costs nothing and loses nothing.
///
/// Bytes are kept whether they are UTF-8 or not: what is in `data` is for `mcps_core::json` to
/// judge.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Bytes);

impl Event {
    /// An event with nothing but `data`, which a reader takes for one of type `message`.
    ///
    /// Data of several lines becomes several `data` fields. A reader sees them joined by LF, so CR
    /// and CRLF in `data` arrive as LF. (In JSON text a line end is whitespace between tokens.)
    #[must_use]
    pub fn message(data: &[u8]) -> Self {
        let mut block = BytesMut::with_capacity(data.len() + 16);
        put_data(&mut block, data);
        close(block)
    }

    /// A block that dispatches nothing and only shows that the stream lives; readers skip it
    /// (9.2.7 *Authoring notes*: "a comment line every 15 seconds or so").
    #[must_use]
    pub fn comment(text: &str) -> Self {
        let mut block = BytesMut::with_capacity(text.len() + 4);
        for line in lines(text.as_bytes()) {
            block.extend_from_slice(b":");
            block.extend_from_slice(line);
            block.extend_from_slice(b"\n");
        }
        close(block)
    }

    /// The same with an event type in front.
    ///
    /// # Errors
    /// [`TransportError::NotAFieldValue`] when the name holds a line end.
    pub fn with_name(self, name: &str) -> Result<Self, TransportError> {
        self.with_field("event", name)
    }

    /// The same with an id in front: what a client says in `Last-Event-ID` to resume after this
    /// event.
    ///
    /// # Errors
    /// [`TransportError::NotAFieldValue`] when the id holds a line end or NUL; a reader ignores an
    /// id with NUL in it.
    pub fn with_id(self, id: &str) -> Result<Self, TransportError> {
        if let Some(offset) = id.bytes().position(|byte| byte == 0) {
            return Err(TransportError::NotAFieldValue { offset });
        }
        self.with_field("id", id)
    }

    /// The same with the time in front after which a client may reconnect, in whole milliseconds.
    #[must_use]
    pub fn with_retry(self, after: Duration) -> Self {
        let value = after.as_millis().to_string();
        self.in_front("retry", &value)
    }

    /// The same event with other data. Every other line stays where it is; the new data stands
    /// where the first data line stood, or at the end when there was none.
    #[must_use]
    pub fn with_data(&self, data: &[u8]) -> Self {
        let mut block = BytesMut::with_capacity(self.0.len() + data.len());
        let mut put = false;
        for line in self.lines() {
            if field(line).0 != b"data" {
                block.extend_from_slice(line);
                block.extend_from_slice(b"\n");
            } else if !put {
                put_data(&mut block, data);
                put = true;
            }
        }
        if !put {
            put_data(&mut block, data);
        }
        close(block)
    }

    /// A block as the decoder read it: lines that end with LF, the empty one last.
    pub(super) fn decoded(block: Bytes) -> Self {
        Self(block)
    }

    /// The encoded event, ready to be sent after any other: `field: value` lines and an empty one.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded event, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// How long it is when encoded, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.0.len()
    }

    /// What a reader is given as data: all `data` fields, joined by LF. `None` when the block has
    /// none, in which case a reader dispatches nothing (9.2.6, *dispatch the event*). A field
    /// without a value is `Some` and empty: servers prime a resumption with an id and empty data
    /// (MCP 2025-11-25, *Sending messages to the server*).
    #[must_use]
    pub fn data(&self) -> Option<Bytes> {
        let mut values = self.values(b"data");
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(self.0.slice_ref(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b'\n');
            joined.extend_from_slice(value);
        }
        Some(joined.into())
    }

    /// The event type: the last `event` field. `None` and empty both mean `message`.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.values(b"event").last()
    }

    /// The last `id` field that a reader heeds: one with NUL in it is ignored. An empty one is
    /// `Some` and resets the id of the stream; `None` leaves it as it was.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.values(b"id").filter(|id| !id.contains(&0)).last()
    }

    /// The last `retry` field that a reader heeds: digits only, milliseconds. One too large for
    /// 64 bits is ignored too.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        let millis = self.values(b"retry").filter_map(|value| {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let text = digits.then(|| std::str::from_utf8(value).ok())??;
            text.parse().ok()
        });
        millis.last().map(Duration::from_millis)
    }

    /// The comments, without their colon.
    pub fn comments(&self) -> impl Iterator<Item = &[u8]> {
        self.lines().filter_map(|line| line.strip_prefix(b":"))
    }

    /// The lines as they were written, without their ends: fields, comments, and what is neither.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.0.strip_suffix(b"\n\n").unwrap_or_default();
        lines.split(|&byte| byte == b'\n')
    }

    fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.lines().map(field);
        fields.filter_map(move |(is, value)| (is == name).then_some(value))
    }

    fn with_field(self, name: &str, value: &str) -> Result<Self, TransportError> {
        match value.bytes().position(is_line_end) {
            Some(offset) => Err(TransportError::NotAFieldValue { offset }),
            None => Ok(self.in_front(name, value)),
        }
    }

    fn in_front(self, name: &str, value: &str) -> Self {
        let mut block = BytesMut::with_capacity(self.0.len() + name.len() + value.len() + 3);
        put_field(&mut block, name, value.as_bytes());
        block.extend_from_slice(&self.0);
        Self(block.freeze())
    }
}

/// Shows the length only: events carry messages, which no log may hold.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} bytes)", self.0.len())
    }
}

/// Name and value of a line (9.2.6, *process the field*). One space after the colon is not part of
/// the value. A comment has the empty name, which no field has.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b':') {
        None => (line, b""),
        Some(colon) => {
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or_default();
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

fn put_data(block: &mut BytesMut, data: &[u8]) {
    for line in lines(data) {
        put_field(block, "data", line);
    }
}

fn put_field(block: &mut BytesMut, name: &str, value: &[u8]) {
    block.extend_from_slice(name.as_bytes());
    block.extend_from_slice(b": ");
    block.extend_from_slice(value);
    block.extend_from_slice(b"\n");
}

fn close(mut block: BytesMut) -> Event {
    block.extend_from_slice(b"\n");
    Event(block.freeze())
}

/// Cut at LF, CR and CRLF. At least one line.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.iter().position(|&byte| is_line_end(byte));
        let (line, after) = text.split_at(end.unwrap_or(text.len()));
        rest = after
            .strip_prefix(b"\r\n")
            .or_else(|| after.get(1..))
            .filter(|_| end.is_some());
        Some(line)
    })
}

pub(super) fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

#[cfg(test)]
mod tests;
