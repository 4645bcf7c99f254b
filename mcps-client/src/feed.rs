//! The authority's revocation feed as this process knows it: followed over the network, stored in
//! the home, and asked at every message.
//!
//! The [`Follower`] decides what is believed, a [`Wire`] is what it is fetched by, and [`pursue`]
//! decides what is fetched next.

mod acks;
mod log;
mod pauses;
mod pursuit;
mod recording;
mod store;
mod wire;

pub use acks::{Desk, acknowledge};
pub use log::Log;
pub use pursuit::{Keys, Watcher, pursue};
pub use recording::{Flaw, Proven, Recording};
pub use store::FILE;
pub use wire::{Frames, Trouble, Wire};

use std::sync::{PoisonError, RwLock};

use mcps_core::clock::Timestamp;
use mcps_core::feed::Position;
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::refusal::Refusal;
use tokio::sync::watch;

use crate::follower::{Block, Follower, Freshness, Resync, State};

/// What one process knows of an authority's feed. Reading holds a lock for as long as a look-up
/// takes.
#[derive(Debug)]
pub struct Feed {
    follower: RwLock<Follower>,
    /// Counts the times that what is in force may have changed.
    changes: watch::Sender<u64>,
}

/// What is known of a passport against which nothing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// How old it is.
    pub freshness: Freshness,
    /// Whether it may be relied upon without asking: it has not lapsed, and nothing is amiss.
    pub suffices: bool,
    /// The lowest level that is recorded.
    pub recorded: Option<TrustLevel>,
}

impl Feed {
    /// As far as a follower has come.
    #[must_use]
    pub fn new(follower: Follower) -> Self {
        Self {
            follower: RwLock::new(follower),
            changes: watch::Sender::new(0),
        }
    }

    /// What stands against a passport; see [`Follower::judge`].
    ///
    /// # Errors
    /// The gravest [`Block`].
    pub fn judge(
        &self,
        passport: &Passport,
        relied: usize,
        anchor: Option<&KeyId>,
        now: Timestamp,
    ) -> Result<(), Block> {
        self.read(|follower| follower.judge(passport, relied, anchor, now))
    }

    /// What is known of a passport and the issuers of which `relied` are relied upon; `None` before
    /// anything was heard. `otherwise` has the level of one that no event changed.
    #[must_use]
    pub fn knowledge(
        &self,
        passport: &Passport,
        relied: usize,
        otherwise: impl Fn(&PassportId) -> Option<TrustLevel>,
        now: Timestamp,
    ) -> Option<Knowledge> {
        self.read(|follower| {
            let freshness = follower.freshness(now)?;
            let amiss = matches!(follower.wants(), Some(Resync::Snapshot | Resync::Epoch));
            let issuers = passport.issuer_chain().iter().take(relied);
            let members = std::iter::once(passport).chain(issuers);
            Some(Knowledge {
                freshness,
                suffices: !freshness.lapsed && !amiss,
                recorded: members
                    .filter_map(|one| follower.recorded(one).or_else(|| otherwise(one.id())))
                    .min(),
            })
        })
    }

    /// Where it stands now.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.read(|follower| follower.state(now))
    }

    /// How far it has come.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.read(Follower::position)
    }

    /// Tells whenever what is in force may have changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks at the follower.
    pub fn read<T>(&self, look: impl FnOnce(&Follower) -> T) -> T {
        look(&self.follower.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Follower) -> T) -> T {
        let mut follower = self
            .follower
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut follower)
    }

    fn tell(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// What a peer is told of what stands against it.
impl From<Block> for Refusal {
    fn from(block: Block) -> Self {
        match block {
            Block::Revoked => Self::Revoked("revoked"),
            Block::Suspended => Self::Revoked("suspended"),
            Block::Unclear => {
                Self::Revoked("named by an event that this version does not understand")
            }
            Block::Overflow => Self::Revoked("not among what can be remembered here"),
            Block::Quarantined => Self::Quarantined,
            Block::Stopped => Self::Stopped,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
