//! Everything in force, one by one, as snapshots and stored positions list it.

use mcps_core::feed::{Entry, Held, Target};

use super::Blocks;

impl Blocks {
    /// Everything in force, in a fixed order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        fn all<'a>(
            targets: impl IntoIterator<Item = &'a Target>,
            held: Held,
        ) -> impl Iterator<Item = (&'a Target, Held)> {
            targets.into_iter().map(move |target| (target, held))
        }
        let suspended = self.suspended.iter();
        let levels = self.levels.iter();
        let policies = self.policies.iter();
        let verdicts = self.verdicts.iter();
        let manifests = self.manifests.iter();
        all(&self.revoked, Held::Revoked)
            .chain(suspended.map(|(target, until)| (target, Held::Suspended(*until))))
            .chain(all(&self.quarantined, Held::Quarantined))
            .chain(all(&self.stopped, Held::Stopped))
            .chain(all(&self.unclear, Held::Unclear))
            .chain(levels.map(|(target, level)| (target, Held::Level(*level))))
            .chain(policies.map(|(target, policy)| (target, Held::Policy(*policy))))
            .chain(verdicts.map(|(target, verdicts)| (target, Held::Verdicts(*verdicts))))
            .chain(manifests.map(|(target, manifest)| (target, Held::Manifest(*manifest))))
            .map(|(target, held)| Entry {
                target: target.clone(),
                held,
            })
    }

    /// Puts an entry in force.
    pub(in crate::follower) fn hold(&mut self, entry: &Entry) {
        let target = &entry.target;
        match entry.held {
            Held::Revoked => self.revoke(target),
            Held::Suspended(until) => self.suspend(target, until),
            Held::Level(level) => self.record(target, level),
            Held::Policy(policy) => self.decide(target, policy),
            Held::Verdicts(verdicts) => self.say(target, verdicts),
            Held::Manifest(manifest) => self.publish(target, manifest),
            Held::Quarantined => self.quarantine(target),
            Held::Stopped => self.stop(target),
            Held::Unclear => self.suspect(target),
        }
    }
}
