//! The Streamable HTTP binding of MCP: bytes of bodies and headers, and nothing that looks into a
//! message. One endpoint, to which a client POSTs each message and which answers with a JSON
//! document or with an event stream; in revisions 2025-03-26 to 2025-11-25 also GET (a stream of
//! the server's own messages) and DELETE (the end of a session).
//!
//! HTTP/1.1 only: all of the protocol's SDKs speak it, and one connection then carries one exchange
//! at a time, so that a client that leaves is a connection that closes.
//!
//! Modules: [`server`] (a listener), [`client`] (the client of one server), [`local`]
//! (an endpoint asked without a socket), [`headers`] (what
//! travels beside a message), [`uri`] (the one spelling of a server's address).

pub mod client;
pub mod headers;
pub mod local;
mod media;
pub mod server;
mod tls;
pub mod uri;
