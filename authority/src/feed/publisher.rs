//! Reads what was committed, signs it, and puts it where the streams find it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::{Action, Draft, Event, FeedError, MAX_EVENTS, Position, link};
use sqlx::postgres::PgListener;
use tokio::time::{Instant, sleep, timeout};

use super::{Feed, HEARTBEAT, POLL, Ring, Sealed, VOUCHED};
use crate::error::Error;
use crate::store::{CHANNEL, Pool, StoredEvent};

/// How much of the feed is read into memory at the start, in events.
const PRELOAD: u64 = 4 * MAX_EVENTS as u64;
/// How long the work of sending one frame to one follower is allowed for. Under a storm of events
/// frames get larger instead of more.
const PACE: Duration = Duration::from_micros(10);

/// How long the connection on which other replicas are heard may be silent before it is made anew.
const SILENCE: Duration = Duration::from_secs(60);

/// What one look at the database brought.
enum Look {
    /// Events; whether there are more already.
    Events { more: bool },
    /// None.
    Nothing,
}

impl Feed {
    /// Publishes until [`Feed::stop`]. An error is logged, and tried again within a second; those who
    /// follow are not told anything meanwhile, and after 30 s rely on nothing they were told.
    pub async fn run(self: Arc<Self>) {
        tokio::select! {
            () = self.publish_on() => {}
            never = self.listen() => match never {},
            never = self.wake_replicas() => match never {},
            never = self.follow_keys() => match never {},
        }
    }

    /// Publishes what there is, before anybody is served. What is wrong is left to [`Feed::run`],
    /// which says so and tries again.
    pub async fn catch_up(&self) {
        while let Ok(Look::Events { .. }) = self.publish(true).await {}
    }

