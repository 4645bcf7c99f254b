//! Follows the feed for ever: what is fetched next, and what becomes of what came.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use mcps_core::feed::{Action, Cursor, Event, FeedError, Snapshot, Unverified};
use mcps_core::random::Random;
use mcps_core::trust::TrustBundle;
use tokio::time::{Instant, sleep, timeout};

use super::pauses::{Pauses, spread};
use super::{Feed, Frames, Trouble, Wire};
use crate::follower::{Alert, Progress, Resync, State, Turn};

/// A stream that brings no frame for so long has been cut, whatever its connection says.
const SILENCE: Duration = Duration::from_secs(12);
/// How long a stream may take to bring its first frame.
const FIRST: Duration = Duration::from_secs(10);
/// After so many streams in a row that brought nothing, something on the way swallows them.
const SWALLOWED: u32 = 2;
/// How long not to try them again then.
const STREAM_AGAIN: Duration = Duration::from_secs(180);
/// How often the key set is fetched for the sake of a frame.
const KEYS: Duration = Duration::from_secs(10);
/// When an authority without a feed is asked again.
const ABSENT: Duration = Duration::from_secs(300);
/// Between two answers that bring nothing, however soon they come.
const IDLE: Duration = Duration::from_secs(1);

/// Whose frames are believed.
#[expect(async_fn_in_trait, reason = "followed on one task")]
pub trait Keys {
    /// The authority's key set, verified by the pinned root.
    fn bundle(&self) -> Option<Arc<TrustBundle>>;

    /// Fetches it anew.
    async fn refresh(&self);
}

/// Is told what happens.
pub trait Watcher {
    /// A frame, or the root's statement on an epoch, was followed; `news` are its events.
    fn followed(&mut self, text: &[u8], news: &[Event], feed: &Feed);

    /// What came was not followed.
    fn refused(&mut self, alert: Alert, feed: &Feed);

    /// Nothing came.
    fn failed(&mut self, trouble: &Trouble, feed: &Feed);

    /// The state may have changed.
    fn stands(&mut self, state: State, feed: &Feed);
}

/// Follows `feed` by `wire`, for ever.
pub async fn pursue(
    feed: &Feed,
    wire: &impl Wire,
    keys: &impl Keys,
    clock: &dyn Clock,
    random: &dyn Random,
    watcher: &mut impl Watcher,
) -> Infallible {
    let mut pursuit = Pursuit {
        feed,
        wire,
        keys,
        clock,
        random,
        watcher,
        pauses: Pauses::default(),
        detour: None,
        swallowed: 0,
        stream_at: Instant::now(),
        keys_at: None,
    };
    loop {
        let step = pursuit.next();
        let outcome = pursuit.take(step).await;
        let pause = pursuit.conclude(outcome).await;
        let state = feed.state(clock.now());
        pursuit.watcher.stands(state, feed);
        sleep(pause).await;
    }
}

/// What is fetched next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Snapshot,
    Epoch(u64),
    Stream(Option<Cursor>),
    Poll(Cursor),
}

/// What came of it.
#[derive(Debug)]
enum Outcome {
    /// What was wanted; go on at once.
    Done,
    /// What was asked for brought nothing new, and can be asked for again soon.
    Idle,
    /// A stream that brought frames is over.
    Ended,
    /// A stream that brought none.
    Swallowed(Trouble),
    Refused(Alert),
    Failed(Trouble),
}

struct Pursuit<'a, W, K, O> {
    feed: &'a Feed,
    wire: &'a W,
    keys: &'a K,
    clock: &'a dyn Clock,
    random: &'a dyn Random,
    watcher: &'a mut O,
    pauses: Pauses,
    /// What the authority says is needed before the feed goes on.
    detour: Option<Step>,
    /// Streams in a row that brought nothing.
    swallowed: u32,
    /// When a stream may be tried again, after that many.
    stream_at: Instant,
    keys_at: Option<Instant>,
}

