//! Where the state of each pattern stands in a memory.

use std::sync::Arc;

use mcps_core::digest::Digest;

use super::{Form, Then};
use crate::policy::config::{On, Scope};
use crate::policy::fact::{FactSet, FactTable};

/// What a history may take, in bytes as it is stored.
pub(crate) const LARGEST: usize = 4096;
/// Bytes of a stored history without facts and patterns.
pub(super) const HEADER: usize = 64;

/// One sequence.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) id: String,
    /// What binds stored state to it: its id and what it matches.
    pub(crate) key: u64,
    pub(crate) form: Form,
    /// Milliseconds.
    pub(crate) within: Option<i64>,
    pub(crate) scope: Scope,
    pub(crate) then: Then,
    pub(crate) reason: String,
    pub(crate) observe: bool,
    /// Where its instants begin.
    pub(crate) instants: usize,
    /// Where its counters begin.
    pub(crate) counters: usize,
}

/// The facts and patterns of one set, as memories know them.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(super) fact_keys: Vec<u64>,
    pub(super) sensitive: FactSet,
    /// Facts that may count before they are there.
    pub(super) at_once: FactSet,
    /// Facts by what they are `on`: call, result, denied, approval.
    pub(super) kinds: [FactSet; 4],
    pub(crate) patterns: Vec<Pattern>,
    /// For each fact, the patterns that it can make act.
    by_fact: Vec<Vec<usize>>,
    pub(super) instants: usize,
    pub(super) counters: usize,
    /// The worst that one history takes when it is stored.
    pub(crate) bytes: usize,
}

impl Layout {
    /// Lays out `patterns` over the facts of `table`.
    pub(crate) fn new(table: &FactTable, mut patterns: Vec<Pattern>) -> Arc<Self> {
        let (mut instants, mut counters) = (0, 0);
        let mut by_fact = vec![Vec::new(); table.facts.len()];
        let mut bytes = HEADER + 16 * table.facts.len();
        for (at, pattern) in patterns.iter_mut().enumerate() {
            (pattern.instants, pattern.counters) = (instants, counters);
            instants += pattern.form.instants();
            counters += pattern.form.counters();
            bytes += 10 + 8 * pattern.form.instants() + 2 * pattern.form.counters();
            for place in pattern.form.acts_on().places() {
                if let Some(list) = by_fact.get_mut(place) {
                    list.push(at);
                }
            }
        }
        Arc::new(Self {
            fact_keys: table
                .facts
                .iter()
                .map(|fact| key(&["fact", &fact.id]))
                .collect(),
            sensitive: table.sensitive(),
            at_once: table.at_once(),
            kinds: [On::Call, On::Result, On::Denied, On::Approval].map(|on| table.on(on)),
            patterns,
            by_fact,
            instants,
            counters,
            bytes,
        })
    }

    /// The patterns that facts of `set` can make act, each once.
    pub(super) fn touched(&self, set: FactSet) -> Vec<usize> {
        let lists = set.places().filter_map(|place| self.by_fact.get(place));
        let mut touched: Vec<usize> = lists.flatten().copied().collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The pattern called `id`.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.patterns.iter().position(|pattern| pattern.id == id)
    }
}

impl Pattern {
    /// A pattern that matches `text`; [`Layout::new`] gives it its place.
    pub(crate) fn new(id: &str, text: &str, form: Form, scope: Scope, then: Then) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self {
            id: id.to_owned(),
            key: key(&["sequence", id, &words.concat()]),
            form,
            within: None,
            scope,
            then,
            reason: String::new(),
            observe: false,
            instants: 0,
            counters: 0,
        }
    }
}

impl Pattern {
    /// How old something may be that makes it act, in milliseconds; `None` without a bound.
    pub(crate) fn reach(&self) -> Option<i64> {
        match self.form {
            Form::Count { window, .. } => Some(window),
            _ => self.within,
        }
    }
}

fn key(parts: &[&str]) -> u64 {
    let digest = Digest::of(parts.join("\0").as_bytes());
    let first: [u8; 8] = std::array::from_fn(|at| digest.as_bytes().get(at).copied().unwrap_or(0));
    u64::from_le_bytes(first)
}
