//! Exchanges under way: each outlives whoever waits for it by as long as the server is told of that, so that
//! there are only so many of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

use super::places::Places;

/// All of one server's: twice as many as there are connections.
const MOST: usize = 2048;
/// Those of one caller. Callers that nobody knows are one.
const MOST_EACH: usize = 512;

/// All of one server's.
#[derive(Debug)]
pub(super) struct Tasks {
    places: Places,
    running: Mutex<JoinSet<()>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            places: Places::new(MOST, MOST_EACH),
            running: Mutex::default(),
        }
    }
}

impl Tasks {
    fn running(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one beside everything else; `false` where there are too many.
    #[must_use]
    pub(super) fn begin(
        &self,
        caller: Option<&str>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let Some(place) = self.places.take(caller) else {
            return false;
        };
        let mut running = self.running();
        while running.try_join_next().is_some() {}
        running.spawn(async move {
            task.await;
            drop(place);
        });
        true
    }

    /// Ends all of them.
    pub(super) async fn end(&self) {
        let mut running = std::mem::take(&mut *self.running());
        running.shutdown().await;
    }
}

#[cfg(test)]
mod tests;
