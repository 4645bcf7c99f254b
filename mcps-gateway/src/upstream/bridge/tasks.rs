//! Exchanges under way: each outlives whoever waits for it by as long as the server is told of that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;

/// All of one server's.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    fn all(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one beside everything else.
    pub(super) fn begin(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.all();
        while all.try_join_next().is_some() {}
        all.spawn(task);
    }

    /// Ends all of them.
    pub(super) async fn end(&self) {
        let mut all = std::mem::take(&mut *self.all());
        all.shutdown().await;
    }
}
