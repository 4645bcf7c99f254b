//! A hand on the wire: processes spoken to line by line, envelopes sealed member by member, a
//! server and an authority whose every word the test chooses.
//!
//! Nothing here uses the client's own links: what our ends accept and refuse is held against
//! messages made without them.

mod asked;
mod facing;
mod founder;
mod hand;
mod meddler;
mod process;
mod puppet;
mod served;
mod stage;

pub(crate) use asked::{Asked, Stream};
pub(crate) use facing::Facing;
pub(crate) use founder::Founder;
pub(crate) use hand::{Hand, changed, parsed, time};
pub(crate) use meddler::{Meddler, Rule};
pub(crate) use process::{PATIENCE, Process, code_of, eventually};
pub(crate) use puppet::Puppet;
pub(crate) use served::Served;
pub(crate) use stage::Stage;

/// How a client of 2025-11-25 begins.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

/// A server's answer to it.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"test","version":"1"}}}"#;

/// A call of a tool.
pub(crate) fn call(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"note","arguments":{{"n":1.50}}}}}}"#
    )
}

/// An answer to it.
pub(crate) fn result(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"noted"}}]}}}}"#
    )
}
