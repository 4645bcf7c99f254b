//! Threads with a runtime of their own each: what is begun on one stays on it, so that no call is handed
//! from one core to another on its way.
//!
//! A runtime with several workers moves whatever wakes to a worker that is idle. For calls of tens of
//! microseconds waking that worker costs more than the work that it takes over.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::TransportError;

thread_local! {
    /// Which lane a thread is, if it is one.
    static HERE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The lanes of a process. Once they are dropped, so is everything that runs on them.
#[derive(Debug)]
pub struct Lanes(Box<[Lane]>);

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// How many have a place on it.
    taken: Arc<AtomicUsize>,
    /// Ends it when it is dropped.
    _end: oneshot::Sender<()>,
}

/// A place on a lane, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lanes {
    /// Begins one for each core that this process may use.
    ///
    /// # Errors
    /// [`TransportError::Lanes`] when the system has no thread or no descriptor for one.
    pub fn start() -> Result<Self, TransportError> {
        let lane = |at| Lane::start(at).map_err(|source| TransportError::Lanes(Arc::new(source)));
        (0..cores()).map(lane).collect::<Result<_, _>>().map(Self)
    }

    /// A place on the lane on which the fewest are, and where to begin what has it.
    pub(crate) fn place(&self) -> Option<(Place, &Handle)> {
        let fewest = |lane: &&Lane| lane.taken.load(Ordering::Relaxed);
        let lane = self.0.iter().min_by_key(fewest)?;
        lane.taken.fetch_add(1, Ordering::Relaxed);
        let taken = Arc::clone(&lane.taken);
        Some((Place { taken }, &lane.runtime))
    }
}

impl Lane {
    fn start(at: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name(format!("lane-{at}"))
            .spawn(move || {
                HERE.set(Some(at));
                // Told by being dropped.
                let _ = runtime.block_on(ended);
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            taken: Arc::default(),
            _end: end,
        })
    }
}

/// What there is one of for each lane, and one for all other threads. Each is made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Each<T> {
    lanes: Box<[OnceLock<T>]>,
    elsewhere: OnceLock<T>,
}

impl<T> Each<T> {
    pub(crate) fn new() -> Self {
        Self {
            lanes: (0..cores()).map(|_| OnceLock::new()).collect(),
            elsewhere: OnceLock::new(),
        }
    }

    /// The one of the thread that asks.
    pub(crate) fn here(&self, make: impl FnOnce() -> T) -> &T {
        let lane = HERE.get().and_then(|at| self.lanes.get(at));
        lane.unwrap_or(&self.elsewhere).get_or_init(make)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests;
