//! Requests that wait at the same time are done together: what would be a round trip to the database
//! for each is one for all of them. Whoever comes alone is done at once and waits for nobody.

mod jobs;

pub use jobs::Gathered;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::Error;

/// Most that are done together: beyond that a round trip costs next to nothing each.
const MOST: usize = 16;
/// How many lots are at work at once: while the database is at one, the next is being made.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many wait at most: who comes then would not have its turn in time.
const MOST_WAITING: usize = 4096;

/// What became of one of several.
#[derive(Debug)]
pub enum Done<A, R> {
    /// It is answered.
    Answered(A),
    /// Nothing was done for it, and it has to be done by itself, which says what stands against it.
    Alone(R),
}

/// What is asked often enough to be done for several at once.
pub trait Job: Clone + Debug + Send + Sync + 'static {
    /// What is asked.
    type Request: Debug + Send + 'static;
    /// What comes of it.
    type Answer: Debug + Send + 'static;

    /// Whether the two would get into each other's way and are not to be done together.
    fn meet(_: &Self::Request, _: &Self::Request) -> bool {
        false
    }

    /// All of them, in their order.
    fn together(
        &self,
        requests: Vec<Self::Request>,
    ) -> impl Future<Output = Vec<Done<Self::Answer, Self::Request>>> + Send;

    /// One of them.
    fn alone(&self, request: Self::Request) -> impl Future<Output = Self::Answer> + Send;
}

#[derive(Debug)]
struct Waiting<J: Job> {
    number: u64,
    request: J::Request,
    tell: oneshot::Sender<J::Answer>,
}

#[derive(Debug)]
struct Queue<J: Job> {
    waiting: VecDeque<Waiting<J>>,
    entered: u64,
    at_work: usize,
    tasks: JoinSet<()>,
}

impl<J: Job> Queue<J> {
    /// Its number and where its answer will be; `None` where too many wait already.
    fn enter(&mut self, request: J::Request) -> Option<(u64, oneshot::Receiver<J::Answer>)> {
        if self.waiting.len() >= MOST_WAITING {
            return None;
        }
        self.entered += 1;
        let (tell, answer) = oneshot::channel();
        self.waiting.push_back(Waiting {
            number: self.entered,
            request,
            tell,
        });
        Some((self.entered, answer))
    }

    /// Whether it was still waiting, so that nothing was begun for it and nothing will be.
    fn leave(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|one| one.number == number);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

/// Gathers the requests of one kind. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Gather<J: Job> {
    job: J,
    queue: Arc<Mutex<Queue<J>>>,
}

impl<J: Job> Gather<J> {
    /// For that job.
    pub fn new(job: J) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            entered: 0,
            at_work: 0,
            tasks: JoinSet::new(),
        };
        Self {
            job,
            queue: Arc::new(Mutex::new(queue)),
        }
    }

    /// What comes of the request. What is read for it is read after it was asked for.
    ///
    /// # Errors
    /// [`Error::Busy`] when its turn has not come within five seconds or thousands wait already; then
    /// nothing was done.
    pub async fn ask(&self, request: J::Request) -> Result<J::Answer, Error> {
        let (number, mut answer) = self.queue().enter(request).ok_or(Error::Busy)?;
        if let Some(shift) = Shift::begin(self) {
            // A task of its own: whoever asked first may hang up, and the others are in it too.
            self.spawn(shift.work());
        }
        if let Ok(answer) = timeout(PATIENCE, &mut answer).await {
            return answer.map_err(|_| Error::Busy);
        }
        // By its own clock: those at work may be waiting for a database that says nothing at all.
        if self.queue().leave(number) {
            return Err(Error::Busy);
        }
        answer.await.map_err(|_| Error::Busy)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut queue = self.queue();
        while queue.tasks.try_join_next().is_some() {}
        queue.tasks.spawn(task);
    }

    fn queue(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who works until nobody waits.
struct Shift<J: Job> {
    gather: Gather<J>,
    over: bool,
}

impl<J: Job> Shift<J> {
    fn begin(gather: &Gather<J>) -> Option<Self> {
        let mut queue = gather.queue();
        let free = queue.at_work < AT_ONCE && !queue.waiting.is_empty();
        if free {
            queue.at_work += 1;
        }
        free.then(|| Self {
            gather: gather.clone(),
            over: false,
        })
    }

    async fn work(mut self) {
        while let Some(lot) = self.next() {
            self.answer(lot).await;
        }
    }

    /// The next that do not get into each other's way; `None` ends the shift.
    fn next(&mut self) -> Option<Vec<Waiting<J>>> {
        let mut queue = self.gather.queue();
        queue.waiting.retain(|one| !one.tell.is_closed());
        let mut lot: Vec<Waiting<J>> = Vec::new();
        while let Some(next) = queue.waiting.front()
            && lot.len() < MOST
            && !lot.iter().any(|one| J::meet(&one.request, &next.request))
        {
            lot.extend(queue.waiting.pop_front());
        }
        if lot.is_empty() {
            // In the same breath, or whoever comes now would rely on this one.
            queue.at_work = queue.at_work.saturating_sub(1);
            self.over = true;
            return None;
        }
        Some(lot)
    }

    async fn answer(&self, mut lot: Vec<Waiting<J>>) {
        let job = &self.gather.job;
        if lot.len() == 1 {
            // Who comes meanwhile waits, and is more than one.
            for one in lot.drain(..) {
                let _ = one.tell.send(job.alone(one.request).await);
            }
            return;
        }
        let (requests, tells): (Vec<_>, Vec<_>) =
            lot.into_iter().map(|one| (one.request, one.tell)).unzip();
        for (answer, tell) in job.together(requests).await.into_iter().zip(tells) {
            match answer {
                Done::Answered(answer) => drop(tell.send(answer)),
                Done::Alone(request) => {
                    let job = job.clone();
                    let alone = async move { drop(tell.send(job.alone(request).await)) };
                    self.gather.spawn(alone);
                }
            }
        }
    }
}

impl<J: Job> Drop for Shift<J> {
    fn drop(&mut self) {
        if !self.over {
            let mut queue = self.gather.queue();
            queue.at_work = queue.at_work.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
