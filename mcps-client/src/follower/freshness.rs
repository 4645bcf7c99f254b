//! How old the knowledge is.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;
use mcps_core::refusal::Refusal;

use super::{Follower, LAG, SKEW};

/// Where a follower stands; the table is at [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No position is known.
    Cold,
    /// The newest frames are not known yet.
    Syncing,
    /// A fresh frame came within [`LAG`].
    Live,
    /// None came for [`LAG`].
    Lagging,
    /// What was last heard has lapsed.
    Stale,
}

/// How old the knowledge of revocations is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Since when nothing is known for certain.
    pub age: Duration,
    /// Whether the authority's word (`fresh_until`) has lapsed: it is silent, or somebody keeps its
    /// frames from us. A gateway that must fail closed within seconds refuses then, whatever the age.
    pub lapsed: bool,
}

impl Freshness {
    /// The highest level whose bound on staleness the age meets ([`TrustLevel::status_bound`]).
    ///
    /// # Errors
    /// [`Refusal::StatusTooOld`] when it meets none.
    pub fn level(&self) -> Result<TrustLevel, Refusal> {
        let meets =
            |level: &TrustLevel| level.status_bound().is_some_and(|bound| self.age <= bound);
        let level = TrustLevel::ALL.into_iter().rev().find(meets);
        level.ok_or(Refusal::StatusTooOld {
            level: TrustLevel::L1,
        })
    }
}

/// The latest frame that vouched for the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) iat: Timestamp,
    pub(super) fresh_until: Timestamp,
}

impl Heard {
    /// A clock that was set back must not make old words fresh.
    fn lapsed(self, now: Timestamp) -> bool {
        self.fresh_until <= now || self.iat > now.plus(SKEW)
    }
}

impl Follower {
    /// Where it stands now.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        let Some(heard) = self.heard.filter(|_| self.position.is_some()) else {
            return match self.position {
                Some(_) => State::Syncing,
                None => State::Cold,
            };
        };
        if heard.lapsed(now) {
            State::Stale
        } else if !self.in_step {
            State::Syncing
        } else if now >= heard.iat.plus(LAG) {
            State::Lagging
        } else {
            State::Live
        }
    }

    /// How old its knowledge is; `None` when it has none. After an event that was not understood it
    /// gets no younger.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Option<Freshness> {
        let heard = self.heard?;
        let known = self.doubt.map_or(heard.iat, |doubt| doubt.min(heard.iat));
        // As old as it seems new, after a clock was set back.
        let age = Duration::from_millis(now.since(known).unsigned_abs());
        let lapsed = heard.lapsed(now);
        Some(Freshness { age, lapsed })
    }
}
