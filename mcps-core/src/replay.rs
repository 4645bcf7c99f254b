//! Which nonces were used: every signed message is taken once.
//!
//! The key is (passport, audience, nonce), so nobody burns a nonce of somebody else's. It is kept
//! until the message's own timestamp plus window plus skew, never counted from receipt: a message
//! from the future is remembered for as long as it could be sent again. What is remembered is
//! bounded, per passport and in all; a full guard refuses, it never forgets an entry that is live.
//!
//! Entries are a keyed 128-bit fingerprint in chained hash tables, 32 of them by passport, each
//! under its own lock; those that end in the same second hang on one list and leave together.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::passport::PassportId;
use crate::refusal::Refusal;

mod fingerprint;
mod shard;
mod table;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use fingerprint::{Fingerprint, Fingerprints};
use shard::{Admission, Shard};

/// A power of two. One passport's messages meet at one lock, which is held for less than a
/// microsecond; a signature takes a hundred times that.
const SHARDS: usize = 32;

/// Entries that end within the same such span are forgotten together, after the last of them.
const TICK_MS: i64 = 1000;

/// How long nonces are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    /// How far in the past a message may be stamped.
    pub window: Duration,
    /// How far in the future a message may be stamped.
    pub skew: Duration,
    /// Live entries of one passport. Divided by window plus skew this is the rate it can keep up;
    /// raise it to `total` where one gateway's passport is all there is.
    pub per_passport: usize,
    /// Live entries of all passports; above 2^32 − 1 counts as that.
    pub total: usize,
}

/// 300 s back and 60 s ahead; 2^18 entries (728 messages a second) for one passport and 2^21
/// (5,825 a second, some 80 MB) for all.
impl Default for ReplayLimits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(300),
            skew: Duration::from_secs(60),
            per_passport: 1 << 18,
            total: 1 << 21,
        }
    }
}

/// The memory of used nonces of one process.
pub struct ReplayGuard {
    limits: ReplayLimits,
    /// What is stamped earlier may have been accepted by a process whose memory is gone.
    floor: Timestamp,
    fingerprints: Fingerprints,
    shards: [Mutex<Shard>; SHARDS],
    live: AtomicUsize,
    /// The tick in which every shard was last searched for room.
    swept: AtomicI64,
}

impl ReplayGuard {
    /// A guard with an empty memory, in a process started at `boot`. Until then another process
    /// may have accepted messages stamped as late as `boot` plus skew, so all those are refused:
    /// for the first `skew` of its life it refuses whatever is stamped with the present time.
    #[must_use]
    pub fn new(limits: ReplayLimits, boot: Timestamp) -> Self {
        Self::since(limits, boot.plus(limits.skew))
    }

    /// A guard with an empty memory that refuses only what is stamped before `floor`. Right where
    /// it is known what was accepted before: one millisecond after the newest such timestamp,
    /// or the epoch when the receiver's key was made just now and nobody can have addressed it.
    #[must_use]
    pub fn since(limits: ReplayLimits, floor: Timestamp) -> Self {
        let total = limits.total.min(table::MAX_ITEMS);
        let limits = ReplayLimits { total, ..limits };
        Self {
            limits,
            floor,
            fingerprints: Fingerprints::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard::new())),
            live: AtomicUsize::new(0),
            swept: AtomicI64::new(-1),
        }
    }

    /// Takes note of an authenticated message: `nonce` of `passport` for audience `aud`, by its
    /// signed timestamp `stamped`. Call it after the signature was verified and not before, else
    /// a nonce is burned by whoever can copy it (PROTOCOL.md §4.3).
    ///
    /// # Errors
    /// [`Refusal::Replayed`] when it is remembered; [`Refusal::BeforeBoot`] when it may have been
    /// accepted before this guard existed; [`Refusal::OutOfWindow`] when it could not be
    /// remembered long enough; [`Refusal::Full`] when there is no room for it.
    pub fn check_and_insert(
        &self,
        passport: &PassportId,
        aud: &str,
        nonce: &str,
        stamped: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.check(passport.as_str(), aud, nonce, stamped, now)
    }

    /// How many entries are held. An entry that ended counts until its shard is next used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether no entry is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of heap the tables have reserved. Follows the highest number of entries ever held:
    /// 32 to 40 bytes for each (36 measured at a million), and about as much for each passport.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let bytes = |shard: &Mutex<Shard>| locked(shard, |shard| shard.heap_bytes());
        self.shards.iter().map(bytes).sum()
    }

    fn check(
        &self,
        passport: &str,
        aud: &str,
        nonce: &str,
        stamped: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if stamped < self.floor {
            return Err(Refusal::BeforeBoot);
        }
        let expiry = stamped.plus(self.limits.window).plus(self.limits.skew);
        if now > expiry || stamped > now.plus(self.limits.skew) {
            return Err(self.out_of_window(stamped, now));
        }
        let account = self.fingerprints.of(&[passport]);
        let entry = self.fingerprints.of(&[aud, nonce]);
        let mut admission = self.admit(account, entry, tick(expiry), tick(now));
        if admission == Admission::Full && self.sweep(tick(now)) {
            admission = self.admit(account, entry, tick(expiry), tick(now));
        }
        match admission {
            Admission::Admitted => Ok(()),
            Admission::Known => Err(Refusal::Replayed),
            Admission::Forgotten => Err(self.out_of_window(stamped, now)),
            Admission::AccountFull => {
                Err(Refusal::Full("the passport's share of the replay memory"))
            }
            Admission::Full => Err(Refusal::Full("the replay memory")),
        }
    }

    fn admit(&self, account: Fingerprint, entry: Fingerprint, expiry: i64, now: i64) -> Admission {
        // The last word: the tables choose their chains by the first.
        let [.., part] = account;
        let Some(shard) = self.shards.get(part as usize % SHARDS) else {
            return Admission::Full;
        };
        locked(shard, |shard| {
            self.live.fetch_sub(shard.expire(now), Ordering::AcqRel);
            let reserve = || {
                let more = |live| (live < self.limits.total).then_some(live + 1);
                self.live
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
                    .is_ok()
            };
            shard.admit(account, entry, expiry, self.limits.per_passport, reserve)
        })
    }

    /// Frees what has ended in shards that nobody uses at present. Once a tick is enough, because
    /// nothing ends in between, and so a full guard costs an attacker's victim no more than this.
    fn sweep(&self, now: i64) -> bool {
        if self.swept.swap(now, Ordering::AcqRel) == now {
            return false;
        }
        for shard in &self.shards {
            let ended = locked(shard, |shard| shard.expire(now));
            self.live.fetch_sub(ended, Ordering::AcqRel);
        }
        true
    }

    fn out_of_window(&self, stamped: Timestamp, now: Timestamp) -> Refusal {
        let window_ms = i64::try_from(self.limits.window.as_millis()).unwrap_or(i64::MAX);
        Refusal::OutOfWindow {
            off_ms: stamped.since(now),
            window_ms,
        }
    }
}

/// Nothing panics while the lock is held, so a poisoned one is in order.
fn locked<R>(shard: &Mutex<Shard>, work: impl FnOnce(&mut Shard) -> R) -> R {
    work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
}

const fn tick(at: Timestamp) -> i64 {
    at.as_millis() / TICK_MS
}

impl fmt::Debug for ReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayGuard")
            .field("limits", &self.limits)
            .field("floor", &self.floor)
            .field("live", &self.len())
            .finish_non_exhaustive()
    }
}
