//! One call of the endpoint.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::{runtime::Handle, task::JoinSet};

use super::{refusal::Refusal, reply::Reply};

pub(super) type Work = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A call of the endpoint. Where its client leaves, what is left of it becomes a task.
pub(super) struct Call<'a> {
    work: Option<Work>,
    calls: &'a Mutex<JoinSet<()>>,
}

impl<'a> Call<'a> {
    /// `calls` has those whose clients have left.
    pub(super) const fn new(work: Work, calls: &'a Mutex<JoinSet<()>>) -> Self {
        Self {
            work: Some(work),
            calls,
        }
    }
}

impl Future for Call<'_> {
    type Output = Result<Reply, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(Err(Refusal::BROKEN));
        };
        // Whatever it was about is not looked at again.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let reply = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(reply)) => Ok(reply),
            Err(_) => {
                tracing::error!("an endpoint failed to answer");
                Err(Refusal::BROKEN)
            }
        };
        self.work = None;
        Poll::Ready(reply)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Without a runtime the listener itself is gone.
        let Some((work, runtime)) = self.work.take().zip(Handle::try_current().ok()) else {
            return;
        };
        let mut calls = lock(self.calls);
        while calls.try_join_next().is_some() {}
        calls.spawn_on(async move { drop(work.await) }, &runtime);
    }
}

pub(super) fn lock(calls: &Mutex<JoinSet<()>>) -> MutexGuard<'_, JoinSet<()>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}
