//! The order of an object's member names, and the refusal of repeated ones.

use std::cmp::Ordering;

use super::Parser;
use crate::json::node::ESCAPED;
use crate::json::{JsonError, text, utf16_order};

/// A member name as written.
pub(super) struct Name<'t> {
    pub(super) content: &'t str,
    pub(super) escaped: bool,
}

impl Parser<'_> {
    /// Adds the names of the object whose first name is node `first` to the table of orders and
    /// refuses a repetition. Gives the place of the entry.
    pub(super) fn sort_names(
        &mut self,
        first: usize,
        len: u32,
        escaped: bool,
    ) -> Result<u32, JsonError> {
        let entry = self.orders.len();
        self.orders.push(len);
        let mut index = first;
        for _ in 0..len {
            self.orders.push(index as u32);
            index = self.node(index as u32 + 1).next as usize;
        }
        let mut orders = std::mem::take(&mut self.orders);
        let names = orders.get_mut(entry + 1..).unwrap_or_default();
        let repeated = if escaped {
            self.sort_decoded(names)
        } else {
            self.sort_written(names)
        };
        self.orders = orders;
        match repeated {
            Some(name) => Err(JsonError::DuplicateMember {
                offset: self.node(name).start as usize,
            }),
            None => Ok(entry as u32),
        }
    }

    /// Sorts names without escapes; gives one that is there twice.
    fn sort_written(&self, names: &mut [u32]) -> Option<u32> {
        let content = |name: u32| self.content(self.node(name));
        names.sort_unstable_by(|&left, &right| utf16_order(content(left), content(right)));
        repetition(names, |left, right| content(left) == content(right))
    }

    /// Sorts names of which some have escapes, each decoded once.
    fn sort_decoded(&self, names: &mut [u32]) -> Option<u32> {
        let mut decoded: Vec<_> = names
            .iter()
            .map(|&name| {
                let node = self.node(name);
                (text::unescape(self.content(node), node.has(ESCAPED)), name)
            })
            .collect();
        decoded.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
        for (name, (_, sorted)) in names.iter_mut().zip(&decoded) {
            *name = *sorted;
        }
        decoded.windows(2).find_map(|pair| match pair {
            [(left, one), (right, other)] if left == right => Some(*one.max(other)),
            _ => None,
        })
    }
}

/// Compares names in UTF-16 order.
pub(super) fn compare(left: &Name<'_>, right: &Name<'_>) -> Ordering {
    if left.escaped || right.escaped {
        let left = text::unescape(left.content, left.escaped);
        utf16_order(&left, &text::unescape(right.content, right.escaped))
    } else {
        utf16_order(left.content, right.content)
    }
}

/// The later of two neighbours that are the same.
fn repetition(names: &[u32], same: impl Fn(u32, u32) -> bool) -> Option<u32> {
    names.windows(2).find_map(|pair| match *pair {
        [left, right] if same(left, right) => Some(left.max(right)),
        _ => None,
    })
}
