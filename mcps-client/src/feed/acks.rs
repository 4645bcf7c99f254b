//! Tells the authority how far its feed is enforced here, so that an operator sees who lags.
//!
//! Nothing waits for it: what is pushed is in force before anybody is told so, and an authority that
//! does not want to know is left alone.

use std::convert::Infallible;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Ack, Cursor};
use mcps_core::random::{Random, hex16};
use tokio::time::{Instant, sleep, timeout};

use super::pauses::spread;
use super::{Feed, Trouble};
use crate::follower::State;
use crate::identity::Identity;

/// No more often than that, however many events there are.
const LEAST: Duration = Duration::from_millis(250);
/// How often even when there was none. The authority takes whoever says nothing for a minute for gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How often to look whether there is anything to say yet.
const LOOK: Duration = Duration::from_millis(250);
/// After a failure: doubled with each in a row, up to [`KEEP_ALIVE`].
const AGAIN: Duration = Duration::from_secs(1);
/// When an authority that takes no acknowledgements is asked again.
const ABSENT: Duration = Duration::from_secs(600);

/// Where acknowledgements go.
#[expect(async_fn_in_trait, reason = "told on one task")]
pub trait Desk {
    /// Hands one in; within a time limit of its own.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn acknowledge(&self, ack: String) -> Result<(), Trouble>;
}

/// What one process says of itself.
struct Teller<'a, D> {
    feed: &'a Feed,
    desk: &'a D,
    identity: &'a Identity,
    clock: &'a dyn Clock,
    instance: String,
    /// When something was said last, by the clock that may be set back.
    said: Option<Timestamp>,
    /// What is enforced, and since when.
    reached: Option<(Cursor, Timestamp)>,
}

/// Tells `desk` for ever how far `feed` is enforced: at once when it has come further, and now and
/// then when not. Says nothing while what is known has lapsed.
pub async fn acknowledge(
    feed: &Feed,
    desk: &impl Desk,
    identity: &Identity,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Infallible {
    let Ok(instance) = hex16(random) else {
        tracing::debug!("no randomness; how far the feed is enforced is not told");
        return std::future::pending().await;
    };
    let mut changes = feed.changes();
    let mut teller = Teller {
        feed,
        desk,
        identity,
        clock,
        instance,
        said: None,
        reached: None,
    };
    let mut failures = 0_u32;
    loop {
        changes.mark_unchanged();
        let Some((position, since)) = teller.enforced() else {
            let _ = timeout(LOOK, changes.changed()).await;
            continue;
        };
        let began = Instant::now();
        let pause = match teller.tell(position, since).await {
            Ok(()) => {
                failures = 0;
                // Not all at the same moment, but twice in the time after which one is missed.
                spread(KEEP_ALIVE, random)
            }
            Err(trouble) => {
                tracing::debug!(error = %trouble, "how far the feed is enforced was not told: {trouble}");
                failures = failures.saturating_add(1);
                let pause = AGAIN.saturating_mul(1 << failures.min(5)).min(KEEP_ALIVE);
                let pause = match trouble {
                    Trouble::Absent => ABSENT,
                    Trouble::Busy(Some(asked)) => pause.max(asked.min(ABSENT)),
                    _ => pause,
                };
                sleep(spread(pause, random)).await;
                continue;
            }
        };
        sleep(LEAST.saturating_sub(began.elapsed())).await;
        let _ = timeout(pause, teller.further(&mut changes, position)).await;
    }
}

impl<D: Desk> Teller<'_, D> {
    /// Up to where everything is enforced, and since when.
    fn enforced(&mut self) -> Option<(Cursor, Timestamp)> {
        let now = self.clock.now();
        let position = self.feed.read(|follower| {
            let knows = matches!(follower.state(now), State::Live | State::Lagging);
            let sound = follower.wants().is_none();
            follower.position().filter(|_| knows && sound)
        })?;
        let position = position.cursor();
        match self.reached {
            Some((reached, since)) if reached == position => Some((position, since)),
            _ => {
                self.reached = Some((position, now));
                self.reached
            }
        }
    }

    async fn tell(&mut self, position: Cursor, since: Timestamp) -> Result<(), Trouble> {
        let unable = |error: &dyn std::fmt::Display| Trouble::Answer(error.to_string());
        let now = self.clock.now();
        // Each later than the one before, or it would count as a repetition.
        let at = self
            .said
            .map_or(now, |said| now.max(said.plus(Duration::from_millis(1))));
        let ack = Ack {
            authority: self.feed.read(|follower| follower.authority().to_owned()),
            passport_id: self.identity.id().map_err(|error| unable(&error))?,
            instance: self.instance.clone(),
            position,
            enforced_at: since.min(at),
            at,
        };
        let text = ack.sign(self.identity.signer());
        let text = text.map_err(|error| unable(&error))?;
        self.said = Some(at);
        self.desk.acknowledge(text).await
    }

    /// Until more is enforced than that.
    async fn further(&mut self, changes: &mut tokio::sync::watch::Receiver<u64>, position: Cursor) {
        loop {
            match self.enforced() {
                // A frame may come that brings no news and makes it live again.
                None => drop(timeout(LOOK, changes.changed()).await),
                Some((now, _)) if now != position => return,
                // The sender is the feed's, which lives as long.
                Some(_) => drop(changes.changed().await),
            }
        }
    }
}

#[cfg(test)]
mod tests;
