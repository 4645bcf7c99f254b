//! A history as bytes: bound to facts and sequences by name, so that it outlives a policy set.
//!
//! `version, flags, scope, level, until, start, calls, denied`, then for each fact that held its key
//! and time, then for each pattern with something to say its key, flags and state. Little-endian. Of those that
//! the writer's set does not have it is what was there, with the time since when nobody wrote who has them.

use std::collections::HashMap;
use std::sync::Arc;

use mcps_core::clock::Timestamp;
use mcps_core::level::TrustLevel;

use super::foreign::State;
use super::layout::{Layout, Pattern};
use super::{Form, Memory, MemoryError, NONE};
use crate::policy::config::Scope;

const VERSION: u8 = 1;
const STOPPED: u8 = 1;
const LOST: u8 = 2;
const LOWERED: u8 = 4;

/// Of a pattern that acted.
const FIRED: u8 = 1;
/// Of a pattern that the writer did not have.
const KEPT: u8 = 2;

/// Among the facts, the time until which the true history was lost: no fact's name is so short.
const LOST_UNTIL: u64 = u64::from_le_bytes(*b"lost at ");

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
    /// Whether nothing has happened that a sequence goes by, so that a fresh one says the same.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let fresh = Self::fresh(&self.layout, self.scope, Timestamp::from_millis(self.start));
        same_but_for_counts(&self.to_bytes(), &fresh.to_bytes())
    }

    /// The history as bytes: at most 4 KiB of what its set knows, and as much of what others do.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.layout.bytes);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let (level, until) = self.lowered.unwrap_or((TrustLevel::L0, 0));
        out.extend([
            VERSION,
            flag(self.stopped, STOPPED)
                | flag(self.lost.is_some(), LOST)
                | flag(self.lowered.is_some(), LOWERED),
            scope_number(self.scope),
            level.number(),
        ]);
        out.extend(until.to_le_bytes());
        out.extend(self.start.to_le_bytes());
        out.extend(self.calls.to_le_bytes());
        out.extend(self.denied.to_le_bytes());
        let held = self.facts().places().map(|place| {
            let key = self.layout.fact_keys.get(place).copied();
            (key.unwrap_or_default(), self.latest_of(place))
        });
        let lost = self.lost.map(|until| (LOST_UNTIL, until));
        let facts: Vec<(u64, i64)> = held.chain(lost).chain(self.foreign.facts()).collect();
        out.extend((facts.len() as u16).to_le_bytes());
        for (key, time) in facts {
            out.extend(key.to_le_bytes());
            out.extend(time.to_le_bytes());
        }
        for (place, pattern) in self.layout.patterns.iter().enumerate() {
            let (instants, counters) = (pattern.form.instants(), pattern.form.counters());
            let fired = self.fired().has(place);
            let empty = (0..instants).all(|at| self.instant(pattern, at) == NONE);
            // Of a lost history, what is not spoken of is assumed.
            if pattern.scope != self.scope || (empty && !fired && self.lost.is_none()) {
                continue;
            }
            out.extend(pattern.key.to_le_bytes());
            out.push(flag(fired, FIRED));
            out.push((8 * instants + 2 * counters) as u8);
            (0..instants).for_each(|at| out.extend(self.instant(pattern, at).to_le_bytes()));
            (0..counters).for_each(|at| out.extend(self.counter(pattern, at).to_le_bytes()));
        }
        for (key, state) in self.foreign.patterns() {
            out.extend(key.to_le_bytes());
            out.push(KEPT | flag(state.fired, FIRED));
            out.push(state.bytes.len() as u8);
            out.extend(state.since.to_le_bytes());
            out.extend(&state.bytes);
        }
        out
    }

    /// Reads a history. What it says of facts and sequences that `layout` does not know is kept as it is;
    /// sequences that are new to it begin with what follows from the facts, or, where the history was
    /// lost, with what must be assumed.
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
        let start = i64::from_le_bytes(reader.take()?);
        let mut memory = Memory::fresh(layout, scope, Timestamp::MAX);
        memory.start = start;
        memory.calls = u32::from_le_bytes(reader.take()?);
        memory.denied = u32::from_le_bytes(reader.take()?);
        memory.stopped = flags & STOPPED != 0;
        memory.lost = (flags & LOST != 0).then_some(start);
        memory.lowered = (flags & LOWERED != 0).then_some((level, until));
        memory.read_facts(&mut reader)?;
        memory.assume();
        memory.read_patterns(&mut reader)?;
        memory.follow();
        memory.trim();
        Ok(memory)
    }

    fn read_facts(&mut self, reader: &mut Reader<'_>) -> Result<(), MemoryError> {
        let facts = numbered(self.layout.fact_keys.iter().copied());
        for _ in 0..u16::from_le_bytes(reader.take()?) {
            let key = u64::from_le_bytes(reader.take()?);
            let time = i64::from_le_bytes(reader.take()?);
            let place = facts.get(&key);
            match place.and_then(|place| self.latest.get_mut(*place)) {
                Some(latest) => *latest = time,
                None if key == LOST_UNTIL => self.lost = self.lost.and(Some(time)),
                None => self.foreign.keep_fact(key, time),
            }
        }
        Ok(())
    }

    /// Where it was lost, whoever assumed what must be assumed may have known less facts and sequences.
    fn assume(&mut self) {
        let Some(lost) = self.lost else { return };
        let layout = Arc::clone(&self.layout);
        let assumed = Memory::unknown(&layout, self.scope, Timestamp::from_millis(lost));
        for (mine, assumed) in self.latest.iter_mut().zip(assumed.latest) {
            *mine = assumed.max(*mine);
        }
        (self.instants, self.counters) = (assumed.instants, assumed.counters);
    }

    fn read_patterns(&mut self, reader: &mut Reader<'_>) -> Result<(), MemoryError> {
        let layout = Arc::clone(&self.layout);
        let places = numbered(layout.patterns.iter().map(|pattern| pattern.key));
        let newest = self.newest();
        while !reader.0.is_empty() {
            let key = u64::from_le_bytes(reader.take()?);
            let [flags, length] = reader.take()?;
            let since = match flags & KEPT {
                0 => newest,
                _ => i64::from_le_bytes(reader.take()?),
            };
            let fired = flags & FIRED != 0;
            let bytes = reader.slice(usize::from(length))?;
            let place = places.get(&key).copied();
            let pattern = place.and_then(|place| layout.patterns.get(place));
            match place.zip(pattern) {
                Some((place, pattern)) if pattern.scope == self.scope => {
                    if fired {
                        self.fired = self.fired().with(place).0;
                    }
                    self.read_pattern(pattern, bytes)?;
                }
                _ => self.foreign.keep_pattern(
                    key,
                    State {
                        fired,
                        since,
                        bytes: bytes.to_vec(),
                    },
                ),
            }
        }
        Ok(())
    }

    fn read_pattern(&mut self, pattern: &Pattern, bytes: &[u8]) -> Result<(), MemoryError> {
        let mut state = Reader(bytes);
        for at in 0..pattern.form.instants() {
            self.set_instant(pattern, at, i64::from_le_bytes(state.take()?));
        }
        for at in 0..pattern.form.counters() {
            self.set_counter(pattern, at, u16::from_le_bytes(state.take()?));
        }
        match state.0 {
            [] => Ok(()),
            _ => Err(MemoryError::Damaged),
        }
    }

    /// Gives sequences what follows from the facts: those that the stored history did not speak of, or
    /// that some of its writers did not have.
    fn follow(&mut self) {
        self.infer();
        let layout = Arc::clone(&self.layout);
        for pattern in &layout.patterns {
            // What calms must be shown again after a loss, in which it is only assumed, and so must what counts
            // with a call: that may not have been answered.
            if let Form::Never { before, .. } = pattern.form
                && self.lost.is_none()
                && !layout.at_once.has(before)
            {
                let latest = self.latest_of(before).max(self.instant(pattern, 0));
                self.set_instant(pattern, 0, latest);
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
