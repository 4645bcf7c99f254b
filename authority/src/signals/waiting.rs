//! Who waits for news, of those who fetch tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many may wait at once.
const ALL: usize = 64;
/// How many of them for one endpoint: who asks again before the end of an answer it gave up finds a
/// place, and nobody takes those of others.
const OF_ONE: usize = 2;

/// How many wait for each endpoint.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<String, usize>>);

/// A place among those who wait, until it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    waiting: &'a Waiting,
    endpoint: &'a str,
}

impl Waiting {
    /// A place for whoever waits for an endpoint's tokens; `None` where there are too many.
    pub(super) fn place<'a>(&'a self, endpoint: &'a str) -> Option<Place<'a>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.get(endpoint).copied().unwrap_or_default();
        if own >= OF_ONE || waiting.values().sum::<usize>() >= ALL {
            return None;
        }
        waiting.insert(endpoint.to_owned(), own + 1);
        Some(Place {
            waiting: self,
            endpoint,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let waiting = self.waiting.0.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(self.endpoint) {
            Some(others) if *others > 1 => *others -= 1,
            _ => drop(waiting.remove(self.endpoint)),
        }
    }
}

#[cfg(test)]
mod tests;
