//! Facts: what an operator wants to know of each call, found in linear time.
//!
//! A fact's conditions speak of the call (tool, arguments, levels) and, for `on = "result"`, of the
//! result. The call is looked at once, for every fact whatever it is `on`; what is left to see of the result
//! is cheap.

mod compile;
mod destination;
mod evidence;
mod fold;
mod glob;
mod host;
mod list;
mod path;
mod scan;
mod schema;
mod sql;
mod table;
mod wildcard;

#[cfg(test)]
mod tests;

pub use super::config::On;
pub(crate) use compile::{Compiler, is_id};
pub(crate) use table::FactTable;

use super::question::Classes;

/// At most this many facts a tenant.
pub const MOST: usize = 128;

/// A set of facts, by their place in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactSet(pub(crate) u128);

impl FactSet {
    /// Whether the fact at `place` is in it.
    #[must_use]
    pub const fn has(self, place: usize) -> bool {
        place < MOST && self.0 & (1 << place) != 0
    }

    /// With the fact at `place`.
    #[must_use]
    pub const fn with(self, place: usize) -> Self {
        if place < MOST {
            Self(self.0 | 1 << place)
        } else {
            self
        }
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in it and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The places in it, lowest first.
    pub fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            Some(place)
        })
    }
}

/// What the classifier found out about one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Facts of the call itself.
    pub(crate) call: FactSet,
    /// Cases of facts on results whose conditions on the call hold: fact and case.
    pub(crate) pending: Vec<(usize, usize)>,
    /// Those that hold whatever the result is, and so from the moment the call goes on.
    pub(crate) at_once: FactSet,
    /// Facts of its result that a record names.
    pub(crate) recalled: FactSet,
    /// Facts that hold if the call is refused.
    pub(crate) denied: FactSet,
    /// Facts that hold if the call goes on by an approval.
    pub(crate) approval: FactSet,
    /// The classes the tool counts as.
    pub(crate) class: Classes,
    /// Hosts and mail domains that the arguments name; empty where no policy asks.
    pub(crate) hosts: Vec<String>,
    /// The set it was made with.
    pub(crate) layout: u64,
}

impl Facts {
    /// With what another look at the same call found.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.call = self.call.or(other.call);
        self.at_once = self.at_once.or(other.at_once);
        self.recalled = self.recalled.or(other.recalled);
        self.denied = self.denied.or(other.denied);
        self.approval = self.approval.or(other.approval);
        for pending in &other.pending {
            if !self.pending.contains(pending) {
                self.pending.push(*pending);
            }
        }
        self
    }
}
