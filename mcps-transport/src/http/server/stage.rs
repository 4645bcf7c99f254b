//! Where a connection is between its requests, so that each wait has its own bound; and the span of
//! one exchange, at whose end somebody may be waiting.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// What a connection waits for. The order is that of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// For the rest of the head of a request.
    Head,
    /// For nothing: a request is being read or answered.
    Busy,
    /// For the next request.
    Idle,
}

/// The stage of one connection, shared between the socket and the requests on it. It only counts
/// up, so that a later wait of the same kind is told from an earlier one.
#[derive(Debug, Default)]
pub(super) struct Stages(AtomicU64);

impl Stages {
    /// Which wait this is, and what for.
    pub(super) fn now(&self) -> (u64, Stage) {
        let count = self.0.load(Ordering::Acquire);
        (count, Self::at(count))
    }

    /// Goes to the next stage of this kind; stays where it is that already.
    pub(super) fn enter(&self, wanted: Stage) {
        let forward = |count: u64| {
            let next = (count..count.saturating_add(3)).find(|&next| Self::at(next) == wanted);
            next.filter(|&next| next != count)
        };
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, forward);
    }

    fn at(count: u64) -> Stage {
        match count % 3 {
            0 => Stage::Head,
            1 => Stage::Busy,
            _ => Stage::Idle,
        }
    }
}

/// One request from its head to the last byte of its answer. It lives in whatever is responsible
/// next; dropping it is the end, also when the client has left.
#[derive(Debug)]
pub(super) struct Exchange {
    stages: Arc<Stages>,
    _over: watch::Sender<()>,
}

impl Exchange {
    pub(super) fn begin(stages: Arc<Stages>) -> (Self, Gone) {
        stages.enter(Stage::Busy);
        let (over, gone) = watch::channel(());
        let exchange = Self {
            stages,
            _over: over,
        };
        (exchange, Gone(gone))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.stages.enter(Stage::Idle);
    }
}

/// Somebody in this process who waits for an answer.
#[derive(Debug)]
pub(in crate::http) struct Here {
    _over: watch::Sender<()>,
}

/// Tells that nobody is left to answer: the client disconnected, or the answer is complete. In
/// revision 2026-07-28 a client cancels a request in this way (*Streamable HTTP: Cancellation*);
/// in earlier ones it says nothing about the request (*Sending messages to the server*).
///
/// A disconnect is seen at once while an endpoint works or an event stream is open, unless the
/// client had already sent bytes of its next request; then it is seen when something is written. A
/// client that only closes its sending side counts as gone too.
#[derive(Debug, Clone)]
pub struct Gone(watch::Receiver<()>);

impl Gone {
    /// For a request that did not come over a socket: it is gone when what is returned beside is
    /// dropped.
    #[must_use]
    pub(in crate::http) fn local() -> (Here, Self) {
        let (over, gone) = watch::channel(());
        (Here { _over: over }, Self(gone))
    }

    /// Waits for it. Cancel safe; once it has happened, it returns at once.
    pub async fn wait(&self) {
        let mut over = self.0.clone();
        // Nothing is ever sent; the sender goes with the exchange.
        while over.changed().await.is_ok() {}
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_so(&self) -> bool {
        self.0.has_changed().is_err()
    }
}
