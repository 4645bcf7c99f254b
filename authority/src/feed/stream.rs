//! One follower's stream.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use mcps_core::feed::Cursor;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Feed, MAX_FOLLOWERS, Sealed};
use crate::error::Error;

/// What a stream begins with: how long a browser or a plain client waits before it comes back.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// Counts a follower as long as it is held.
struct Place(Arc<Feed>);

impl Place {
    fn take(feed: &Arc<Feed>) -> Result<Self, Error> {
        if feed.followers.fetch_add(1, Ordering::Relaxed) >= MAX_FOLLOWERS {
            feed.followers.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::TooManyFollowers);
        }
        Ok(Self(Arc::clone(feed)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Follower {
    place: Place,
    at: Cursor,
    /// The frame that was sent last, so that none is sent twice.
    last: Option<Arc<Sealed>>,
    waiting: VecDeque<Bytes>,
    ticks: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
}

impl Follower {
    fn new(feed: &Arc<Feed>, at: Cursor) -> Result<Self, Error> {
        let (ticks, stopped) = (feed.ticks.subscribe(), feed.stop.subscribe());
        Ok(Self {
            place: Place::take(feed)?,
            at,
            last: None,
            waiting: VecDeque::new(),
            ticks,
            stopped,
        })
    }

    /// What came since the last time, oldest first.
    async fn look(&mut self) -> Result<Vec<Arc<Sealed>>, Error> {
        self.ticks.mark_unchanged();
        let mut frames = self.place.0.after(self.at).await?;
        let seen = |frame: &Arc<Sealed>| {
            self.last
                .as_ref()
                .is_some_and(|last| Arc::ptr_eq(last, frame))
        };
        frames.retain(|frame| !seen(frame));
        if let Some(last) = frames.last() {
            self.at = last.cursor;
            self.last = Some(Arc::clone(last));
        }
        Ok(frames)
    }

    /// Until something was published; `false` when the feed stops.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            changed = self.ticks.changed() => changed.is_ok(),
            _ = self.stopped.wait_for(|stop| *stop) => false,
        }
    }

    /// The next bytes to send; `None` ends the stream. Whoever is too far behind, or in an epoch
    /// that has ended, comes back and is told so.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            let frames = self.look().await.ok()?;
            if frames.is_empty() && !self.wait().await {
                return None;
            }
            let events = frames.iter().map(|frame| frame.event.clone());
            self.waiting.extend(events);
        }
    }
}

impl Feed {
    /// The endless stream of frames after a position, or from the newest on.
    ///
    /// # Errors
    /// [`Error::TooManyFollowers`], and what [`Feed::after`] says.
    pub async fn follow(
        self: &Arc<Self>,
        at: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Error> {
        let mut follower = Follower::new(self, self.begin(at)?)?;
        // Here and not later, so that it can be refused with a status.
        let frames = follower.look().await?;
        follower.waiting.push_back(Bytes::from_static(RETRY));
        let events = frames.iter().map(|frame| frame.event.clone());
        follower.waiting.extend(events);
        let next = async |mut follower: Follower| {
            let bytes = follower.next().await?;
            Some((Ok(bytes), follower))
        };
        Ok(stream::unfold(follower, next))
    }

    /// The frames after a position, at most `limit` of them: at once when there is news, else what
    /// is published within `wait`; a heartbeat that is known to nobody yet, or was sent before.
    ///
    /// # Errors
    /// As [`Feed::follow`].
    pub async fn poll(
        self: &Arc<Self>,
        at: Option<Cursor>,
        wait: Duration,
        limit: usize,
    ) -> Result<Vec<Arc<Sealed>>, Error> {
        let mut follower = Follower::new(self, self.begin(at)?)?;
        let asked = follower.at;
        let mut frames = follower.look().await?;
        let news = |frames: &[Arc<Sealed>]| frames.iter().any(|frame| frame.cursor != asked);
        let _ = timeout(wait, async {
            while !news(&frames) && follower.wait().await {
                let later = follower.look().await?;
                if !later.is_empty() {
                    frames = later;
                }
            }
            Ok::<(), Error>(())
        })
        .await;
        frames.truncate(limit);
        Ok(frames)
    }

    fn begin(&self, at: Option<Cursor>) -> Result<Cursor, Error> {
        let newest = self.ring(super::Ring::cursor);
        at.or(newest).ok_or(Error::FeedBehind)
    }
}
