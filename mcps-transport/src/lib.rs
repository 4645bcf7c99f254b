//! Bytes ⇄ frames. What carries MCP messages, and nothing that looks into them: no policy, no
//! signatures, no JSON but the outline of a line that is too long to keep. The caller hands every frame to `mcps_core::json` itself.
//!
//! [`http`] is the Streamable HTTP binding of MCP: a listener and a client, whose streams are read
//! and written by [`sse`]. The rest is the stdio binding (specification 2025-11-25 and 2026-07-28,
//! *Transports: stdio*): one message a line. Between the client that started us and a server that
//! we start:
//!
//! ```no_run
//! use mcps_transport::{child::Command, frame::Incoming, limits::Limits, shutdown::Shutdown, stdio};
//!
//! # async fn relay() -> Result<(), mcps_transport::error::TransportError> {
//! let limits = Limits::default();
//! let mut stop = Shutdown::listen()?; // before the server, so that no signal falls between
//! let (mut child, server) = Command::new("my-server").arg("--stdio").spawn(&limits)?;
//! let mut server = server.into_pipe(&limits);
//! let mut client = stdio::own(&limits)?.into_pipe(&limits);
//!
//! // Client to server; the other direction is a loop of its own. Each waits for its receiver only.
//! let to_server = server.outbox.sender();
//! while let Some(incoming) = client.inbox.next().await? {
//!     match incoming {
//!         Incoming::Frame(frame) => to_server.send(frame).await?,
//!         // Answer with a coded error; the connection goes on.
//!         Incoming::TooLong { .. } | Incoming::CarriageReturn { .. } => {}
//!         Incoming::Truncated { .. } => {}
//!     }
//! }
//! server.outbox.finish().await?; // the server sees the end of its input
//! let exit = tokio::select! {
//!     exit = child.shutdown() => exit?,
//!     _ = stop.requested() => child.terminate().await?,
//! };
//! client.outbox.finish().await?;
//! # Ok(()) }
//! ```
//!
//! `examples/relay.rs` is the whole of it.
//!
//! Modules: [`frame`] (a line, and reading and writing lines), [`pipe`] (queues and the tasks that
//! fill and empty them), [`stdio`] (our own standard input and output), [`child`] (a server
//! process and all it starts), [`shutdown`] (the signals that end us), [`lanes`] (a runtime for each
//! core), [`limits`], [`http`], [`sse`], [`error`].

pub mod child;
pub mod error;
pub mod frame;
pub mod http;
pub mod lanes;
pub mod limits;
pub mod peer;
pub mod pipe;
pub mod shutdown;
pub mod sse;
pub mod stdio;

#[cfg(test)]
mod witness;
