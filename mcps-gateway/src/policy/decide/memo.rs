//! What Cedar said of inputs that it has seen: asking it again costs ten times as much.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Matched;

/// The most answers that are kept. Beyond it all of them are forgotten: who asks anew every time has
/// no use for them.
const MOST: usize = 2048;
/// The longest input that is kept, in bytes.
const LONGEST: usize = 1024;

/// Answers by all that Cedar is told of a call, byte by byte. It belongs to one set of policies.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<Box<[u8]>, Arc<Matched>>>);

impl Memo {
    fn known(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Arc<Matched>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, input: &[u8]) -> Option<Arc<Matched>> {
        self.known().get(input).cloned()
    }

    pub(super) fn put(&self, input: Vec<u8>, matched: &Arc<Matched>) {
        if input.len() > LONGEST {
            return;
        }
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(input.into_boxed_slice(), Arc::clone(matched));
    }
}

#[cfg(test)]
mod tests;
