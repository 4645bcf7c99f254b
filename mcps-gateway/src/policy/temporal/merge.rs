//! What several replicas saw of one history, as one.

use std::cmp::Ordering;
use std::sync::Arc;

use mcps_core::clock::Timestamp;

use super::{Form, Memory, NONE};

impl Memory {
    /// Joins what another replica or an older copy knows: whatever either saw, happened.
    pub fn merge(&mut self, other: &Memory) {
        let moved;
        let other = if Arc::ptr_eq(&self.layout, &other.layout) {
            other
        } else {
            moved = other.on(&self.layout);
            &moved
        };
        if other.scope != self.scope {
            return;
        }
        self.merge_known(other);
        self.merge_foreign(other);
    }

    fn merge_known(&mut self, other: &Memory) {
        let latest = self.latest.iter_mut().zip(&other.latest);
        latest.for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
        let layout = Arc::clone(&self.layout);
        for pattern in &layout.patterns {
            if let Form::Count { .. } = pattern.form {
                let mut buckets = self.buckets(pattern);
                buckets.merge(&other.buckets(pattern));
                self.set_buckets(pattern, &buckets);
                continue;
            }
            for at in 0..pattern.form.instants() {
                let later = self.instant(pattern, at).max(other.instant(pattern, at));
                self.set_instant(pattern, at, later);
            }
        }
        self.infer();
        self.fired |= other.fired;
        self.start = self.start.min(other.start);
        self.calls = self.calls.max(other.calls);
        self.denied = self.denied.max(other.denied);
        self.stopped |= other.stopped;
        self.lowered = match (self.lowered, other.lowered) {
            (Some((a, until_a)), Some((b, until_b))) => Some((a.min(b), until_a.max(until_b))),
            (one, other) => one.or(other),
        };
    }

    /// Of what both do not know. Where one of them was lost, whoever assumed what must be assumed did not
    /// know these sequences: those that only the other has say less than that.
    fn merge_foreign(&mut self, other: &Memory) {
        let (mine, theirs) = (&self.foreign, &other.foreign);
        let is_less = match self.lost.cmp(&other.lost) {
            Ordering::Less => mine.has_patterns_beside(theirs),
            Ordering::Greater => theirs.has_patterns_beside(mine),
            Ordering::Equal => false,
        };
        self.lost = self.lost.max(other.lost);
        let is_clear = self.foreign.merge(&other.foreign);
        if is_less || !is_clear {
            self.forget();
        }
        self.trim();
    }

    /// Lets go of what other sets know where it is too much.
    pub(super) fn trim(&mut self) {
        if !self.foreign.trim(self.newest()) {
            self.forget();
        }
    }

    /// What other sets know of sequences is not all: they, and this one, must assume everything until now.
    fn forget(&mut self) {
        let newest = self.newest();
        let at = Timestamp::from_millis(newest);
        self.merge_known(&Self::unknown(&self.layout, self.scope, at));
        self.lost = Some(newest);
        self.foreign.forget_patterns();
    }

    /// The newest time that it speaks of.
    pub(super) fn newest(&self) -> i64 {
        let latest = self.latest.iter().copied();
        let all = latest.chain(self.foreign.newest()).chain(self.lost);
        all.fold(self.start, i64::max)
    }

    /// Prefixes that follow from the latest times: a fact that another surely followed.
    pub(super) fn infer(&mut self) {
        let layout = Arc::clone(&self.layout);
        for pattern in &layout.patterns {
            let Form::Chain(chain) = &pattern.form else {
                continue;
            };
            for (at, pair) in chain.windows(2).enumerate().take(pattern.form.instants()) {
                let &[first, second] = pair else { continue };
                let (first, second) = (self.latest_of(first), self.latest_of(second));
                let start = match at {
                    0 => first,
                    _ => self.instant(pattern, at - 1),
                };
                if first != NONE && first < second {
                    self.set_instant(pattern, at, self.instant(pattern, at).max(start));
                }
            }
        }
    }
}
