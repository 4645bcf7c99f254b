//! The order of an object's member names, and the refusal of repeated ones.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Fault, Parser, Token, expected};
use crate::json::node::{ESCAPED, Node};
use crate::json::{JsonError, text, utf16_order};

/// A member name that was read.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// Its first eight bytes in an encoding whose order is that of UTF-16, so that most names are
    /// told apart by one comparison. 0 when that says nothing: for names with escapes, and for the
    /// empty one.
    prefix: u64,
    /// Its node on the tape.
    pub(super) node: u32,
}

const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

impl Parser<'_> {
    /// Reads the member name at `at` that starts with `first`; gives it and where it ends.
    #[inline]
    pub(super) fn name(&mut self, first: Token, at: usize) -> Result<(Name, usize), Fault> {
        if first != b'"' {
            return expected(at, "a member name in quotes");
        }
        let node = self.nodes.len() as u32;
        let end = self.string(at)?;
        let prefix = match self.nodes.last() {
            Some(node) if !node.has(ESCAPED) => self.prefix(at + 1, end - 1),
            _ => 0,
        };
        Ok((Name { prefix, node }, end))
    }

    /// [`Name::prefix`] of what stands from `start` to `end`.
    #[inline]
    fn prefix(&self, start: usize, end: usize) -> u64 {
        let len = end - start;
        let word = match self.bytes.get(start..).and_then(<[u8]>::first_chunk::<8>) {
            Some(word) if len >= 8 => u64::from_be_bytes(*word),
            Some(word) => u64::from_be_bytes(*word) & !(u64::MAX >> (8 * len)),
            None => {
                let mut word = [0; 8];
                let content = self.bytes.get(start..end).unwrap_or_default();
                word.iter_mut()
                    .zip(content)
                    .for_each(|(to, from)| *to = *from);
                u64::from_be_bytes(word)
            }
        };
        if word & HIGH == 0 {
            word
        } else {
            reorder(word)
        }
    }

    /// Compares names in UTF-16 order.
    #[inline]
    pub(super) fn compare(&self, left: &Name, right: &Name) -> Ordering {
        if left.prefix != right.prefix && left.prefix != 0 && right.prefix != 0 {
            left.prefix.cmp(&right.prefix)
        } else {
            self.compare_whole(left, right)
        }
    }

    #[inline(never)]
    fn compare_whole(&self, left: &Name, right: &Name) -> Ordering {
        utf16_order(&self.decoded(left.node), &self.decoded(right.node))
    }

    /// Adds the names from `first` on to the table of orders and refuses a repetition. Gives the
    /// place of the entry.
    pub(super) fn sort_names(&mut self, first: usize) -> Result<u32, Fault> {
        let mut all = std::mem::take(&mut self.names);
        let names = all.get_mut(first..).unwrap_or_default();
        let repeated = if sort_by_prefix(names) {
            None
        } else {
            self.sort_decoded(names)
        };
        if let Some(node) = repeated {
            return Err(self.repeated(node));
        }
        let entry = self.orders.len() as u32;
        self.orders.push(names.len() as u32);
        self.orders.extend(names.iter().map(|name| name.node));
        self.names = all;
        Ok(entry)
    }

    /// Sorts names by all of their characters; gives one that is there twice.
    fn sort_decoded(&self, names: &mut [Name]) -> Option<u32> {
        let mut decoded: Vec<_> = names
            .iter()
            .map(|name| (self.decoded(name.node), *name))
            .collect();
        decoded.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
        for (name, (_, sorted)) in names.iter_mut().zip(&decoded) {
            *name = *sorted;
        }
        decoded.windows(2).find_map(|pair| match pair {
            [(left, one), (right, other)] if left == right => Some(one.node.max(other.node)),
            _ => None,
        })
    }

    pub(super) fn repeated(&self, node: u32) -> Fault {
        Box::new(JsonError::DuplicateMember {
            offset: self.node(node).start as usize,
        })
    }

    /// The name at `node`, decoded.
    fn decoded(&self, node: u32) -> Cow<'_, str> {
        let node = self.node(node);
        let span = node.start as usize + 1..(node.end as usize).saturating_sub(1);
        text::unescape(self.text.get(span).unwrap_or_default(), node.has(ESCAPED))
    }

    fn node(&self, index: u32) -> Node {
        self.nodes
            .get(index as usize)
            .copied()
            .unwrap_or(Node::NULL)
    }
}

/// Sorts names by their prefixes; whether these tell them all apart.
fn sort_by_prefix(names: &mut [Name]) -> bool {
    names.sort_unstable_by_key(|name| name.prefix);
    let told_apart = |pair: &[Name]| matches!(pair, [left, right] if left.prefix < right.prefix);
    names.first().is_some_and(|name| name.prefix != 0) && names.windows(2).all(told_apart)
}

/// Moves the bytes that start characters beyond U+FFFF (F0..F4) below those that start
/// U+E000..U+FFFF (EE, EF): UTF-16 sorts them so, see [`utf16_order`].
fn reorder(word: u64) -> u64 {
    u64::from_be_bytes(word.to_be_bytes().map(|byte| match byte {
        0xEE | 0xEF => byte + 5,
        0xF0..=0xF4 => byte - 2,
        _ => byte,
    }))
}
