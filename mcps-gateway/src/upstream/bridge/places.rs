//! Places for what callers may have only so much of, each of them and all together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All of one kind. A copy is of the same ones.
#[derive(Clone, Debug)]
pub(super) struct Places {
    most: usize,
    most_each: usize,
    taken: Arc<Taken>,
}

/// By caller. Those whom nobody knows are one.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<Option<String>, usize>>);

impl Taken {
    fn all(&self) -> MutexGuard<'_, HashMap<Option<String>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    caller: Option<String>,
    taken: Arc<Taken>,
}

impl Places {
    pub(super) fn new(most: usize, most_each: usize) -> Self {
        Self {
            most,
            most_each,
            taken: Arc::default(),
        }
    }

    /// Takes one for a caller; `None` when they have their share, or there is none left.
    pub(super) fn take(&self, caller: Option<&str>) -> Option<Place> {
        let caller = caller.map(str::to_owned);
        let mut all = self.taken.all();
        let own = all.get(&caller).copied().unwrap_or_default();
        if own >= self.most_each || all.values().sum::<usize>() >= self.most {
            return None;
        }
        all.insert(caller.clone(), own + 1);
        Some(Place {
            caller,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.taken.all();
        match all.get_mut(&self.caller) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(all.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests;
