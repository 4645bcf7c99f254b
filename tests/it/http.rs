//! Signed MCP over Streamable HTTP: the real programs between a client and a server that are the
//! test's.

mod calls;
mod cancelling;
mod failures;
mod guarding;
mod host;
mod resuming;
mod tampering;
mod tokens;

use host::Host;
pub(crate) use host::{READY, connect};
