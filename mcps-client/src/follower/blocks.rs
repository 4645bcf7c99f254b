//! What is in force: revoked for good, or held back until it is taken back.

mod entries;
mod query;

pub use query::Block;

use std::collections::{BTreeMap, BTreeSet};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::feed::{Action, Event, Lifts, Target};
use mcps_core::key::KeyId;
use mcps_core::level::TrustLevel;
use mcps_core::trust::{KeyState, KeyUse};

/// Most entries. Beyond it everything is refused ([`Block::Overflow`]): nothing is forgotten to
/// make room.
pub const MAX_ENTRIES: usize = 2_000_000;

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    revoked: BTreeSet<Target>,
    /// Until when; `None` until it is taken back.
    suspended: BTreeMap<Target, Option<Timestamp>>,
    quarantined: BTreeSet<Target>,
    stopped: BTreeSet<Target>,
    /// Named by events that were not understood.
    unclear: BTreeSet<Target>,
    levels: BTreeMap<Target, TrustLevel>,
    /// By which policy a tenant decides, or all do that have none of their own.
    policies: BTreeMap<Target, Digest>,
    /// What a tenant's operators have said of tools in quarantine.
    verdicts: BTreeMap<Target, Digest>,
    /// The current manifests of servers.
    manifests: BTreeMap<Target, Digest>,
    overflow: bool,
}

impl Blocks {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
            + self.suspended.len()
            + self.quarantined.len()
            + self.stopped.len()
            + self.unclear.len()
            + self.levels.len()
            + self.policies.len()
            + self.verdicts.len()
            + self.manifests.len()
    }

    /// Whether nothing is in force.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && !self.overflow
    }

    /// Whether there was more than can be remembered.
    #[must_use]
    pub const fn overflows(&self) -> bool {
        self.overflow
    }

    /// Refuses everything from now on, until a whole list comes.
    pub(super) const fn overflow(&mut self) {
        self.overflow = true;
    }

    /// Applies the next event of the history.
    pub(super) fn apply(&mut self, event: &Event) {
        if !event.is_understood() {
            return self.restrict(event);
        }
        match event.action() {
            Some(Action::Reinstate { target, lifts }) => match lifts {
                Lifts::Suspend => drop(self.suspended.remove(target)),
                Lifts::Quarantine => drop(self.quarantined.remove(target)),
                Lifts::Stop => drop(self.stopped.remove(target)),
            },
            Some(Action::Suspend { target, until }) => self.suspend(target, *until),
            Some(Action::TrustChange { target, level }) => self.record(target, *level),
            Some(Action::PolicyChange { tenant, policy }) => match tenant {
                Some(tenant) => self.decide(&Target::Tenant(tenant.clone()), *policy),
                None => {
                    self.policies.clear();
                    self.decide(&Target::All, *policy);
                }
            },
            Some(Action::VerdictChange { tenant, verdicts }) => {
                self.say(&Target::Tenant(tenant.clone()), *verdicts);
            }
            Some(Action::ManifestChange { target, manifest }) => self.publish(target, *manifest),
            _ => self.restrict(event),
        }
    }

    /// Takes what an event takes away, and nothing that it gives back.
    pub(super) fn restrict(&mut self, event: &Event) {
        match event.action() {
            Some(Action::Revoke(target) | Action::ToolRevoke(target)) => self.revoke(target),
            Some(Action::KeyBlock(key)) => self.block(key),
            Some(Action::AuthorityKey {
                key,
                usage: KeyUse::Passport,
                state: KeyState::Revoked,
                ..
            }) => self.revoke(&Target::Issuer(key.clone())),
            Some(Action::Suspend { target, until }) => {
                // The longer of the two.
                let longer = match (self.suspended.get(target), until) {
                    (Some(None), _) | (_, None) => None,
                    (Some(Some(known)), Some(until)) => Some(*known.max(until)),
                    (None, Some(until)) => Some(*until),
                };
                self.suspend(target, longer);
            }
            Some(Action::Quarantine(target)) => self.quarantine(target),
            Some(Action::Stop(target)) => self.stop(target),
            Some(Action::TrustChange { target, level }) => {
                let known = self.levels.get(target).copied();
                self.record(target, known.map_or(*level, |known| known.min(*level)));
            }
            Some(
                Action::AuthorityKey { .. }
                | Action::PolicyChange { .. }
                | Action::VerdictChange { .. }
                | Action::ManifestChange { .. }
                | Action::Reinstate { .. },
            )
            | None => {}
        }
        // What is done to it may be worse than what could be read.
        let lifts = matches!(event.action(), Some(Action::Reinstate { .. }));
        if let Some(target) = event.target()
            && !(event.is_understood() || event.is_ignorable() || lifts)
        {
            self.suspect(target);
        }
    }

    /// Forgets what can be taken back, because a whole list follows.
    pub(super) fn forget_reversible(&mut self) {
        self.suspended.clear();
        self.quarantined.clear();
        self.stopped.clear();
        self.unclear.clear();
        self.levels.clear();
        self.policies.clear();
        self.verdicts.clear();
        self.manifests.clear();
        self.overflow = false;
    }

    fn revoke(&mut self, target: &Target) {
        if self.revoked.contains(target) {
            return;
        }
        if self.has_room() {
            self.revoked.insert(target.clone());
        }
    }

    fn block(&mut self, key: &KeyId) {
        self.revoke(&Target::Key(key.clone()));
        self.revoke(&Target::Issuer(key.clone()));
    }

    fn suspend(&mut self, target: &Target, until: Option<Timestamp>) {
        if self.has_room() {
            self.suspended.insert(target.clone(), until);
        }
    }

    fn quarantine(&mut self, target: &Target) {
        if self.has_room() {
            self.quarantined.insert(target.clone());
        }
    }

    fn stop(&mut self, target: &Target) {
        if self.has_room() {
            self.stopped.insert(target.clone());
        }
    }

    fn suspect(&mut self, target: &Target) {
        if self.has_room() {
            self.unclear.insert(target.clone());
        }
    }

    fn record(&mut self, target: &Target, level: TrustLevel) {
        if self.has_room() {
            self.levels.insert(target.clone(), level);
        }
    }

    fn decide(&mut self, target: &Target, policy: Digest) {
        if self.has_room() {
            self.policies.insert(target.clone(), policy);
        }
    }

    fn say(&mut self, target: &Target, verdicts: Digest) {
        if self.has_room() {
            self.verdicts.insert(target.clone(), verdicts);
        }
    }

    fn publish(&mut self, target: &Target, manifest: Digest) {
        if self.has_room() {
            self.manifests.insert(target.clone(), manifest);
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.len() < MAX_ENTRIES;
        self.overflow |= !room;
        room
    }
}
