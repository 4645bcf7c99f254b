//! The tasks of a connection over HTTP: one for each exchange, and what makes all of them end.

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client does not read any more.
    ClientGone,
    /// The server does not know the session any more.
    SessionEnded,
}

/// Tasks that end with it.
pub(super) struct Crew {
    exchanges: Mutex<JoinSet<()>>,
    /// Streams that the server ends, if anybody does: nobody waits for them.
    streams: Mutex<JoinSet<()>>,
    end: watch::Sender<Option<End>>,
}

impl Crew {
    pub(super) fn new() -> Self {
        Self {
            exchanges: Mutex::default(),
            streams: Mutex::default(),
            end: watch::Sender::new(None),
        }
    }

    /// Runs one exchange beside the others.
    pub(super) fn exchange(&self, task: impl Future<Output = Result<(), End>> + Send + 'static) {
        self.run(&self.exchanges, task);
    }

    /// Follows one stream of the server's own.
    pub(super) fn stream(&self, task: impl Future<Output = Result<(), End>> + Send + 'static) {
        self.run(&self.streams, task);
    }

    fn run(
        &self,
        tasks: &Mutex<JoinSet<()>>,
        task: impl Future<Output = Result<(), End>> + Send + 'static,
    ) {
        let end = self.end.clone();
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            if let Err(why) = task.await {
                end.send_replace(Some(why));
            }
        });
    }

    /// Waits until one of them says that nothing can go on.
    pub(super) async fn ended(&self) -> End {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await.map(|end| *end) {
            Ok(Some(end)) => end,
            // The sender is ours.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Waits until no exchange is under way.
    pub(super) async fn idle(&self) {
        let mut next = poll_fn(|cx| {
            let exchanges = self.exchanges.lock();
            let mut exchanges = exchanges.unwrap_or_else(PoisonError::into_inner);
            exchanges.poll_join_next(cx)
        });
        while (&mut next).await.is_some() {}
    }

    /// Ends all of them where they are.
    pub(super) fn stop(&self) {
        for tasks in [&self.exchanges, &self.streams] {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.abort_all();
        }
    }
}
