//! A history as bytes: bound to facts and sequences by name, so that it outlives a policy set.
//!
//! `version, flags, scope, level, until, start, calls, denied`, then for each fact that held its key
//! and time, then for each pattern with something to say its key, flags and state. Little-endian.

use std::collections::HashMap;
use std::sync::Arc;

use mcps_core::level::TrustLevel;

use super::layout::Layout;
use super::{Form, Memory, MemoryError, NONE};
use crate::policy::config::Scope;
use crate::policy::fact::FactSet;

const VERSION: u8 = 1;
const STOPPED: u8 = 1;
const LOST: u8 = 2;
const LOWERED: u8 = 4;

/// Where the numbers of calls and refusals are.
const COUNTS: std::ops::Range<usize> = 20..28;

/// Whether two stored histories say the same, but for how many calls and refusals there were: no sequence
/// goes by these.
#[must_use]
pub fn same_but_for_counts(one: &[u8], other: &[u8]) -> bool {
    one.get(..COUNTS.start) == other.get(..COUNTS.start)
        && one.get(COUNTS.end..) == other.get(COUNTS.end..)
}

impl Memory {
    /// The history as bytes, at most 4 KiB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.layout.bytes);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let (level, until) = self.lowered.unwrap_or((TrustLevel::L0, 0));
        out.extend([
            VERSION,
            flag(self.stopped, STOPPED)
                | flag(self.lost, LOST)
                | flag(self.lowered.is_some(), LOWERED),
            scope_number(self.scope),
            level.number(),
        ]);
        out.extend(until.to_le_bytes());
        out.extend(self.start.to_le_bytes());
        out.extend(self.calls.to_le_bytes());
        out.extend(self.denied.to_le_bytes());
        let held: Vec<usize> = self.facts().places().collect();
        out.extend((held.len() as u16).to_le_bytes());
        for place in held {
            let key = self
                .layout
                .fact_keys
                .get(place)
                .copied()
                .unwrap_or_default();
            out.extend(key.to_le_bytes());
            out.extend(self.latest_of(place).to_le_bytes());
        }
        for (place, pattern) in self.layout.patterns.iter().enumerate() {
            let (instants, counters) = (pattern.form.instants(), pattern.form.counters());
            let fired = self.fired().has(place);
            let empty = (0..instants).all(|at| self.instant(pattern, at) == NONE);
            if pattern.scope != self.scope || (empty && !fired) {
                continue;
            }
            out.extend(pattern.key.to_le_bytes());
            out.push(u8::from(fired));
            out.push((8 * instants + 2 * counters) as u8);
            (0..instants).for_each(|at| out.extend(self.instant(pattern, at).to_le_bytes()));
            (0..counters).for_each(|at| out.extend(self.counter(pattern, at).to_le_bytes()));
        }
        out
    }

    /// Reads a history. What it says of facts and sequences that `layout` does not know is dropped;
    /// sequences that are new to it begin with what follows from the facts.
    pub(crate) fn from_bytes(
        bytes: &[u8],
        layout: &Arc<Layout>,
        scope: Scope,
    ) -> Result<Self, MemoryError> {
        let mut reader = Reader(bytes);
        let [version] = reader.take()?;
        if version != VERSION {
            return Err(MemoryError::Version(version));
        }
        let [flags, stored, level] = reader.take()?;
        if stored != scope_number(scope) {
            return Err(MemoryError::Scope);
        }
        let level = TrustLevel::from_number(i64::from(level)).ok_or(MemoryError::Damaged)?;
        let until = i64::from_le_bytes(reader.take()?);
        let mut memory = Memory::fresh(layout, scope, mcps_core::clock::Timestamp::MAX);
        memory.start = i64::from_le_bytes(reader.take()?);
        memory.calls = u32::from_le_bytes(reader.take()?);
        memory.denied = u32::from_le_bytes(reader.take()?);
        memory.stopped = flags & STOPPED != 0;
        memory.lost = flags & LOST != 0;
        memory.lowered = (flags & LOWERED != 0).then_some((level, until));
        let facts: HashMap<u64, usize> = numbered(layout.fact_keys.iter().copied());
        for _ in 0..u16::from_le_bytes(reader.take()?) {
            let key = u64::from_le_bytes(reader.take()?);
            let time = i64::from_le_bytes(reader.take()?);
            let latest = facts
                .get(&key)
                .and_then(|place| memory.latest.get_mut(*place));
            if let Some(latest) = latest {
                *latest = time;
            }
        }
        let known = memory.read_patterns(&mut reader)?;
        memory.begin_new_ones(known);
        Ok(memory)
    }

    fn read_patterns(&mut self, reader: &mut Reader<'_>) -> Result<FactSet, MemoryError> {
        let layout = Arc::clone(&self.layout);
        let places = numbered(layout.patterns.iter().map(|pattern| pattern.key));
        let mut known = FactSet::default();
        while !reader.0.is_empty() {
            let key = u64::from_le_bytes(reader.take()?);
            let [fired, length] = reader.take()?;
            let mut state = Reader(reader.slice(usize::from(length))?);
            let place = places.get(&key).copied();
            let pattern = place.and_then(|place| layout.patterns.get(place));
            let Some((place, pattern)) = place.zip(pattern) else {
                continue;
            };
            if pattern.scope != self.scope {
                continue;
            }
            known = known.with(place);
            if fired != 0 {
                self.fired = self.fired().with(place).0;
            }
            for at in 0..pattern.form.instants() {
                self.set_instant(pattern, at, i64::from_le_bytes(state.take()?));
            }
            for at in 0..pattern.form.counters() {
                self.set_counter(pattern, at, u16::from_le_bytes(state.take()?));
            }
            if !state.0.is_empty() {
                return Err(MemoryError::Damaged);
            }
        }
        Ok(known)
    }

    /// Gives sequences that the stored history did not speak of the state that its facts imply.
    fn begin_new_ones(&mut self, known: FactSet) {
        self.infer();
        let layout = Arc::clone(&self.layout);
        for (place, pattern) in layout.patterns.iter().enumerate() {
            if let Form::Never { before, .. } = pattern.form
                && !known.has(place)
                && !self.lost
            {
                self.set_instant(pattern, 0, self.latest_of(before));
            }
        }
    }
}

fn numbered(keys: impl Iterator<Item = u64>) -> HashMap<u64, usize> {
    keys.enumerate().map(|(place, key)| (key, place)).collect()
}

const fn scope_number(scope: Scope) -> u8 {
    match scope {
        Scope::Session => 0,
        Scope::Principal => 1,
        Scope::Tenant => 2,
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], MemoryError> {
        self.slice(N)?.try_into().map_err(|_| MemoryError::Damaged)
    }

    fn slice(&mut self, length: usize) -> Result<&'b [u8], MemoryError> {
        let (first, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(MemoryError::Damaged)?;
        self.0 = rest;
        Ok(first)
    }
}
