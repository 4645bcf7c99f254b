//! The revocation feed as data: numbered events in a hash chain, the signed frames that carry them, and
//! signed snapshots of what they put in force. `docs/feed.md` has the wire form and the rules.
//!
//! A [`Frame`] that exists was signed by a feed key of the authority; [`Frame::check`] says whether
//! it holds together. Where it stands in the history is for the follower to say, which keeps the
//! position it has reached.

mod ack;
mod action;
mod chain;
mod entry;
mod epoch;
mod error;
mod event;
mod frame;
pub(crate) mod member;
mod position;
mod snapshot;
mod target;

pub use ack::{Ack, UnprovenAck};
pub use action::{Action, Lifts};
pub use chain::{genesis, link};
pub use entry::{Entry, Held};
pub use epoch::Epoch;
pub use error::FeedError;
pub use event::Event;
pub use frame::{Draft, Frame, Unverified};
pub use position::{Cursor, Position};
pub use snapshot::{MAX_SNAPSHOT_BYTES, Snapshot};
pub use target::{Target, TargetKind};

use std::time::Duration;

/// Most events in one frame.
pub const MAX_EVENTS: usize = 256;
/// Largest frame, in bytes of its JSON.
pub const MAX_BYTES: usize = 1 << 20;
/// Largest event, in bytes of its canonical form: [`MAX_EVENTS`] of them fit into one frame.
pub const MAX_EVENT_BYTES: usize = 4000;
/// Highest number of an event and of an epoch: 2^53−1 (RFC 7493 §2.2).
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Longest tenant, name, owner, tool and reason, in bytes.
pub const MAX_TEXT: usize = 256;
/// The longest that a frame may vouch for: `fresh_until` − `iat`.
pub const MAX_LIFE: Duration = Duration::from_secs(300);
