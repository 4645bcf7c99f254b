//! Requests of the client that wait for their answer, and how they are given up.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_core::message::Id;
use mcps_core::refusal::Refusal;
use tokio::sync::watch;

use crate::link::MAX_IN_FLIGHT;

/// Bytes of requests at a time, whether they were sent or wait for their turn.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// All that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    entries: HashMap<Id, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    modern: bool,
    bytes: usize,
    cancelled: watch::Sender<bool>,
}

/// One that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    id: Id,
    modern: bool,
    cancelled: watch::Receiver<bool>,
}

impl Flights {
    /// Takes note of a request; whether it is one of 2026-07-28, which ends with its response.
    ///
    /// # Errors
    /// [`Refusal::Full`]; [`Refusal::Message`] when one with this id is under way.
    pub(super) fn begin(
        self: &Arc<Self>,
        id: &Id,
        modern: bool,
        bytes: usize,
    ) -> Result<Flight, Refusal> {
        let mut held = self.held();
        if held.entries.contains_key(id) {
            return Err(Refusal::Message(
                "a request with this `id` is still in flight",
            ));
        }
        if held.entries.len() >= MAX_IN_FLIGHT || bytes > MAX_BYTES - held.bytes {
            return Err(Refusal::Full("the table of requests in flight"));
        }
        let (sender, cancelled) = watch::channel(false);
        let entry = Entry {
            modern,
            bytes,
            cancelled: sender,
        };
        held.bytes += bytes;
        held.entries.insert(id.clone(), entry);
        Ok(Flight {
            flights: Arc::clone(self),
            id: id.clone(),
            modern,
            cancelled,
        })
    }

    /// The client gave up on a request. Whether that was one of 2026-07-28; `None` when there is no
    /// such request.
    pub(super) fn cancel(&self, id: &Id) -> Option<bool> {
        let held = self.held();
        let entry = held.entries.get(id)?;
        entry.cancelled.send_replace(true);
        Some(entry.modern)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Its id.
    pub(super) const fn id(&self) -> &Id {
        &self.id
    }

    /// Waits until its response is to be closed, which is how 2026-07-28 cancels. In earlier
    /// revisions the server is told instead, and may answer all the same.
    pub(super) async fn closed(&self) {
        let mut cancelled = self.cancelled.clone();
        if !self.modern || cancelled.wait_for(|is| *is).await.is_err() {
            pending::<()>().await;
        }
    }

    /// A look at whether the client still wants the answer.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted(Some(self.cancelled.clone()))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut held = self.flights.held();
        if let Some(entry) = held.entries.remove(&self.id) {
            held.bytes -= entry.bytes;
        }
    }
}

/// Whether somebody still wants an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Option<watch::Receiver<bool>>);

impl Wanted {
    pub(super) fn is_so(&self) -> bool {
        self.0.as_ref().is_none_or(|cancelled| !*cancelled.borrow())
    }
}

#[cfg(test)]
mod tests;
