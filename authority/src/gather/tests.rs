use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;

/// Doubles numbers, of which odd ones have to be done alone and equal ones not together.
#[derive(Clone, Debug)]
struct Doubling {
    go: Arc<Semaphore>,
    lots: Arc<Mutex<Vec<Vec<usize>>>>,
    alone: Arc<AtomicUsize>,
}

impl Doubling {
    fn new(places: usize) -> Self {
        Self {
            go: Arc::new(Semaphore::new(places)),
            lots: Arc::default(),
            alone: Arc::default(),
        }
    }
}

impl Job for Doubling {
    type Request = usize;
    type Answer = usize;

    fn meet(one: &usize, other: &usize) -> bool {
        one == other
    }

    async fn together(&self, requests: Vec<usize>) -> Vec<Done<usize, usize>> {
        let _place = self.go.acquire().await.unwrap();
        self.lots.lock().unwrap().push(requests.clone());
        let answer = |n: usize| match n % 2 {
            0 => Done::Answered(2 * n),
            _ => Done::Alone(n),
        };
        requests.into_iter().map(answer).collect()
    }

    async fn alone(&self, n: usize) -> usize {
        let _place = self.go.acquire().await.unwrap();
        self.alone.fetch_add(1, Ordering::Relaxed);
        2 * n
    }
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "each of them is awaited or hung up on"
)]
fn ask(gather: &Gather<Doubling>, n: usize) -> tokio::task::JoinHandle<Result<usize, Error>> {
    let gather = gather.clone();
    tokio::spawn(async move { gather.ask(n).await })
}

/// Has both shifts at work on somebody who came alone, so that all others wait.
async fn busy(gather: &Gather<Doubling>) -> Vec<tokio::task::JoinHandle<Result<usize, Error>>> {
    let mut asked = Vec::new();
    for _ in 0..AT_ONCE {
        asked.push(ask(gather, 0));
        settle().await;
    }
    asked
}

#[tokio::test]
async fn everybody_gets_the_answer_to_the_own_request() {
    let job = Doubling::new(0);
    let gather = Gather::new(job.clone());
    let _busy = busy(&gather).await;
    let asked: Vec<_> = (0..100).map(|n| ask(&gather, n)).collect();
    settle().await;
    job.go.add_permits(1);
    for (n, answer) in asked.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().unwrap(), 2 * n);
    }
    let lots = job.lots.lock().unwrap();
    assert!(lots.iter().all(|lot| lot.len() <= MOST), "{lots:?}");
    assert_eq!(lots.concat(), (0..100).collect::<Vec<_>>());
    assert_eq!(job.alone.load(Ordering::Relaxed), AT_ONCE + 50);
}

#[tokio::test]
async fn what_meets_does_not_go_together() {
    let job = Doubling::new(0);
    let gather = Gather::new(job.clone());
    let _busy = busy(&gather).await;
    let asked: Vec<_> = [2, 4, 2, 6].map(|n| ask(&gather, n)).into();
    settle().await;
    job.go.add_permits(1);
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(*job.lots.lock().unwrap(), [[2, 4], [2, 6]]);
}

#[tokio::test(start_paused = true)]
async fn who_waited_too_long_is_told_and_nothing_was_done() {
    let job = Doubling::new(0);
    let gather = Gather::new(job.clone());
    let busy = busy(&gather).await;
    let late = ask(&gather, 4);
    settle().await;
    tokio::time::advance(PATIENCE + Duration::from_millis(1)).await;
    // Told while those at work have not come to an end yet.
    assert!(matches!(late.await.unwrap(), Err(Error::Busy)));
    job.go.add_permits(1);
    for answer in busy {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(job.alone.load(Ordering::Relaxed), AT_ONCE);
    assert!(job.lots.lock().unwrap().is_empty());
    assert_eq!(gather.ask(6).await.unwrap(), 12);
}

#[tokio::test(start_paused = true)]
async fn who_is_at_work_is_waited_for_however_long() {
    let job = Doubling::new(0);
    let gather = Gather::new(job.clone());
    let busy = busy(&gather).await;
    tokio::time::advance(2 * PATIENCE).await;
    settle().await;
    job.go.add_permits(1);
    for answer in busy {
        assert_eq!(answer.await.unwrap().unwrap(), 0);
    }
}

#[tokio::test]
async fn who_comes_when_thousands_wait_is_told_at_once() {
    let gather = Gather::new(Doubling::new(0));
    let _busy = busy(&gather).await;
    let _waiting: Vec<_> = (0..MOST_WAITING).map(|n| ask(&gather, n)).collect();
    settle().await;
    assert!(matches!(gather.ask(1).await, Err(Error::Busy)));
}

#[tokio::test]
async fn who_hangs_up_takes_nobody_along() {
    let job = Doubling::new(0);
    let gather = Gather::new(job.clone());
    let busy = busy(&gather).await;
    let asked: Vec<_> = [2, 4, 6].map(|n| ask(&gather, n)).into();
    settle().await;
    // One who is at work, and one who waits.
    busy[0].abort();
    asked[1].abort();
    settle().await;
    job.go.add_permits(1);
    for (at, answer) in asked.into_iter().enumerate() {
        assert_eq!(answer.await.is_ok(), at != 1);
    }
    assert_eq!(job.alone.load(Ordering::Relaxed), AT_ONCE);
    assert_eq!(*job.lots.lock().unwrap(), [[2, 6]]);
}
