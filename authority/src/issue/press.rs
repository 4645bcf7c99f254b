//! Who prepares passports: those that wait at the same time go into one transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::levels::Policy;
use crate::store::{Db, Request, Told};

/// Most that are prepared together: beyond that a commit costs next to nothing each.
const MOST: usize = 8;
/// How many transactions of several run at once: while the database is at one, the next is being made.
const AT_ONCE: usize = 2;

/// What became of a request; the request comes back.
type Outcome = Result<(Request, Told), Error>;

#[derive(Debug)]
struct Waiting {
    request: Request,
    tell: oneshot::Sender<Outcome>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    at_work: usize,
    tasks: JoinSet<()>,
}

/// Prepares passports. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Press {
    db: Db,
    policy: Policy,
    queue: Arc<Mutex<Queue>>,
}

impl Press {
    /// For that database.
    #[must_use]
    pub fn new(db: Db, policy: Policy) -> Self {
        Self {
            db,
            policy,
            queue: Arc::default(),
        }
    }

    /// Takes the challenge and stores the bytes to be signed, alone or with others that come at the
    /// same time: what is refused is refused alone.
    ///
    /// # Errors
    /// As [`Db::prepare`].
    pub async fn prepare(&self, request: Request) -> Outcome {
        if !request.is_usual() {
            return self.alone(request).await;
        }
        let (tell, outcome) = oneshot::channel();
        self.queue().waiting.push_back(Waiting { request, tell });
        if let Some(shift) = Shift::begin(self) {
            // A task of its own: whoever asked first may hang up, and the others are in it too.
            self.spawn(shift.work());
        }
        outcome.await.map_err(|_| Error::Busy)?
    }

    async fn alone(&self, request: Request) -> Outcome {
        let Request {
            new,
            challenge,
            binding,
        } = &request;
        let told = self.db.prepare(new, challenge, binding, &self.policy);
        told.await.map(|told| (request, told))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut queue = self.queue();
        while queue.tasks.try_join_next().is_some() {}
        queue.tasks.spawn(task);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who works until nobody waits.
struct Shift {
    press: Press,
    over: bool,
}

impl Shift {
    fn begin(press: &Press) -> Option<Self> {
        let mut queue = press.queue();
        let free = queue.at_work < AT_ONCE && !queue.waiting.is_empty();
        if free {
            queue.at_work += 1;
        }
        free.then(|| Self {
            press: press.clone(),
            over: false,
        })
    }

    async fn work(mut self) {
        while let Some(batch) = self.next() {
            self.prepare(batch).await;
        }
    }

    /// The next that do not get into each other's way; `None` ends the shift.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.press.queue();
        let mut batch: Vec<Waiting> = Vec::new();
        while let Some(next) = queue.waiting.front()
            && batch.len() < MOST
            && !batch.iter().any(|one| one.request.meets(&next.request))
        {
            batch.extend(queue.waiting.pop_front());
        }
        if batch.is_empty() {
            // In the same breath, or whoever comes now would rely on this one.
            queue.at_work = queue.at_work.saturating_sub(1);
            self.over = true;
            return None;
        }
        Some(batch)
    }

    async fn prepare(&self, batch: Vec<Waiting>) {
        let (requests, tells): (Vec<Request>, Vec<_>) =
            batch.into_iter().map(|one| (one.request, one.tell)).unzip();
        let several = requests.len() > 1;
        let together = several && matches!(self.press.db.prepare_all(&requests).await, Ok(true));
        for (request, tell) in requests.into_iter().zip(tells) {
            if together {
                let _ = tell.send(Ok((request, Told::default())));
                continue;
            }
            let press = self.press.clone();
            let alone = async move {
                let _ = tell.send(press.alone(request).await);
            };
            if several {
                self.press.spawn(alone);
            } else {
                // Who comes meanwhile waits, and is more than one.
                alone.await;
            }
        }
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        if !self.over {
            let mut queue = self.press.queue();
            queue.at_work = queue.at_work.saturating_sub(1);
        }
    }
}
