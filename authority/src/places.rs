//! How many may be at it at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// How long is waited for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many places. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    /// So many.
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Waits for one, which is held until the permit is dropped.
    ///
    /// # Errors
    /// [`Error::Busy`] after five seconds.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.0).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place).await;
        place.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)
    }
}
