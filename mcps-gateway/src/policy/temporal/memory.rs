//! What is remembered of one session, principal or tenant.

use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;

use super::buckets::Buckets;
use super::foreign::Foreign;
use super::layout::Pattern;
use super::{Form, Layout, NONE, Then, width};
use crate::policy::config::Scope;
use crate::policy::fact::FactSet;

/// The history of one session, principal or tenant: bounded in size whatever happened.
///
/// It belongs to one policy set and moves to another by the names of facts and sequences; what a set does
/// not know it carries along.
#[derive(Clone, Debug)]
pub struct Memory {
    pub(super) layout: Arc<Layout>,
    pub(super) scope: Scope,
    /// The latest time of each fact.
    pub(super) latest: Vec<i64>,
    pub(super) instants: Vec<i64>,
    pub(super) counters: Vec<u16>,
    /// Patterns that acted.
    pub(super) fired: u128,
    /// When it began.
    pub(super) start: i64,
    pub(super) calls: u32,
    pub(super) denied: u32,
    pub(super) stopped: bool,
    /// The true history until then was lost, so that facts were assumed.
    pub(super) lost: Option<i64>,
    /// A lowered level, and until when.
    pub(super) lowered: Option<(TrustLevel, i64)>,
    /// What other sets know of it.
    pub(super) foreign: Foreign,
}

/// A stored history that cannot be read. What it said must be assumed: `Policies::unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Another version of the form.
    #[error("stored in version {0} of the form, which is not known here")]
    Version(u8),
    /// The bytes end too early, go on too long or contradict themselves.
    #[error("the stored history is damaged")]
    Damaged,
    /// Of another scope.
    #[error("the stored history is of another scope")]
    Scope,
}

impl Memory {
    /// An empty history that begins at `now`.
    #[must_use]
    pub(crate) fn fresh(layout: &Arc<Layout>, scope: Scope, now: Timestamp) -> Self {
        Self {
            scope,
            latest: vec![NONE; layout.fact_keys.len()],
            instants: vec![NONE; layout.instants],
            counters: vec![0; layout.counters],
            fired: 0,
            start: now.as_millis(),
            calls: 0,
            denied: 0,
            stopped: false,
            lost: None,
            lowered: None,
            foreign: Foreign::default(),
            layout: Arc::clone(layout),
        }
    }

    /// What must be assumed when a history is lost: every sensitive fact, just now.
    #[must_use]
    pub(crate) fn unknown(layout: &Arc<Layout>, scope: Scope, now: Timestamp) -> Self {
        let mut memory = Self::fresh(layout, scope, now);
        let now = now.as_millis();
        memory.lost = Some(now);
        for place in layout.sensitive.places() {
            if let Some(latest) = memory.latest.get_mut(place) {
                *latest = now;
            }
        }
        for pattern in &layout.patterns {
            match &pattern.form {
                // What calms must be shown again.
                Form::Never { .. } | Form::All(_) => {}
                Form::Chain(_) | Form::Since { .. } => {
                    for at in 0..pattern.form.instants() {
                        memory.set_instant(pattern, at, now);
                    }
                }
                Form::Count { window, over, .. } => {
                    memory.set_instant(pattern, 0, now.div_euclid(width(*window)));
                    memory.set_counter(pattern, 0, *over);
                }
            }
        }
        memory
    }

    /// Whose history it is.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the fact at `place` ever held.
    pub(crate) fn facts(&self) -> FactSet {
        let held = self
            .latest
            .iter()
            .enumerate()
            .filter(|(_, at)| **at != NONE);
        held.fold(FactSet::default(), |set, (place, _)| set.with(place))
    }

    /// Sequences that ever acted, by their places.
    pub(crate) const fn fired(&self) -> FactSet {
        FactSet(self.fired)
    }

    /// Calls that went on, and calls that were refused.
    #[must_use]
    pub const fn calls(&self) -> (u32, u32) {
        (self.calls, self.denied)
    }

    /// Whether it was stopped.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the true history was lost.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Seconds since it began.
    #[must_use]
    pub const fn age_s(&self, now: Timestamp) -> i64 {
        let age = now.as_millis() - self.start;
        if age < 0 { 0 } else { age / 1000 }
    }

    /// Whether it says something that no time takes back: a session that was stopped, trust that was lowered
    /// without an end.
    #[must_use]
    pub(crate) fn is_final(&self) -> bool {
        self.stopped || self.lowered.is_some_and(|(_, until)| until == i64::MAX)
    }

    /// The level that trust was lowered to, while it is.
    #[must_use]
    pub fn lowered(&self, now: Timestamp) -> Option<TrustLevel> {
        self.lowered
            .filter(|(_, until)| now.as_millis() <= *until)
            .map(|(level, _)| level)
    }

