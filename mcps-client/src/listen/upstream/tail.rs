//! One event stream of the server's on its way to its reader, who may lose it and come back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_core::code::Code;
use mcps_transport::http::client::EventReader;
use mcps_transport::sse::{Backlog, Event};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch};

use super::signing::{Signed, Signing};
use crate::listen::watch::Watch;

/// Events that wait for a caller who reads slowly. The server then waits too.
const QUEUE: usize = 16;

/// One stream.
pub(super) struct Tail {
    signing: Arc<AsyncMutex<Signing>>,
    /// Which reader it is that reads; those before have lost it.
    reader: watch::Sender<u64>,
    standing: bool,
    kept: Mutex<Kept>,
}

/// What is known of it while somebody reads.
#[derive(Default)]
struct Kept {
    backlog: Backlog,
    over: bool,
}

/// The right to pass the stream on, which one at a time has.
pub(in crate::listen) struct Turn {
    tail: Arc<Tail>,
    signing: OwnedMutexGuard<Signing>,
    number: u64,
}

/// What a reader who comes back missed, and after which event the server's stream goes on.
pub(in crate::listen) struct Missed {
    pub(in crate::listen) events: Vec<Event>,
    /// `None` when the stream is complete.
    pub(in crate::listen) after: Option<Vec<u8>>,
}

impl Tail {
    pub(super) fn new(signing: Signing) -> Self {
        Self {
            standing: !signing.answers(),
            signing: Arc::new(AsyncMutex::new(signing)),
            reader: watch::Sender::new(0),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing follows any more.
    pub(super) fn is_over(&self) -> bool {
        self.kept().over
    }

    /// What is kept of it, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.kept().backlog.bytes()
    }

    /// Whether that event is one of those kept of it.
    pub(super) fn has(&self, id: &[u8]) -> bool {
        self.kept().backlog.after(id).is_some()
    }

    /// Whether it answers nothing, so that it ends by nothing that is said in it.
    pub(super) const fn is_standing(&self) -> bool {
        self.standing
    }

    /// Whoever reads loses it. The number of the next reader.
    pub(super) fn stop(&self) -> u64 {
        let mut next = 0;
        self.reader.send_modify(|number| {
            *number += 1;
            next = *number;
        });
        next
    }

    /// Takes it from whoever had it.
    pub(super) async fn take(self: Arc<Self>) -> Turn {
        let number = self.stop();
        let signing = Arc::clone(&self.signing).lock_owned().await;
        Turn {
            tail: self,
            signing,
            number,
        }
    }
}

impl Turn {
    /// Waits until another takes it.
    pub(in crate::listen) fn lost(&self) -> impl Future<Output = ()> + use<> {
        let (mut others, number) = (self.tail.reader.subscribe(), self.number);
        // The sender is ours.
        async move { drop(others.wait_for(|now| *now != number).await) }
    }

    /// Whether the stream answers nothing.
    pub(in crate::listen) fn stands(&self) -> bool {
        self.tail.is_standing()
    }

    /// Whoever reads from now on has somebody else look at it.
    pub(in crate::listen) fn watched_by(&mut self, watch: Option<Box<dyn Watch>>) {
        self.signing.watched_by(watch);
    }

    /// What came after that event; `None` when that is not kept any more.
    pub(in crate::listen) fn missed(&self, id: &[u8]) -> Option<Missed> {
        let kept = self.tail.kept();
        let events = kept.backlog.after(id)?;
        let after = kept.backlog.last_id().map(<[u8]>::to_vec);
        Some(Missed {
            events,
            after: after.filter(|_| !kept.over),
        })
    }

    /// Passes the server's stream on until it ends or has to, or `stopped` does, or the reader leaves, or
    /// another takes it. One that ends without its answer is left as it is if it can be resumed.
    pub(in crate::listen) async fn follow(
        mut self,
        mut events: EventReader,
        reader: mpsc::Sender<Event>,
        resumable: bool,
        stopped: impl Future<Output = ()>,
    ) {
        let lost = self.lost();
        tokio::pin!(lost, stopped);
        loop {
            let event = tokio::select! {
                biased;
                () = &mut lost => return,
                () = reader.closed() => {
                    tracing::debug!("a caller left before the end of a stream");
                    return;
                }
                code = self.signing.over() => return self.end(code, &reader),
                () = &mut stopped => return self.end(Code::UpstreamUnavailable, &reader),
                event = events.next() => event,
            };
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "a stream of the server's broke: {error}");
                    break;
                }
            };
            let Some((event, last)) = passed(&mut self.signing, event).await else {
                continue;
            };
            {
                let mut kept = self.tail.kept();
                kept.over |= last;
                // Without an id there is nothing to come back with.
                if resumable && (event.id().is_some() || kept.backlog.last_id().is_some()) {
                    kept.backlog.add(event.clone());
                }
            }
            tokio::select! {
                () = &mut lost => return,
                code = self.signing.over() => return self.end(code, &reader),
                () = &mut stopped => return self.end(Code::UpstreamUnavailable, &reader),
                sent = reader.send(event) => if sent.is_err() && last {
                    self.signing.lost();
                },
            }
            if last {
                return;
            }
        }
        let comes_back = self.tail.kept().backlog.last_id().is_some();
        if comes_back || self.tail.standing {
            return;
        }
        if let Signed::Last(text) = self.signing.fail(Code::UpstreamUnavailable) {
            self.tail.kept().over = true;
            drop(reader.send(Event::message(text.as_bytes())).await);
        }
    }

    /// Ends it here; whoever does not read it does not hear why.
    fn end(mut self, code: Code, reader: &mpsc::Sender<Event>) {
        if let Signed::Last(text) = self.signing.fail(code) {
            self.tail.kept().over = true;
            drop(reader.try_send(Event::message(text.as_bytes())));
        }
    }
}

/// Where a stream is read from, with what is in it before.
pub(in crate::listen) fn reader(
    missed: Vec<Event>,
) -> (mpsc::Sender<Event>, mpsc::Receiver<Event>) {
    let (events, read) = mpsc::channel(QUEUE.max(missed.len()));
    for event in missed {
        // There is room for all of them.
        let _ = events.try_send(event);
    }
    (events, read)
}

/// One event as its reader is to have it, and whether it is the last; `None` for what goes no
/// further. Comments, and ids and times to come back with, say nothing and pass as they are.
async fn passed(signing: &mut Signing, event: Event) -> Option<(Event, bool)> {
    let Some(data) = event.data().filter(|data| !data.is_empty()) else {
        return Some((event, false));
    };
    let message = event
        .name()
        .is_none_or(|name| name.is_empty() || name == b"message");
    if !message {
        // No message of MCP, though some clients take it for one: nobody could tell who said it, and nobody
        // looks at it.
        return signing.passes_unseen().then_some((event, false));
    }
    match signing.sign(data.to_vec()).await {
        Signed::Next(text) => Some((event.with_data(text.as_bytes()), false)),
        Signed::Last(text) => Some((event.with_data(text.as_bytes()), true)),
        Signed::Dropped => None,
    }
}
