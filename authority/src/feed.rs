//! The feed as it leaves this process: one publisher reads what was committed, by whichever replica,
//! signs each frame once, and every follower is sent the same bytes.
//!
//! A revocation is told first in the database, in its own transaction. What happens here may be late
//! or repeated, and nothing is lost by it: the publisher goes by the number of the last event that
//! it has read, and looks once a second even when nobody wakes it.

mod pages;
mod pruning;
mod publisher;
mod ring;
mod sealed;
mod stream;

pub use pruning::{KEPT, prune};
pub use ring::Ring;
pub use sealed::Sealed;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::{Cursor, Entry, FeedError, Held, Snapshot, Target};
use mcps_core::signer::Signer;
use mcps_core::trust::{KeyState, KeyUse};
use tokio::sync::{Mutex, Notify, watch};

use crate::error::Error;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::store::Db;
use pages::Pages;

/// How often it is said that there is nothing new.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a frame vouches that nothing came after it.
pub const VOUCHED: Duration = Duration::from_secs(30);
/// How often the database is asked even when nobody says that there is news.
pub const POLL: Duration = Duration::from_secs(1);
/// Most followers of one process.
pub const MAX_FOLLOWERS: usize = 10_000;
/// How long a snapshot is given out.
const SNAPSHOT_LIFE: i64 = 5_000;

/// The feed of this process.
#[derive(Debug)]
pub struct Feed {
    authority: String,
    db: Db,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    ring: RwLock<Ring>,
    /// Counts what was published.
    ticks: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    news: Notify,
    /// Wakes whoever wakes the other replicas.
    told: Notify,
    pages: Mutex<Pages>,
    snapshot: Mutex<Option<(Snapshot, Arc<str>)>>,
    followers: AtomicUsize,
    metrics: Metrics,
}

impl Feed {
    /// The feed of the authority of that name; nothing is published before [`Feed::run`].
    #[must_use]
    pub fn new(authority: &str, db: Db, keys: Arc<Keys>, clock: Arc<dyn Clock>) -> Self {
        Self {
            authority: authority.to_owned(),
            db,
            keys,
            clock,
            ring: RwLock::default(),
            ticks: watch::Sender::new(0),
            stop: watch::Sender::new(false),
            news: Notify::new(),
            told: Notify::new(),
            pages: Mutex::default(),
            snapshot: Mutex::default(),
            followers: AtomicUsize::new(0),
            metrics: Metrics::default(),
        }
    }

    /// Who signs frames and snapshots now.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`].
    pub fn signer(&self) -> Result<Arc<dyn Signer>, Error> {
        self.keys.signer(KeyUse::Feed)
    }

    /// Something was committed: this process looks at once, the other replicas are woken.
    pub fn wake(&self) {
        self.news.notify_one();
        self.told.notify_one();
    }

    /// Ends every stream, and [`Feed::run`].
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether nobody is to wait here any more.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Closes its connections to the database.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// What this process has counted.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Measures where it stands at this moment.
    pub fn measure(&self) {
        let at = self.ring(Ring::cursor);
        self.metrics
            .measure_feed(at, self.is_fresh(), self.followers());
    }

    /// How many follow it here.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.followers.load(Ordering::Relaxed)
    }

    /// Whether what is published here is as young as followers may expect.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        let now = self.clock.now();
        let latest = self.ring(Ring::latest);
        latest.is_some_and(|frame| now < frame.fresh_until)
    }

    /// The frames after a position, the newest last; when there are none, the one that vouches for
    /// it. Older than what is kept in memory come from the database.
    ///
    /// # Errors
    /// [`Error::EpochEnded`], [`Error::Pruned`], [`Error::Database`], [`Error::FeedBehind`].
    pub async fn after(&self, at: Cursor) -> Result<Vec<Arc<Sealed>>, Error> {
        let (head, kept) = self.ring(|ring| (ring.head(), ring.after(at.seq)));
        let head = head.ok_or(Error::FeedBehind)?;
        if at.epoch < head.epoch {
            return Err(Error::EpochEnded {
                asked: at.epoch,
                now: head.epoch,
            });
        }
        // One who knows of more than there is shall see that, and so shall one of a later epoch.
        if at.epoch > head.epoch || at.seq > head.seq {
            return Ok(self.ring(Ring::latest).into_iter().collect());
        }
        match kept {
            Some(frames) => Ok(frames),
            None => self.page(head.epoch, at.seq).await.map(|page| vec![page]),
        }
    }

    /// A signed snapshot of what is in force, at most 5 s old.
    ///
    /// # Errors
    /// [`Error::Database`], or [`Error::Event`] when the signer fails.
    pub async fn snapshot(&self) -> Result<Arc<str>, Error> {
        let mut kept = self.snapshot.lock().await;
        // Before anything is read: what is committed after this instant may be missing.
        let iat = self.clock.now();
        let head = self.db.head().await?;
        if let Some((snapshot, text)) = kept.as_ref()
            && snapshot.position == head.position
            && (0..SNAPSHOT_LIFE).contains(&iat.since(snapshot.iat))
        {
            return Ok(Arc::clone(text));
        }
        self.keys.refresh().await?;
        // Read after the head, so it may hold more than the position says, and never less.
        let snapshot = Snapshot {
            authority: self.authority.clone(),
            position: head.position,
            iat,
            fresh_until: iat.plus(VOUCHED),
            entries: self.in_force(iat).await?,
        };
        let text = snapshot.sign(self.signer()?.as_ref());
        let text: Arc<str> = text.inspect_err(|error| self.failed(error))?.into();
        let light = Snapshot {
            entries: Vec::new(),
            ..snapshot
        };
        *kept = Some((light, Arc::clone(&text)));
        Ok(text)
    }

    /// What is in the database, and the issuers that the key set has revoked.
    async fn in_force(&self, now: Timestamp) -> Result<Vec<Entry>, Error> {
        let mut entries = self.db.in_force(now).await?;
        let ring = self.keys.ring();
        for key in ring.bundle().keys() {
            if (key.usage, key.state) == (KeyUse::Passport, KeyState::Revoked) {
                let entry = Entry {
                    target: Target::Issuer(key.public_key.key_id().clone()),
                    held: Held::Revoked,
                };
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }

    /// Counts what the signer could not do.
    fn failed(&self, error: &FeedError) {
        if matches!(error, FeedError::Signer) {
            self.metrics.signer_failed(KeyUse::Feed);
        }
    }

    fn ring<T>(&self, read: impl FnOnce(&Ring) -> T) -> T {
        read(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest instant that may be signed: a clock that was set back must not make new words
    /// older than those before.
    fn instant(&self) -> Timestamp {
        let latest = self.ring(|ring| ring.latest().map(|frame| frame.iat));
        latest.map_or(self.clock.now(), |iat| iat.max(self.clock.now()))
    }
}
