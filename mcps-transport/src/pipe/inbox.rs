//! What the peer sends us, read ahead as far as the limits allow.

use std::fmt;

use tokio::{
    io::AsyncRead,
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::queue::{self, Entry, Held};
use crate::{
    error::TransportError,
    frame::{FrameReader, Incoming},
    limits::Limits,
};

/// The frames from a peer. When nobody takes them the peer has to wait: at most
/// [`Limits::queue_bytes`], one frame more and one chunk are read ahead.
///
/// Dropping it ends the task that reads and closes the stream.
pub struct Inbox {
    queue: mpsc::Receiver<Held<Result<Incoming, TransportError>>>,
    ended: watch::Receiver<()>,
    _reader: JoinSet<()>,
}

impl Inbox {
    /// Starts reading.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn new<R>(reader: FrameReader<R>, limits: &Limits) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        let (entry, queue) = queue::bounded(limits);
        let (reading, ended) = watch::channel(());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            read_ahead(reader, entry).await;
            drop(reading);
        });
        Self {
            queue,
            ended,
            _reader: tasks,
        }
    }

    /// Ends when the stream has ended, even while frames from before its end wait in the queue:
    /// for a loop that is held up with one of them. While the queue is full the end is not seen.
    pub fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut ended = self.ended.clone();
        // Nothing is ever sent; the sender goes when the stream does.
        async move { while ended.changed().await.is_ok() {} }
    }

    /// The next frame, or what stood in place of one; `None` when the stream has ended, and from
    /// then on. Cancel safe.
    ///
    /// # Errors
    /// [`TransportError::Read`], after which the stream is over.
    pub async fn next(&mut self) -> Result<Option<Incoming>, TransportError> {
        self.queue.recv().await.map(|held| held.item).transpose()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("waiting", &self.queue.len())
            .finish_non_exhaustive()
    }
}

/// Ends with the stream, at the first error, or when the inbox is gone.
async fn read_ahead<R: AsyncRead + Unpin>(
    mut reader: FrameReader<R>,
    entry: Entry<Result<Incoming, TransportError>>,
) {
    while let Some(met) = reader.next().await.transpose() {
        let last = met.is_err();
        let bytes = match &met {
            Ok(Incoming::Frame(frame)) => frame.len(),
            _ => 0,
        };
        if entry.put(met, bytes).await.is_err() || last {
            break;
        }
    }
}
