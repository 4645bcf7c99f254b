//! The three histories of a call, decided on and changed as one, whichever gateway the call came to.
//!
//! A gateway decides on its own copies and has the store write the outcome if they are still the last
//! word; if not, it has the last word from the same answer, and decides again. So a call asks the
//! store once where nobody else changed its histories, and N calls at a time see each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use tokio::time::timeout;

use super::cells::{Cell, Cells, Committed, Stored, Tag};
use super::marker::Marker;
use super::turns::Turns;
use super::{SharedError, Store};
use crate::history::{HistoryError, Key, Scopes};
use crate::policy::{Memory, Policies, Scope, same_but_for_counts};

/// After so many, a call stands in line with the others of its tenant.
const FREE: usize = 2;
/// After so many, a call is refused. In line, only other gateways can win against it.
const ATTEMPTS: usize = 64;
/// After so many answers' time, a call is refused.
const PATIENCE: u32 = 8;
/// The most copies that are held; beyond it a tenth of them go, which costs a further question each.
const MOST: usize = 50_000;
/// The most histories of before that are kept for the store, whichever of its losses they are of.
const MOST_FORMER: usize = 4 * MOST;

/// Histories in a store.
#[derive(Debug)]
pub(crate) struct Together {
    cells: Arc<dyn Cells>,
    copies: Mutex<Copies>,
    turns: Turns,
    patience: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Copies {
    /// Of which store.
    store: String,
    known: HashMap<Key, Known>,
    /// What this gateway knows of before, by itself or in another store. It goes into the store at the
    /// next call.
    former: HashMap<Key, Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Known {
    tag: Tag,
    memory: Memory,
    used: Timestamp,
}

/// A call's own copies, and what the store has of them.
struct Draft {
    known: Known,
    /// As the store has it.
    was: Vec<u8>,
    /// Something of before is in it, which the store does not have.
    joined: bool,
}

impl Together {
    /// In that store, with what this gateway kept by itself before.
    pub(crate) fn of(
        store: &Arc<Store>,
        former: HashMap<Key, Vec<u8>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let cells: Arc<dyn Cells> = Arc::<Store>::clone(store);
        Self::new(cells, store.timeout(), former, clock)
    }

    pub(super) fn new(
        cells: Arc<dyn Cells>,
        timeout: Duration,
        former: HashMap<Key, Vec<u8>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let copies = Copies {
            store: cells.marker().id.clone(),
            known: HashMap::new(),
            former,
        };
        Self {
            cells,
            copies: Mutex::new(copies),
            turns: Turns::default(),
            patience: timeout * PATIENCE,
            clock,
        }
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a call's histories. `act` is done again where another call came first, and
    /// only what it did last counts.
    ///
    /// # Errors
    /// [`HistoryError::Shared`]: then the call must not go on.
    pub(crate) async fn under<T: Send>(
        &self,
        three: [(Scope, Key); 3],
        policies: &Policies,
        act: impl FnMut(&mut Scopes<'_>) -> T + Send,
    ) -> Result<T, HistoryError> {
        match timeout(self.patience, self.attempts(three, policies, act)).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(SharedError::Crowded.into()),
        }
    }

    async fn attempts<T: Send>(
        &self,
        three: [(Scope, Key); 3],
        policies: &Policies,
        mut act: impl FnMut(&mut Scopes<'_>) -> T + Send,
    ) -> Result<T, SharedError> {
        let [_, _, (_, tenant)] = three;
        let keep = policies.remembers_for();
        let mut turn = None;
        for attempt in 0..ATTEMPTS {
            if turn.is_none() && (attempt >= FREE || self.turns.is_crowded(tenant)) {
                turn = Some(self.turns.wait(tenant).await);
            }
            let marker = self.cells.marker();
            let Some(mut drafts) = self.drafts(&marker, three) else {
                self.look(&marker, three, policies).await?;
                continue;
            };
            let done = {
                let [session, principal, tenant] = &mut drafts;
                act(&mut Scopes::new([
                    &mut session.known.memory,
                    &mut principal.known.memory,
                    &mut tenant.known.memory,
                ]))
            };
            let cells = cells(three, &drafts);
            match self.cells.commit(&marker, &cells, keep).await? {
                Committed::Done(tag) => {
                    self.wrote(&marker, &cells, drafts, &tag);
                    return Ok(done);
                }
                Committed::Stale(stored) => self.learn(&marker, three, policies, stored),
                Committed::Moved => self.cells.find().await?,
            }
        }
        Err(SharedError::Crowded)
    }

    /// Asks what the three are.
    async fn look(
        &self,
        marker: &Marker,
        three: [(Scope, Key); 3],
        policies: &Policies,
    ) -> Result<(), SharedError> {
        let cells = three.map(|(_, key)| Cell {
            key,
            rests_on: Tag::Unread,
            becomes: None,
        });
        let keep = policies.remembers_for();
        match self.cells.commit(marker, &cells, keep).await? {
            Committed::Stale(stored) => self.learn(marker, three, policies, stored),
            Committed::Moved => self.cells.find().await?,
            Committed::Done(_) => return Err(SharedError::Unreadable),
        }
        Ok(())
    }

    /// Copies of the copies; `None` while one of them is not known.
    fn drafts(&self, marker: &Marker, three: [(Scope, Key); 3]) -> Option<[Draft; 3]> {
        let now = self.clock.now();
        let mut copies = self.copies();
        let copies = &mut *copies;
        copies.settle(marker);
        let mut draft = |key: Key| {
            let known = copies.known.get_mut(&key)?;
            known.used = now;
            let (was, joined) = (known.memory.to_bytes(), copies.former.contains_key(&key));
            Some((known.clone(), was, joined))
        };
        let [session, principal, tenant] = three.map(|(_, key)| draft(key));
        let draft = |(known, was, joined): (Known, Vec<u8>, bool)| Draft { known, was, joined };
        Some([draft(session?), draft(principal?), draft(tenant?)])
    }

    /// Takes in what the store says that the three are.
    fn learn(
        &self,
        marker: &Marker,
        three: [(Scope, Key); 3],
        policies: &Policies,
        stored: [Option<Stored>; 3],
    ) {
        let now = self.clock.now();
        let mut copies = self.copies();
        if copies.store != marker.id {
            return;
        }
        for ((scope, key), stored) in three.into_iter().zip(stored) {
            let mut memory = read(scope, policies, stored.as_ref(), marker, now);
            if let Some(bytes) = copies.former.get(&key) {
                match policies.restore(scope, bytes) {
                    Ok(former) => memory.merge(&former),
                    Err(_) => memory.merge(&policies.unknown(scope, now)),
                }
            }
            let tag = stored.map_or(Tag::Absent, |stored| Tag::Written(stored.tag));
            let used = now;
            copies.known.insert(key, Known { tag, memory, used });
        }
        copies.make_room();
    }

    /// Takes in that the store has what was decided.
    fn wrote(&self, marker: &Marker, cells: &[Cell; 3], drafts: [Draft; 3], tag: &[u8]) {
        let mut copies = self.copies();
        if copies.store != marker.id {
            return;
        }
        for (cell, draft) in cells.iter().zip(drafts) {
            let mut known = draft.known;
            if cell.becomes.is_some() {
                known.tag = Tag::Written(tag.to_vec());
                copies.former.remove(&cell.key);
            }
            // Answers may overtake each other: the later write stays.
            let later = copies.known.get(&cell.key);
            if later.is_none_or(|later| later.tag <= known.tag) {
                copies.known.insert(cell.key, known);
            }
        }
    }
}

impl Copies {
    /// In another store, what was known of the last is what is known of before.
    fn settle(&mut self, marker: &Marker) {
        if self.store == marker.id {
            return;
        }
        self.store.clone_from(&marker.id);
        for (key, known) in self.known.drain() {
            // A store that was lost has everything assumed of whoever is not in it, so that what there is
            // no room for is not forgotten.
            if self.former.len() < MOST_FORMER || self.former.contains_key(&key) {
                self.former.insert(key, known.memory.to_bytes());
            }
        }
    }

    fn make_room(&mut self) {
        if self.known.len() <= MOST {
            return;
        }
        let mut ages: Vec<(Timestamp, Key)> = self
            .known
            .iter()
            .map(|(key, known)| (known.used, *key))
            .collect();
        ages.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in ages.into_iter().take(MOST / 10) {
            self.known.remove(&key);
        }
    }
}

/// A history as the store has it, with what must be assumed of it.
fn read(
    scope: Scope,
    policies: &Policies,
    stored: Option<&Stored>,
    marker: &Marker,
    now: Timestamp,
) -> Memory {
    // Nothing that was lost happened later.
    let assumed = || policies.unknown(scope, marker.floor);
    let Some(stored) = stored else {
        let over = marker.made.plus(policies.remembers_for());
        return match marker.lost && now < over {
            true => assumed(),
            false => policies.fresh(scope, now),
        };
    };
    let Ok(mut memory) = policies.restore(scope, &stored.bytes) else {
        tracing::error!("a shared history cannot be read, so everything counts as done");
        return policies.unknown(scope, now);
    };
    // It is of a store that fell back: what was done since is not in it.
    if !stored.tag.starts_with(marker.id.as_bytes()) {
        memory.merge(&assumed());
    }
    memory
}

/// What is asked of the store. How many calls there were is a matter of sessions alone; caller and
/// tenant are written only where something happened that a rule could go by.
fn cells(three: [(Scope, Key); 3], drafts: &[Draft; 3]) -> [Cell; 3] {
    let mut drafts = drafts.iter();
    three.map(|(scope, key)| {
        let draft = drafts.next();
        let becomes = draft.and_then(|draft| {
            let now = draft.known.memory.to_bytes();
            let same = match scope {
                Scope::Session => draft.was == now,
                Scope::Principal | Scope::Tenant => same_but_for_counts(&draft.was, &now),
            };
            (!same || draft.joined).then_some(now)
        });
        let rests_on = draft.map_or(Tag::Unread, |draft| draft.known.tag.clone());
        Cell {
            key,
            rests_on,
            becomes,
        }
    })
}
