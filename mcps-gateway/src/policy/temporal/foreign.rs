//! What a history says of facts and sequences that its own policy set does not have: while gateways that
//! remember together have different sets, each keeps for the others what it cannot read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::buckets::Buckets;
use super::layout::LARGEST;

/// What it may take, in bytes as it is stored: as much as any set knows.
pub(super) const MOST: usize = LARGEST;
/// Where there is no room, what nobody wrote for so long who knows it goes without a trace: by then all
/// have one set again.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of a fact: its key and its time.
const FACT: usize = 16;
/// Bytes of a pattern without its state.
const PATTERN: usize = 18;

/// The facts and patterns, by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Foreign {
    facts: BTreeMap<u64, i64>,
    patterns: BTreeMap<u64, State>,
}

/// The state of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// It acted.
    pub(super) fired: bool,
    /// The newest time in the history when somebody last wrote it who knows the pattern.
    pub(super) since: i64,
    /// Instants, or the buckets of a count, as they are stored.
    pub(super) bytes: Vec<u8>,
}

impl Foreign {
    pub(super) fn facts(&self) -> impl Iterator<Item = (u64, i64)> {
        self.facts.iter().map(|(key, time)| (*key, *time))
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = (u64, &State)> {
        self.patterns.iter().map(|(key, state)| (*key, state))
    }

    /// The newest of its facts.
    pub(super) fn newest(&self) -> Option<i64> {
        self.facts.values().copied().max()
    }

    pub(super) fn keep_fact(&mut self, key: u64, time: i64) {
        self.facts.insert(key, time);
    }

    pub(super) fn keep_pattern(&mut self, key: u64, state: State) {
        self.patterns.insert(key, state);
    }

    /// Whether it has patterns that `other` has not.
    pub(super) fn has_patterns_beside(&self, other: &Self) -> bool {
        let mut keys = self.patterns.keys();
        keys.any(|key| !other.patterns.contains_key(key))
    }

    pub(super) fn forget_patterns(&mut self) {
        self.patterns.clear();
    }

    /// Joins what another replica has; `false` where two states of one pattern cannot be of the same.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        for (key, time) in other.facts() {
            let latest = self.facts.entry(key).or_insert(time);
            *latest = time.max(*latest);
        }
        let mut is_clear = true;
        for (key, theirs) in other.patterns() {
            match self.patterns.get_mut(&key) {
                Some(mine) => is_clear &= mine.merge(theirs),
                None => self.keep_pattern(key, theirs.clone()),
            }
        }
        is_clear
    }

    /// Lets the oldest go where it is too much; `false` where something of it was not old.
    pub(super) fn trim(&mut self, newest: i64) -> bool {
        let patterns = self
            .patterns
            .values()
            .map(|state| PATTERN + state.bytes.len());
        let mut taken = FACT * self.facts.len() + patterns.sum::<usize>();
        if taken <= MOST {
            return true;
        }
        let facts = self.facts().map(|(key, time)| (time, FACT, key, true));
        let patterns = self
            .patterns()
            .map(|(key, state)| (state.since, PATTERN + state.bytes.len(), key, false));
        let mut ages: Vec<(i64, usize, u64, bool)> = facts.chain(patterns).collect();
        ages.sort_unstable();
        let old = newest.saturating_sub(i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX));
        let mut all_old = true;
        for (time, bytes, key, is_fact) in ages {
            if taken <= MOST {
                break;
            }
            match is_fact {
                true => drop(self.facts.remove(&key)),
                false => drop(self.patterns.remove(&key)),
            }
            taken -= bytes;
            all_old &= time < old;
        }
        all_old
    }
}

impl State {
    /// As [`super::Memory::merge`] does with what it knows: which form it is, its length says.
    fn merge(&mut self, other: &Self) -> bool {
        self.fired |= other.fired;
        self.since = self.since.max(other.since);
        if self.bytes.len() != other.bytes.len() {
            return false;
        }
        if let (Some(mut mine), Some(theirs)) = (self.buckets(), other.buckets()) {
            mine.merge(&theirs);
            self.bytes = mine.to_bytes();
            return true;
        }
        let (mine, rest) = self.bytes.as_chunks_mut::<8>();
        let (theirs, _) = other.bytes.as_chunks::<8>();
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            let later = i64::from_le_bytes(*mine).max(i64::from_le_bytes(*theirs));
            *mine = later.to_le_bytes();
        }
        rest.is_empty()
    }

    fn buckets(&self) -> Option<Buckets> {
        Buckets::from_bytes(&self.bytes)
    }
}

// The state of a count is told from instants by its length.
const _: () = assert!(!Buckets::BYTES.is_multiple_of(8));

#[cfg(test)]
mod tests;
