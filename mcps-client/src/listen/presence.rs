//! Whether anybody still wants something of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use mcps_core::clock::{Clock, Timestamp};

/// What is under way for somebody, and when they last wanted something.
pub(super) struct Presence {
    clock: Arc<dyn Clock>,
    used: AtomicI64,
    busy: AtomicUsize,
}

/// Something is under way until this is dropped.
pub(super) struct Busy(Arc<Presence>);

impl Presence {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            used: AtomicI64::new(clock.now().as_millis()),
            busy: AtomicUsize::new(0),
        })
    }

    /// Takes note that somebody wants something.
    pub(super) fn touch(&self) {
        let now = self.clock.now().as_millis();
        self.used.store(now, Ordering::Relaxed);
    }

    /// The same, until it is done.
    pub(super) fn enter(self: &Arc<Self>) -> Busy {
        self.touch();
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Since when nobody has wanted anything, if nobody does.
    pub(super) fn idle_since(&self) -> Option<Timestamp> {
        let idle = self.busy.load(Ordering::Relaxed) == 0;
        idle.then(|| Timestamp::from_millis(self.used.load(Ordering::Relaxed)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
