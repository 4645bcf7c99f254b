//! One who follows the feed across every death of the authority, and what it must never see.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcps_client::follower::Follower;
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::feed::Position;
use tokio::task::JoinHandle;

use super::Ground;
use super::ledger::frames;

/// A follower by long poll.
pub(super) struct Watcher {
    task: JoinHandle<(Option<Position>, Vec<String>)>,
    stop: Arc<AtomicBool>,
    polls: Arc<Mutex<usize>>,
}

impl Watcher {
    /// Follows from the first event on, wherever the authority is.
    pub(super) fn start(ground: &Ground) -> Self {
        Self::at(ground, Arc::clone(&ground.url))
    }

    /// The same at another address.
    pub(super) fn at(ground: &Ground, url: Arc<Mutex<String>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let polls = Arc::new(Mutex::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&polls));
        let (bundle, http) = (ground.bundle.clone(), ground.http.clone());
        #[expect(clippy::disallowed_methods, reason = "the test awaits it in `end`")]
        let task = tokio::spawn(async move {
            let mut follower = Follower::new(bundle.authority());
            follower.start(1);
            let mut alerts = Vec::new();
            while !stopped.load(Ordering::SeqCst) {
                let Some(at) = follower.resume() else { break };
                let place = url.lock().unwrap().clone();
                let path = format!("/v1/feed/frames?after=1:{}&wait_s=1", at.seq);
                let text = match http.get(format!("{place}{path}")).send().await {
                    Ok(answer) => answer.text().await.unwrap_or_default(),
                    Err(_) => String::new(),
                };
                if text.is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                for frame in frames(&text) {
                    let followed = follower.receive(frame, &bundle, SystemClock.now());
                    if let Err(alert) = followed {
                        alerts.push(alert.to_string());
                    }
                }
                *counted.lock().unwrap() += 1;
            }
            (follower.position(), alerts)
        });
        Self { task, stop, polls }
    }

    /// Until it has come as far as `seq`, where it ends; it has seen nothing wrong.
    pub(super) async fn end_at(self, seq: u64) {
        // Two more answers: the first may have been under way.
        let before = *self.polls.lock().unwrap();
        crate::wire::eventually("two more polls", async || {
            (*self.polls.lock().unwrap() >= before + 2).then_some(())
        })
        .await;
        self.stop.store(true, Ordering::SeqCst);
        let (position, alerts) = self.task.await.unwrap();
        assert!(alerts.is_empty(), "{alerts:?}");
        assert_eq!(position.map(|at| at.seq), Some(seq));
    }
}