    /// How often the counting pattern at `place` has counted within its window.
    pub(crate) fn count(&self, place: usize, now: Timestamp) -> i64 {
        self.layout
            .patterns
            .get(place)
            .map_or(0, |pattern| self.counted(pattern, now.as_millis()))
    }

    /// The patterns that `facts` make act on top of this history, those that count by `counts`: what is
    /// counted with this event.
    pub(crate) fn probe(&self, facts: FactSet, counts: FactSet, now: Timestamp) -> FactSet {
        let now = now.as_millis();
        let touched = self.layout.touched(facts.or(counts)).into_iter();
        touched.fold(FactSet::default(), |fired, at| {
            let pattern = self.layout.patterns.get(at);
            match pattern.filter(|pattern| pattern.scope == self.scope) {
                Some(pattern) if self.acts(pattern, facts, counts, now) => fired.with(at),
                _ => fired,
            }
        })
    }

    fn acts(&self, pattern: &Pattern, facts: FactSet, counts: FactSet, now: i64) -> bool {
        let recent = |at: i64| {
            at != NONE
                && pattern
                    .within
                    .is_none_or(|within| now.saturating_sub(at) <= within)
        };
        match &pattern.form {
            Form::Chain(chain) => {
                chain.last().is_some_and(|last| facts.has(*last))
                    && recent(self.prefix(pattern, chain, facts, now))
            }
            Form::All(all) => {
                all.iter().any(|place| facts.has(*place))
                    && all
                        .iter()
                        .all(|place| facts.has(*place) || recent(self.latest_of(*place)))
            }
            Form::Since { held, since } => {
                let start = if facts.has(*since) {
                    now
                } else {
                    self.instant(pattern, 0)
                };
                facts.has(*held) && recent(start)
            }
            Form::Never { fact, .. } => facts.has(*fact) && !recent(self.instant(pattern, 0)),
            Form::Count { fact, over, .. } => {
                counts.has(*fact) && self.counted(pattern, now) + 1 > i64::from(*over)
            }
        }
    }

    /// The latest start of everything but the last fact of a chain, with `facts` at `now` counted in.
    fn prefix(&self, pattern: &Pattern, chain: &[usize], facts: FactSet, now: i64) -> i64 {
        let mut start = now;
        for (at, place) in chain.iter().enumerate().take(chain.len().saturating_sub(1)) {
            let kept = match at {
                0 => self.latest_of(*place),
                _ => self.instant(pattern, at - 1),
            };
            start = if facts.has(*place) {
                kept.max(start)
            } else {
                kept
            };
        }
        start
    }

    /// Takes an event in: `facts` became true at `now`, of all those that this `kind` of event shows.
    pub(super) fn take(&mut self, facts: FactSet, kind: FactSet, now: Timestamp) {
        self.mark(facts, kind, now);
        self.add(facts, now);
        self.arm(facts, now);
    }

    /// Ends what was held and is not any more, and calms what waited for it.
    pub(super) fn mark(&mut self, facts: FactSet, kind: FactSet, now: Timestamp) {
        self.each(|memory, pattern| match pattern.form {
            Form::Since { held, .. } if kind.has(held) && !facts.has(held) => {
                memory.set_instant(pattern, 0, NONE);
            }
            Form::Never { before, .. } if facts.has(before) => {
                let before = memory.instant(pattern, 0);
                memory.set_instant(pattern, 0, before.max(now.as_millis()));
            }
            _ => {}
        });
    }

    /// Counts `facts`, each once.
    pub(super) fn add(&mut self, facts: FactSet, now: Timestamp) {
        self.each(|memory, pattern| {
            if let Form::Count { fact, .. } = pattern.form
                && facts.has(fact)
            {
                memory.count_one(pattern, now.as_millis());
            }
        });
    }

    /// Takes in that `facts` are true from `now` on, for what comes after them.
    pub(super) fn arm(&mut self, facts: FactSet, now: Timestamp) {
        let now = now.as_millis();
        self.each(|memory, pattern| match &pattern.form {
            Form::Chain(chain) => memory.advance(pattern, chain, facts, now),
            Form::Since { since, .. } if facts.has(*since) => memory.set_instant(pattern, 0, now),
            _ => {}
        });
        for place in facts.places() {
            if let Some(latest) = self.latest.get_mut(place) {
                *latest = now.max(*latest);
            }
        }
    }

    fn each(&mut self, mut act: impl FnMut(&mut Self, &Pattern)) {
        let layout = Arc::clone(&self.layout);
        for pattern in &layout.patterns {
            if pattern.scope == self.scope {
                act(self, pattern);
            }
        }
    }

