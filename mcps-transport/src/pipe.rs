//! Queues between a link and the loops that use it, with back-pressure: who reads slowly makes
//! the other side wait, and memory stays bounded.
//!
//! Each direction has one task, owned by the [`Inbox`] or [`Outbox`] it serves and ended with it.
//! What waits in one direction never holds up the other one, so two peers that both write before
//! they read do not lock each other up.

mod inbox;
mod outbox;
mod queue;

pub use inbox::Inbox;
pub use outbox::{Outbox, Sender};

/// Both directions of a connection, each with its queue. Use the fields by themselves.
#[derive(Debug)]
pub struct Pipe {
    /// What the peer sends us.
    pub inbox: Inbox,
    /// What we send the peer.
    pub outbox: Outbox,
}

#[cfg(test)]
mod tests;
