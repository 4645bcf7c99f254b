//! What the log says of the feed: each thing once, until all is well again.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::feed::Event;

use super::{Feed, Trouble, Watcher};
use crate::follower::{Alert, State};

/// Logs alerts and changes of the state.
#[derive(Debug)]
pub struct Log {
    authority: String,
    clock: Arc<dyn Clock>,
    state: State,
    /// Since when it is not live.
    down: Option<Timestamp>,
    alerts: Vec<Discriminant<Alert>>,
    troubles: Vec<Discriminant<Trouble>>,
}

impl Log {
    /// Of the feed of that authority.
    #[must_use]
    pub fn new(authority: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            authority: authority.to_owned(),
            clock,
            state: State::Cold,
            down: None,
            alerts: Vec::new(),
            troubles: Vec::new(),
        }
    }
}

/// What an alert means and what to do.
const fn advice(alert: Alert) -> &'static str {
    match alert {
        Alert::Refused(_) => {
            "it is not followed; if it goes on, find out who answers under the authority's address"
        }
        Alert::Broken(_) | Alert::Forked { .. } => {
            "the authority, or whoever has its feed key, contradicts itself; what it revokes is refused all \
             the same; ask its operator at once"
        }
        Alert::RolledBack { .. } => {
            "was it restored from a backup without `new epoch`? Nothing that is known here is forgotten; ask \
             its operator"
        }
        Alert::Cold => "a snapshot is fetched first",
        Alert::Gap { .. } => "they are asked for again",
        Alert::Replayed { .. } | Alert::OldEpoch { .. } | Alert::Behind { .. } => {
            "it is not followed; a cache or somebody on the way sends what is old"
        }
        Alert::UnannouncedEpoch { .. } => "the root key's statement on it is asked for",
        Alert::Expired { .. } => {
            "what is on the way holds frames back, or the clocks differ: set them (NTP)"
        }
        Alert::FromFuture { .. } => "it is not followed until the clocks agree",
    }
}

impl Watcher for Log {
    fn followed(&mut self, _: &[u8], news: &[Event], feed: &Feed) {
        for event in news {
            if !event.is_understood() && !event.is_ignorable() {
                tracing::warn!(
                    event_seq = event.seq(),
                    "event {} of the revocation feed is of a kind ({:?}) that this version does not understand; \
                     what it names is refused, and what is known gets no younger: update this program",
                    event.seq(),
                    event.name(),
                );
            }
        }
        if let Some(last) = news.last() {
            let at = feed.position().map(|at| at.cursor().to_string());
            tracing::debug!(
                events = news.len(),
                position = at,
                "{} new events of the revocation feed, the last one {}",
                news.len(),
                last.name(),
            );
        }
    }

    fn refused(&mut self, alert: Alert, _: &Feed) {
        if self.alerts.contains(&discriminant(&alert)) {
            return tracing::debug!(alert = %alert, "revocation feed, again: {alert}");
        }
        self.alerts.push(discriminant(&alert));
        tracing::warn!(
            authority = self.authority, alert = %alert,
            "revocation feed of {}: {alert}; {}", self.authority, advice(alert),
        );
    }

    fn failed(&mut self, trouble: &Trouble, _: &Feed) {
        if self.troubles.contains(&discriminant(trouble)) {
            return tracing::debug!(trouble = %trouble, "revocation feed, again: {trouble}");
        }
        self.troubles.push(discriminant(trouble));
        let authority = &self.authority;
        match trouble {
            Trouble::Absent => tracing::info!(
                "the trust authority {authority} has no revocation feed; it is asked about each passport instead"
            ),
            Trouble::Pruned | Trouble::EpochEnded(_) => tracing::info!(
                "revocation feed of {authority}: {trouble}; that is fetched which it goes on from"
            ),
            Trouble::Busy(_) | Trouble::Answer(_) | Trouble::Unreachable(_) => tracing::warn!(
                trouble = %trouble,
                "no revocation feed from {authority}: {trouble}; trying again, and asking about each passport meanwhile"
            ),
        }
    }

    fn stands(&mut self, state: State, feed: &Feed) {
        let before = std::mem::replace(&mut self.state, state);
        if before == state {
            return;
        }
        let now = self.clock.now();
        match state {
            State::Live => {
                let at = feed
                    .position()
                    .map_or_else(String::new, |at| at.cursor().to_string());
                match self.down.take() {
                    Some(since) => tracing::info!(
                        position = at,
                        "the revocation feed is live again after {} s, at {at}",
                        now.since(since).max(0) / 1000
                    ),
                    None if before == State::Lagging => return,
                    None => tracing::info!(position = at, "the revocation feed is live, at {at}"),
                }
                self.alerts.clear();
                self.troubles.clear();
            }
            State::Stale => {
                self.down.get_or_insert(now);
                tracing::warn!(
                    "nothing was heard of the revocation feed for too long; the trust authority is asked about \
                     each passport, and where it is silent levels fall with time: L4 after 60 s, L1 after 24 h"
                );
            }
            State::Lagging => {}
            State::Syncing | State::Cold => {
                if before == State::Live {
                    self.down.get_or_insert(now);
                }
            }
        }
    }
}
