//! `text/event-stream`, the framing of a Streamable HTTP response that is more than one message
//! (WHATWG HTML, *9.2 Server-sent events*, of which *9.2.5 Parsing* and *9.2.6 Interpreting an
//! event stream*).
//!
//! What is relayed must reach the other side as it was written, so an [`Event`] is a whole block of
//! lines, not four parsed fields: names, ids, retry times, comments and fields that nobody knows
//! yet keep their text and their order. Blocks that dispatch nothing (a comment to keep the
//! connection alive, an id alone to prime a resumption, a retry time before a close) are events
//! here too. Three things are not kept, as no reader can tell them apart: which line ends were used
//! (all become LF), a byte order mark at the start of the stream, and empty lines beyond the one
//! that ends a block.
//!
//! The codec is ours because no kept crate preserves this: `sse-stream` 0.3 drops comments, unknown
//! fields and the order of fields, requires UTF-8 of what it passes on and has no bound on the size
//! of an event; `eventsource-stream` 0.2 is unmaintained, drops comments and blocks without data,
//! and has no bound either.

mod backlog;
mod decoder;
mod event;

pub use backlog::Backlog;
pub use decoder::{Decoder, EventLimits};
pub use event::Event;