    async fn publish_on(&self) {
        let mut stopped = self.stop.subscribe();
        let mut failing = false;
        // What caught up before has just said that there is nothing more.
        let mut beaten = self.ring(Ring::latest).map(|_| Instant::now());
        while !*stopped.borrow() {
            let began = Instant::now();
            let due = beaten.is_none_or(|at| at.elapsed() >= HEARTBEAT);
            let pause = match self.publish(due).await {
                Ok(Look::Events { more: true }) => self.pace(began),
                Ok(Look::Events { more: false }) => {
                    beaten = Some(began);
                    self.pace(began)
                }
                Ok(Look::Nothing) => {
                    if due {
                        beaten = Some(began);
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    if !failing {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(
                            error,
                            "the feed stands still; followers refuse within 30 s"
                        );
                    }
                    failing = true;
                    sleep(POLL).await;
                    continue;
                }
            };
            if failing {
                tracing::info!("the feed goes on");
                failing = false;
            }
            sleep(pause).await;
            let next = beaten.map_or(Duration::ZERO, |at| HEARTBEAT.saturating_sub(at.elapsed()));
            tokio::select! {
                () = self.news.notified() => {}
                () = sleep(POLL.min(next)) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Looks for another key set once a second, beside the publisher: where keys are, it may take
    /// long to find out that one is not there.
    async fn follow_keys(&self) -> Infallible {
        loop {
            sleep(POLL).await;
            if let Err(error) = self.keys.refresh().await {
                tracing::debug!(error = %error, "the key set was not looked at: {error}");
            }
        }
    }

    /// One look: whatever was committed since the last is signed and sent; when nothing was, and it
    /// is time, a heartbeat.
    async fn publish(&self, heartbeat: bool) -> Result<Look, Error> {
        // Before the database is read: what is committed later is not vouched for.
        let iat = self.instant();
        let at = match self.ring(Ring::head) {
            Some(at) => at,
            None => self.preload().await?,
        };
        let stored = self.db.events_after(at.epoch, at.seq).await?;
        if stored.is_empty() {
            let head = self.db.head().await?.position;
            if head.epoch != at.epoch {
                let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
                ring.start(head);
                return Ok(Look::Events { more: true });
            }
            if head.seq < at.seq || (head.seq == at.seq && head.chain != at.chain) {
                // The database was exchanged under us. Nothing of it is signed.
                return Err(Error::Event(FeedError::BrokenChain));
            }
            if head.seq == at.seq && heartbeat {
                self.seal(at, at, &[], iat, true)?;
            }
            return Ok(Look::Nothing);
        }
        let more = stored.len() > MAX_EVENTS;
        let now = stored.get(..MAX_EVENTS).unwrap_or(&stored);
        let (events, after) = checked(at, now)?;
        if events.iter().any(is_of_a_key) {
            self.keys.refresh().await?;
        }
        self.seal(at, after, &events, iat, !more)?;
        if more {
            self.news.notify_one();
        }
        Ok(Look::Events { more })
    }

    fn seal(
        &self,
        at: Position,
        after: Position,
        events: &[Event],
        iat: Timestamp,
        vouch: bool,
    ) -> Result<(), Error> {
        let draft = Draft {
            authority: &self.authority,
            epoch: at.epoch,
            after: at.seq,
            prev: at.chain,
            events,
            iat,
            fresh_until: if vouch { iat.plus(VOUCHED) } else { iat },
        };
        let sealed = Arc::new(Sealed::sign(&draft, self.signer()?.as_ref())?);
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.push(sealed, after);
        drop(ring);
        self.ticks.send_modify(|tick| *tick += 1);
        Ok(())
    }

    /// Begins with the newest events, so that whoever comes back after a restart is served from
    /// memory.
    async fn preload(&self) -> Result<Position, Error> {
        let head = self.db.head().await?;
        let (epoch, seq) = (head.position.epoch, head.position.seq);
        let begin = seq.saturating_sub(PRELOAD).max(head.pruned);
        let chain = self.db.chain_at(&self.authority, epoch, begin).await?;
        let start = match chain {
            Some(chain) => Position {
                epoch,
                seq: begin,
                chain,
            },
            None => head.position,
        };
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.start(start);
        Ok(start)
    }

    /// Wakes the publisher when another replica says that there is news.
    async fn listen(&self) -> Infallible {
        // Only PostgreSQL has replicas, and it can push.
        let Pool::Postgres(pool) = self.db.pool() else {
            return pending().await;
        };
        loop {
            let heard = async {
                let mut listener = PgListener::connect_with(pool).await?;
                listener.listen(CHANNEL).await?;
                // A silent connection may be a dead one.
                while let Ok(heard) = timeout(SILENCE, listener.try_recv()).await {
                    if heard?.is_none() {
                        break;
                    }
                    self.news.notify_one();
                }
                Ok::<(), sqlx::Error>(())
            };
            if let Err(error) = heard.await {
                tracing::debug!(error = %error, "not listening for news of other replicas: {error}");
                sleep(POLL).await;
            }
        }
    }

    /// Tells the other replicas of what was committed here.
    async fn wake_replicas(&self) -> Infallible {
        loop {
            self.told.notified().await;
            if let Err(error) = self.db.wake_replicas().await {
                tracing::warn!(error = %error, "other replicas were not woken and look within a second: {error}");
            }
        }
    }

    fn pace(&self, began: Instant) -> Duration {
        let followers = u32::try_from(self.followers()).unwrap_or(u32::MAX);
        (PACE * followers).saturating_sub(began.elapsed())
    }
}

fn is_of_a_key(event: &Event) -> bool {
    matches!(event.action(), Some(Action::AuthorityKey { .. }))
}

/// The events as they were stored, if they continue the chain: what somebody changed in the
/// database is not signed.
fn checked(at: Position, stored: &[StoredEvent]) -> Result<(Vec<Event>, Position), FeedError> {
    let mut after = at;
    let mut events = Vec::with_capacity(stored.len());
    for row in stored {
        let event = Event::parse(&row.event)?;
        let expected = after.seq.saturating_add(1);
        if event.seq() != expected {
            let found = event.seq();
            return Err(FeedError::OutOfOrder { expected, found });
        }
        after.seq = expected;
        after.chain = link(&after.chain, &event);
        if after.chain != row.chain {
            return Err(FeedError::BrokenChain);
        }
        events.push(event);
    }
    Ok((events, after))
}
