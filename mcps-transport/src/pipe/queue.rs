//! A queue bounded in items *and* in bytes: 64 small frames are nothing, 64 large ones are 256 MiB.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::limits::Limits;

/// An item and the bytes it holds of the budget, given back when it is dropped.
pub(super) struct Held<T> {
    pub(super) item: T,
    _bytes: Option<OwnedSemaphorePermit>,
}

pub(super) struct Entry<T> {
    items: mpsc::Sender<Held<T>>,
    budget: Arc<Semaphore>,
    whole: u32,
}

/// The queue was closed at its other end.
pub(super) struct Closed;

pub(super) fn bounded<T>(limits: &Limits) -> (Entry<T>, mpsc::Receiver<Held<T>>) {
    let whole = limits.queue_bytes.min(Semaphore::MAX_PERMITS);
    let whole = u32::try_from(whole).unwrap_or(u32::MAX);
    let (items, queue) = mpsc::channel(limits.queue_frames.max(1));
    let budget = Arc::new(Semaphore::new(usize::try_from(whole).unwrap_or_default()));
    (
        Entry {
            items,
            budget,
            whole,
        },
        queue,
    )
}

impl<T> Entry<T> {
    /// Waits for room. An item larger than the whole budget waits until it is alone.
    pub(super) async fn put(&self, item: T, bytes: usize) -> Result<(), Closed> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.whole);
        let budget = Arc::clone(&self.budget);
        // The slot first: when the other end closes, waiting for it ends, and with the queue the
        // bytes come back that others wait for.
        let slot = self.items.reserve().await.map_err(|_| Closed)?;
        // The budget is never closed, so there is a permit.
        let permit = budget.acquire_many_owned(bytes).await.ok();
        slot.send(Held {
            item,
            _bytes: permit,
        });
        Ok(())
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            items: self.items.clone(),
            budget: Arc::clone(&self.budget),
            whole: self.whole,
        }
    }
}
