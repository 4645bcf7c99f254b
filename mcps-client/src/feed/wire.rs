//! What the feed is fetched by, so that a test can stand in for the network.

use std::time::Duration;

use mcps_core::feed::Cursor;

/// Why something of the feed could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// 404: the authority is older than the feed, or has no such thing.
    #[error("the trust authority has no such thing")]
    Absent,
    /// 410: what came after the position is not kept any more.
    #[error("what came after the position is not kept any more")]
    Pruned,
    /// 410: the epoch has ended; the one that the statement is to be had of.
    #[error("the epoch has ended")]
    EpochEnded(Option<u64>),
    /// 429 or 503: how long to wait, if that was said.
    #[error("the trust authority is busy")]
    Busy(Option<Duration>),
    /// An answer, and not what was asked for.
    #[error("{0}")]
    Answer(String),
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
}

/// Where the feed is fetched from. Each call has a time limit of its own but for the stream itself.
#[expect(async_fn_in_trait, reason = "followed on one task")]
pub trait Wire {
    /// A stream that was opened.
    type Stream: Frames;

    /// Opens the stream after a position.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn stream(&self, after: Option<Cursor>) -> Result<Self::Stream, Trouble>;

    /// Waits for what comes after a position.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn frames(&self, after: Cursor) -> Result<Vec<String>, Trouble>;

    /// The newest snapshot.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn snapshot(&self) -> Result<Vec<u8>, Trouble>;

    /// The root's statement on an epoch.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn epoch(&self, number: u64) -> Result<String, Trouble>;
}

/// The frames of a stream as they were received.
#[expect(async_fn_in_trait, reason = "followed on one task")]
pub trait Frames {
    /// The next one; `None` when the stream ended. Waits for ever.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble>;
}