impl<W: Wire, K: Keys, O: Watcher> Pursuit<'_, W, K, O> {
    fn next(&mut self) -> Step {
        if let Some(step) = self.detour.take() {
            return step;
        }
        let streams = self.swallowed < SWALLOWED || Instant::now() >= self.stream_at;
        self.feed.change(|follower| {
            let next_epoch = follower.position().map_or(1, |at| at.epoch + 1);
            match follower.wants() {
                Some(Resync::Snapshot) => Step::Snapshot,
                Some(Resync::Epoch) => Step::Epoch(next_epoch),
                None | Some(Resync::Resume) => {
                    // Polling goes on as one connection, as long as nothing is amiss.
                    let at = match follower.wants() {
                        None if !streams => follower.position(),
                        _ => follower.resume(),
                    };
                    match at.map(|at| at.cursor()) {
                        Some(at) if !streams => Step::Poll(at),
                        at => Step::Stream(at),
                    }
                }
            }
        })
    }

    async fn take(&mut self, step: Step) -> Outcome {
        match step {
            Step::Snapshot => self.snapshot().await,
            Step::Epoch(number) => self.epoch(number).await,
            Step::Stream(after) => self.stream(after).await,
            Step::Poll(after) => self.poll(after).await,
        }
    }

    /// Draws the conclusions, and says how long to wait.
    async fn conclude(&mut self, outcome: Outcome) -> Duration {
        match outcome {
            Outcome::Done => Duration::ZERO,
            Outcome::Idle => IDLE,
            Outcome::Ended => self.pauses.next(self.random),
            Outcome::Swallowed(trouble) => {
                self.swallowed = self.swallowed.saturating_add(1);
                if self.swallowed >= SWALLOWED {
                    self.stream_at = Instant::now() + STREAM_AGAIN;
                }
                self.watcher.failed(&trouble, self.feed);
                self.pauses.next(self.random)
            }
            Outcome::Refused(alert) => {
                self.watcher.refused(alert, self.feed);
                // What it revokes counts even so.
                self.feed.tell();
                if let Alert::UnannouncedEpoch { found, .. } = alert {
                    self.detour = Some(Step::Epoch(found));
                }
                if matches!(alert, Alert::Refused(FeedError::ForeignKey)) {
                    self.refresh_keys().await;
                }
                self.pauses.next(self.random)
            }
            Outcome::Failed(trouble) => {
                self.watcher.failed(&trouble, self.feed);
                match trouble {
                    Trouble::Absent => spread(ABSENT, self.random),
                    Trouble::Busy(Some(asked)) => self.pauses.asked(asked, self.random),
                    Trouble::Pruned => {
                        self.detour = Some(Step::Snapshot);
                        self.pauses.next(self.random)
                    }
                    Trouble::EpochEnded(number) => {
                        let at = self.feed.position().map_or(0, |at| at.epoch);
                        self.detour = Some(Step::Epoch(number.unwrap_or(at + 1)));
                        self.pauses.next(self.random)
                    }
                    Trouble::Busy(None) | Trouble::Answer(_) | Trouble::Unreachable(_) => {
                        self.pauses.next(self.random)
                    }
                }
            }
        }
    }

    async fn stream(&mut self, after: Option<Cursor>) -> Outcome {
        let nothing =
            || Trouble::Answer("a stream of the feed brought nothing for 10 s".to_owned());
        let mut frames = match timeout(FIRST, self.wire.stream(after)).await {
            Ok(Ok(frames)) => frames,
            Ok(Err(trouble @ Trouble::Answer(_))) => return Outcome::Swallowed(trouble),
            Ok(Err(trouble)) => return Outcome::Failed(trouble),
            Err(_) => return Outcome::Swallowed(nothing()),
        };
        let mut first = true;
        loop {
            let limit = if first { FIRST } else { SILENCE };
            let text = match timeout(limit, frames.next()).await {
                Ok(Ok(Some(text))) => text,
                Ok(Ok(None)) | Err(_) if first => return Outcome::Swallowed(nothing()),
                Ok(Err(trouble)) if first => return Outcome::Swallowed(trouble),
                Ok(Ok(None)) | Err(_) => return Outcome::Ended,
                Ok(Err(trouble)) => return Outcome::Failed(trouble),
            };
            if self.feed.read(|follower| follower.wants().is_some()) {
                // Another process of this home has come further.
                return Outcome::Done;
            }
            if let Err(alert) = self.receive(text).await {
                return Outcome::Refused(alert);
            }
            (first, self.swallowed) = (false, 0);
        }
    }

    async fn poll(&mut self, after: Cursor) -> Outcome {
        let asked_at = Instant::now();
        let frames = match self.wire.frames(after).await {
            Ok(frames) => frames,
            Err(trouble) => return Outcome::Failed(trouble),
        };
        let mut news = false;
        for text in frames {
            match self.receive(text.into_bytes()).await {
                Ok(moved) => news |= moved,
                Err(alert) => return Outcome::Refused(alert),
            }
        }
        let waited = asked_at.elapsed() >= IDLE;
        if news || waited {
            Outcome::Done
        } else {
            Outcome::Idle
        }
    }

    /// Whether the frame brought anything new.
    async fn receive(&mut self, text: Vec<u8>) -> Result<bool, Alert> {
        let Some(bundle) = self.keys.bundle() else {
            return Err(Alert::Refused(FeedError::ForeignKey));
        };
        let now = self.clock.now();
        // Nobody who asks waits for a signature to be verified.
        let frame = Unverified::read(text.as_slice()).and_then(|frame| frame.verify(&bundle));
        let received = self
            .feed
            .change(|follower| follower.hear(frame.as_ref().map_err(|error| *error), now));
        let news = match received? {
            Progress::Moved(events) => events,
            Progress::Heartbeat | Progress::Known | Progress::Waiting => Vec::new(),
        };
        if !news.is_empty() {
            self.feed.tell();
        }
        self.pauses.reset();
        self.watcher.followed(&text, &news, self.feed);
        self.watcher.stands(self.feed.state(now), self.feed);
        let keys_changed =
            |event: &Event| matches!(event.action(), Some(Action::AuthorityKey { .. }));
        if news.iter().any(keys_changed) {
            self.refresh_keys().await;
        }
        Ok(!news.is_empty())
    }

    async fn snapshot(&mut self) -> Outcome {
        let text = match self.wire.snapshot().await {
            Ok(text) => text,
            Err(trouble) => return Outcome::Failed(trouble),
        };
        let Some(bundle) = self.keys.bundle() else {
            return Outcome::Refused(Alert::Refused(FeedError::ForeignKey));
        };
        // Tens of megabytes take a moment, in which others go on.
        let verifying = tokio::task::spawn_blocking(move || Snapshot::verify(text, &bundle));
        let snapshot = match verifying.await {
            Ok(Ok(snapshot)) => snapshot,
            Ok(Err(error)) => return Outcome::Refused(Alert::Refused(error)),
            Err(_) => return Outcome::Idle,
        };
        let now = self.clock.now();
        match self.feed.change(|follower| follower.adopt(&snapshot, now)) {
            Ok(()) => {
                self.feed.tell();
                Outcome::Done
            }
            Err(alert) => Outcome::Refused(alert),
        }
    }

    async fn epoch(&mut self, number: u64) -> Outcome {
        let text = match self.wire.epoch(number).await {
            Ok(text) => text,
            // The feed is there, or nobody would have sent us here.
            Err(Trouble::Absent) => {
                let why = format!("the statement on epoch {number} is not there");
                return Outcome::Failed(Trouble::Answer(why));
            }
            Err(trouble) => return Outcome::Failed(trouble),
        };
        let Some(bundle) = self.keys.bundle() else {
            return Outcome::Refused(Alert::Refused(FeedError::ForeignKey));
        };
        match self.feed.change(|follower| follower.turn(&text, &bundle)) {
            // Nothing came of it; it must not be asked for again at once.
            Ok(Turn::Known) => Outcome::Idle,
            Ok(Turn::Followed | Turn::Wanted { .. }) => {
                self.watcher.followed(text.as_bytes(), &[], self.feed);
                Outcome::Done
            }
            Err(alert) => Outcome::Refused(alert),
        }
    }

    async fn refresh_keys(&mut self) {
        let now = Instant::now();
        if self.keys_at.is_some_and(|at| now < at + KEYS) {
            return;
        }
        self.keys_at = Some(now);
        self.keys.refresh().await;
    }
}

#[cfg(test)]
mod tests;
