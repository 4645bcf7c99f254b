//! What we send a peer, queued until it reads.

use std::{
    fmt, mem,
    sync::{Arc, OnceLock},
};

use tokio::{
    io::AsyncWrite,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Duration, timeout},
};

use super::queue::{self, Entry, Held};
use crate::{
    error::TransportError,
    frame::{Frame, FrameWriter},
    limits::Limits,
    peer::Peer,
};

/// How many bytes of small frames go into one write.
const BATCH: usize = 64 * 1024;

/// The frames to a peer, written in the order they were sent and flushed whenever none waits.
///
/// Dropping it ends the task that writes, whatever is still queued, and closes the stream; use
/// [`finish`](Self::finish) to let the queue drain.
pub struct Outbox {
    sender: Sender,
    writer: JoinSet<()>,
    finishing: Option<oneshot::Sender<()>>,
    grace: Duration,
}

/// Sends frames into an [`Outbox`]; as many clones as there are loops that answer this peer.
#[derive(Clone)]
pub struct Sender {
    queue: Entry<Frame>,
    state: Arc<State>,
}

struct State {
    peer: Peer,
    failure: OnceLock<TransportError>,
}

impl Outbox {
    /// Starts writing to `peer`.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn new<W>(writer: FrameWriter<W>, limits: &Limits) -> Self
    where
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let state = Arc::new(State {
            peer: writer.peer(),
            failure: OnceLock::new(),
        });
        let (entry, queue) = queue::bounded(limits);
        let (finishing, finish) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(write_out(writer, queue, finish, Arc::clone(&state)));
        Self {
            sender: Sender {
                queue: entry,
                state,
            },
            writer: tasks,
            finishing: Some(finishing),
            grace: limits.flush_grace,
        }
    }

    /// A handle that sends into this outbox.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&self, frame: Frame) -> Result<(), TransportError> {
        self.sender.send(frame).await
    }

    /// Refuses further frames, writes those that are queued, and closes the stream, so that the
    /// peer sees its end. Waits for the peer at most [`Limits::flush_grace`]. The
    /// [`Inbox`](super::Inbox) is not touched: keep reading it meanwhile, since a peer that waits
    /// for us to read does not read itself.
    ///
    /// Cancel safe: a second call goes on waiting.
    ///
    /// # Errors
    /// [`TransportError::Stalled`] when the peer did not read in time; the stream is closed all
    /// the same. Otherwise what the writing task failed with, now or earlier.
    pub async fn finish(&mut self) -> Result<(), TransportError> {
        if let Some(finishing) = self.finishing.take() {
            // It is gone when the writing task failed before.
            let _gone = finishing.send(());
        }
        if timeout(self.grace, self.writer.join_next()).await.is_err() {
            // Awaited, so that the stream is closed when we return.
            self.writer.shutdown().await;
            return Err(TransportError::Stalled {
                peer: self.sender.state.peer,
                waited: self.grace,
            });
        }
        self.sender
            .state
            .failure
            .get()
            .map_or(Ok(()), |failure| Err(failure.clone()))
    }
}

impl Sender {
    /// Queues a frame. Waits while the queue is full: this is where a peer that reads slowly
    /// slows down the one whose frames these are.
    ///
    /// Cancel safe: a call that is dropped has not queued the frame.
    ///
    /// # Errors
    /// What writing failed with, for this or an earlier frame; [`TransportError::Finished`] after
    /// [`Outbox::finish`] or when the outbox is gone.
    pub async fn send(&self, frame: Frame) -> Result<(), TransportError> {
        let bytes = frame.len();
        match self.queue.put(frame, bytes).await {
            Ok(()) => Ok(()),
            Err(queue::Closed) => Err(self.state.closed()),
        }
    }
}

impl State {
    fn closed(&self) -> TransportError {
        let finished = TransportError::Finished { peer: self.peer };
        self.failure.get().cloned().unwrap_or(finished)
    }
}

async fn write_out<W: AsyncWrite + Unpin>(
    mut writer: FrameWriter<W>,
    mut queue: mpsc::Receiver<Held<Frame>>,
    mut finish: oneshot::Receiver<()>,
    state: Arc<State>,
) {
    let mut finishing = false;
    let ended = loop {
        let frame = tokio::select! {
            biased;
            _ = &mut finish, if !finishing => {
                finishing = true;
                // What is queued still comes out; then there is `None`.
                queue.close();
                continue;
            }
            frame = queue.recv() => frame,
        };
        let Some(frame) = frame else {
            break writer.close().await;
        };
        if let Err(failure) = write_batch(&mut writer, frame, &mut queue).await {
            break Err(failure);
        }
    };
    if let Err(failure) = ended {
        // Before the queue is dropped, so that a sender that finds it closed finds the reason.
        let _first = state.failure.set(failure);
    }
    mem::drop(queue);
}

/// Writes `first` and what small frames are waiting behind it, with one flush.
async fn write_batch<W: AsyncWrite + Unpin>(
    writer: &mut FrameWriter<W>,
    first: Held<Frame>,
    queue: &mut mpsc::Receiver<Held<Frame>>,
) -> Result<(), TransportError> {
    writer.buffer(&first.item);
    let mut held = vec![first];
    while writer.buffered() < BATCH {
        let Ok(next) = queue.try_recv() else { break };
        writer.buffer(&next.item);
        held.push(next);
    }
    writer.flush().await
    // Only now are the bytes of `held` given back.
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sender.fmt(f)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("peer", &self.state.peer)
            .field("failure", &self.state.failure.get())
            .finish_non_exhaustive()
    }
}
