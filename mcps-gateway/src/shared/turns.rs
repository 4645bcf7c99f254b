//! Who writes next where many do: calls that lost against others wait for each other here, instead of
//! losing again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::history::Key;

/// One queue for each tenant that ever had one.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Arc<Queue>>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicUsize,
    next: Arc<AsyncMutex<()>>,
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _place: Place,
    _turn: OwnedMutexGuard<()>,
}

#[derive(Debug)]
struct Place(Arc<Queue>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Turns {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody waits: whoever comes now stands in line too, or those who wait never win.
    pub(super) fn is_crowded(&self, tenant: Key) -> bool {
        let queue = self.all().get(&tenant).cloned();
        queue.is_some_and(|queue| queue.waiting.load(Ordering::Acquire) > 0)
    }

    /// Waits for a turn.
    pub(super) async fn wait(&self, tenant: Key) -> Turn {
        let queue = Arc::clone(self.all().entry(tenant).or_default());
        queue.waiting.fetch_add(1, Ordering::AcqRel);
        let place = Place(Arc::clone(&queue));
        let turn = Arc::clone(&queue.next).lock_owned().await;
        Turn {
            _place: place,
            _turn: turn,
        }
    }
}
