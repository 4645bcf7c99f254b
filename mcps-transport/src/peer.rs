//! Who is at the other end, so that an error can say whose doing it was.

use std::fmt;

/// The other end of a [`Link`](crate::stdio::Link).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The MCP client that started us; it is at our own standard input and output.
    Client,
    /// The MCP server that we started; it is at the other end of its standard input and output.
    Server,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the client (at our standard input and output)",
            Self::Server => "the server process",
        })
    }
}