    fn advance(&mut self, pattern: &Pattern, chain: &[usize], facts: FactSet, now: i64) {
        let mut start = now;
        for (at, place) in chain.iter().enumerate().take(chain.len().saturating_sub(1)) {
            let kept = match at {
                0 => self.latest_of(*place),
                _ => self.instant(pattern, at - 1),
            };
            start = if facts.has(*place) {
                kept.max(start)
            } else {
                kept
            };
            if at > 0 {
                self.set_instant(pattern, at - 1, start);
            }
        }
    }

    /// The same history for another policy set: facts and sequences keep their state by name.
    #[must_use]
    pub(crate) fn on(&self, layout: &Arc<Layout>) -> Self {
        if Arc::ptr_eq(&self.layout, layout) {
            return self.clone();
        }
        let stored = self.to_bytes();
        // What was just written reads; if it did not, nothing may be taken for granted.
        Self::from_bytes(&stored, layout, self.scope).unwrap_or_else(|_| {
            Self::unknown(layout, self.scope, Timestamp::from_millis(self.start))
        })
    }

    pub(crate) fn is_on(&self, layout: &Arc<Layout>) -> bool {
        Arc::ptr_eq(&self.layout, layout)
    }

    /// Notes that the pattern at `place` acted, and what lasts of it.
    pub(super) fn note(&mut self, place: usize, now: Timestamp) {
        let Some(pattern) = self.layout.patterns.get(place) else {
            return;
        };
        let (then, within) = (pattern.then.clone(), pattern.within);
        if pattern.scope != self.scope {
            return;
        }
        self.fired = self.fired().with(place).0;
        if !pattern.observe {
            self.lasting(&then, within, now);
        }
    }

    /// Notes what lasts of an obligation.
    pub(super) fn lasting(&mut self, then: &Then, within: Option<i64>, now: Timestamp) {
        match then {
            Then::StopSession => self.stopped = true,
            Then::LowerTrust(level) => {
                let until =
                    within.map_or(i64::MAX, |within| now.as_millis().saturating_add(within));
                self.lowered = Some(match self.lowered {
                    Some((before, kept)) if kept >= now.as_millis() => {
                        (before.min(*level), kept.max(until))
                    }
                    _ => (*level, until),
                });
            }
            Then::Deny | Then::Approve(_) | Then::Alert => {}
        }
    }

    /// Counts a call.
    pub(super) const fn tally(&mut self, denied: bool) {
        if denied {
            self.denied = self.denied.saturating_add(1);
        } else {
            self.calls = self.calls.saturating_add(1);
        }
    }

    pub(super) fn latest_of(&self, place: usize) -> i64 {
        self.latest.get(place).copied().unwrap_or(NONE)
    }

    pub(super) fn instant(&self, pattern: &Pattern, at: usize) -> i64 {
        self.instants
            .get(pattern.instants + at)
            .copied()
            .unwrap_or(NONE)
    }

    pub(super) fn set_instant(&mut self, pattern: &Pattern, at: usize, to: i64) {
        if let Some(instant) = self.instants.get_mut(pattern.instants + at) {
            *instant = to;
        }
    }

    pub(super) fn counter(&self, pattern: &Pattern, at: usize) -> u16 {
        self.counters
            .get(pattern.counters + at)
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn set_counter(&mut self, pattern: &Pattern, at: usize, to: u16) {
        if let Some(counter) = self.counters.get_mut(pattern.counters + at) {
            *counter = to;
        }
    }

    // The first instant of a counting pattern is the number of its newest bucket.

    pub(super) fn buckets(&self, pattern: &Pattern) -> Buckets {
        let counts = std::array::from_fn(|at| self.counter(pattern, at));
        Buckets::new(self.instant(pattern, 0), counts)
    }

    pub(super) fn set_buckets(&mut self, pattern: &Pattern, buckets: &Buckets) {
        self.set_instant(pattern, 0, buckets.newest());
        for (at, count) in buckets.counts().into_iter().enumerate() {
            self.set_counter(pattern, at, count);
        }
    }

    fn counted(&self, pattern: &Pattern, now: i64) -> i64 {
        let Form::Count { window, .. } = pattern.form else {
            return 0;
        };
        self.buckets(pattern).sum(now.div_euclid(width(window)))
    }

    fn count_one(&mut self, pattern: &Pattern, now: i64) {
        let Form::Count { window, .. } = pattern.form else {
            return;
        };
        let mut buckets = self.buckets(pattern);
        buckets.add(now.div_euclid(width(window)));
        self.set_buckets(pattern, &buckets);
    }
}
