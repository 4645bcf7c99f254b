//! What sessions, callers and tenants did before: constant in size each, and written down before the
//! call goes on, so that a restart forgets nothing that a rule could ask for. One gateway keeps them by
//! itself; several keep them together ([`crate::shared`]).

mod journal;

pub use journal::{Entry, Found, Journal};

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::code::Code;
use mcps_core::digest::Digest;

use crate::call::Call;
use crate::policy::{History, Memory, Policies, Scope, same_but_for_counts};
use crate::shared::{SharedError, Store, Together};

/// The most histories that are held. Beyond it those go in which nothing happened that a rule could go
/// by, and then those that were used last the longest ago; such a one counts as one in which everything
/// happened, should it come back.
const MOST: usize = 50_000;

/// The most that are known to be gone. Beyond it everything is assumed of whoever is new, for as long as
/// any rule could go by what is gone.
const MOST_GONE: usize = 1_000_000;

/// Few keys are of more bytes.
const COMMON: usize = 192;

/// Why nothing can be said of what happened before.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be written down, so it must not happen.
    #[error("what sessions do cannot be written to {}: {source}", path.display())]
    Unwritable {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store that gateways share does not have it.
    #[error("what gateways share cannot be had: {0}")]
    Shared(#[from] SharedError),
}

impl HistoryError {
    /// What the caller of a call is told that does not go on for it.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unwritable { .. } => Code::RecordUnavailable,
            Self::Shared(_) => Code::SharedStateUnavailable,
        }
    }
}

/// Whose history it is: a digest of who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub(crate) [u8; 32]);

impl Key {
    fn of(scope: Scope, parts: &[Option<&str>]) -> Self {
        let mut text = Vec::with_capacity(COMMON);
        text.push(match scope {
            Scope::Session => b's',
            Scope::Principal => b'p',
            Scope::Tenant => b't',
        });
        for part in parts {
            // Lengths keep the parts apart, and what is absent from what is empty.
            match part {
                None => text.push(0),
                Some(part) => {
                    text.push(1);
                    let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
                    text.extend_from_slice(&len.to_le_bytes());
                    text.extend_from_slice(part.as_bytes());
                }
            }
        }
        Self(*Digest::of(&text).as_bytes())
    }

    /// Session, caller and tenant of a call. The endpoint is not in it: who reads at one and sends at
    /// another is in the same session. A caller is whoever answers for it, where somebody does: two
    /// agents of one owner are one caller.
    pub(crate) fn three(call: &Call) -> [(Scope, Self); 3] {
        let session = &call.session;
        let tenant = Some(session.tenant.as_str());
        let who = session.principal.as_ref();
        let (name, issuer) = (who.map(|who| who.0.as_str()), who.map(|who| who.1.as_str()));
        let owner = call.caller.principal.as_ref();
        let owner = owner.map(|who| who.owner.as_str());
        let owner = owner.filter(|owner| !owner.is_empty());
        let run = session.session.as_deref();
        [
            (
                Scope::Session,
                Self::of(Scope::Session, &[tenant, name, issuer, run]),
            ),
            (
                Scope::Principal,
                match owner {
                    Some(_) => Self::of(Scope::Principal, &[tenant, owner]),
                    None => Self::of(Scope::Principal, &[tenant, name, issuer]),
                },
            ),
            (Scope::Tenant, Self::of(Scope::Tenant, &[tenant])),
        ]
    }
}

#[derive(Debug)]
struct Held {
    memory: Mutex<Memory>,
    used: Mutex<Timestamp>,
}

#[derive(Debug, Default)]
struct Table {
    held: HashMap<Key, Arc<Held>>,
    /// What was stored and not asked for yet: it is read with the set that asks.
    stored: HashMap<Key, Vec<u8>>,
    /// What had to go, and when.
    gone: HashMap<Key, Timestamp>,
    /// More had to go than is known: until then whoever is new may be one of them.
    crowded_until: Option<Timestamp>,
    /// Something of what was stored could not be read: whoever is not among the rest may have done
    /// anything.
    damaged: bool,
}

/// All histories.
#[derive(Debug)]
pub struct Histories {
    table: Mutex<Table>,
    journal: Mutex<Journal>,
    /// Where several gateways keep them, and this one none by itself.
    together: Option<Together>,
    clock: Arc<dyn Clock>,
}

/// The three histories of a call, which nobody else changes meanwhile.
pub struct Scopes<'a> {
    session: &'a mut Memory,
    principal: &'a mut Memory,
    tenant: &'a mut Memory,
}

impl<'a> Scopes<'a> {
    pub(crate) const fn new([session, principal, tenant]: [&'a mut Memory; 3]) -> Self {
        Self {
            session,
            principal,
            tenant,
        }
    }

    /// To be asked.
    #[must_use]
    pub fn read(&self) -> History<'_> {
        History {
            session: self.session,
            principal: self.principal,
            tenant: self.tenant,
        }
    }

    /// All three, to be changed.
    #[cfg(test)]
    pub(crate) fn all<T>(&mut self, act: impl FnOnce([&mut Memory; 3]) -> T) -> T {
        act([&mut *self.session, &mut *self.principal, &mut *self.tenant])
    }

    /// Changes each of them.
    pub fn change(&mut self, mut change: impl FnMut(&mut Memory)) {
        change(self.session);
        change(self.principal);
        change(self.tenant);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Histories {
    /// Those that a journal has.
    #[must_use]
    pub fn new(journal: Journal, found: Found, clock: Arc<dyn Clock>) -> Self {
        if found.damaged {
            tracing::error!(
                "a part of what sessions did before cannot be read: whose it was nobody knows, so of everybody \
                 else every sensitive fact is assumed"
            );
        }
        let table = Table {
            stored: found.stored,
            damaged: found.damaged,
            ..Table::default()
        };
        Self {
            table: Mutex::new(table),
            journal: Mutex::new(journal),
            together: None,
            clock,
        }
    }

    /// The same in a store that several gateways share: what this one had goes there, each history with
    /// the next call that it bears on.
    #[must_use]
    pub fn shared(mut self, store: &Arc<Store>) -> Self {
        let table = self.table.get_mut();
        let table = table.unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::take(&mut table.stored);
        let clock = Arc::clone(&self.clock);
        self.together = Some(Together::of(store, former, clock));
        self
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does something to a call's histories, and nobody else meanwhile. It may be done more than once:
    /// what it returns and changes the last time is what counts.
    ///
    /// # Errors
    /// [`HistoryError`]: then the call must not go on.
    pub async fn with<T: Send>(
        &self,
        call: &Call,
        policies: &Policies,
        act: impl FnMut(&mut Scopes<'_>) -> T + Send,
    ) -> Result<T, HistoryError> {
        match &self.together {
            None => self.under(call, policies, act),
            Some(together) => together.under(Key::three(call), policies, act).await,
        }
    }

    /// Does something under the locks of a call's histories, always taken in the same order, and writes
    /// down what it changed before they are released.
    ///
    /// # Errors
    /// [`HistoryError`]: then the call must not go on.
    fn under<T>(
        &self,
        call: &Call,
        policies: &Policies,
        act: impl FnOnce(&mut Scopes<'_>) -> T,
    ) -> Result<T, HistoryError> {
        let keys = Key::three(call);
        let held = keys.map(|(scope, key)| self.held(scope, key, policies));
        let [session, principal, tenant] = &held;
        let mut tenant = lock(&tenant.memory);
        let mut principal = lock(&principal.memory);
        let mut session = lock(&session.memory);
        let mut scopes = Scopes::new([&mut session, &mut principal, &mut tenant]);
        let before = scopes.bytes();
        let done = act(&mut scopes);
        let after = scopes.bytes();
        let keeps = scopes.keeps(policies);
        let changed = keys
            .iter()
            .zip(before)
            .zip(after.into_iter().zip(keeps))
            .filter(|((_, before), (after, _))| !same_but_for_counts(before, after));
        let entries: Vec<Entry> = changed
            .map(|(((_, key), _), (bytes, keep))| Entry {
                key: *key,
                bytes,
                keep,
            })
            .collect();
        if !entries.is_empty() {
            lock(&self.journal).append(&entries)?;
        }
        Ok(done)
    }

    fn held(&self, scope: Scope, key: Key, policies: &Policies) -> Arc<Held> {
        let now = self.clock.now();
        let mut table = lock(&self.table);
        if let Some(held) = table.held.get(&key) {
            *lock(&held.used) = now;
            return Arc::clone(held);
        }
        if table.held.len() >= MOST {
            table.make_room(now, policies.remembers_for());
        }
        let stored = table.stored.remove(&key);
        let memory = match stored {
            Some(bytes) => policies.restore(scope, &bytes).unwrap_or_else(|error| {
                tracing::error!(error = %error, "a history cannot be read, so everything counts as done: {error}");
                policies.unknown(scope, now)
            }),
            None if table.may_be_gone(&key, now) => policies.unknown(scope, now),
            None => policies.fresh(scope, now),
        };
        let held = Arc::new(Held {
            memory: Mutex::new(memory),
            used: Mutex::new(now),
        });
        table.held.insert(key, Arc::clone(&held));
        held
    }
}

impl Scopes<'_> {
    fn bytes(&self) -> [Vec<u8>; 3] {
        let Self {
            session,
            principal,
            tenant,
        } = self;
        [&**session, &**principal, &**tenant].map(Memory::to_bytes)
    }

    /// For how long each of them is kept, if nothing is added to it.
    fn keeps(&self, policies: &Policies) -> [Duration; 3] {
        let Self {
            session,
            principal,
            tenant,
        } = self;
        [&**session, &**principal, &**tenant].map(|memory| policies.keeps(memory))
    }
}

impl Table {
    /// Whether a history that is not here may have had something in it.
    fn may_be_gone(&self, key: &Key, now: Timestamp) -> bool {
        let crowded = self.crowded_until.is_some_and(|until| now < until);
        self.damaged || crowded || self.gone.contains_key(key)
    }

    /// Lets a tenth of them go: those in which nothing happened first, and then those that were used last
    /// the longest ago. Of what is gone for as long as anybody remembers nothing need be known.
    fn make_room(&mut self, now: Timestamp, remembered: Duration) {
        let idle = self.held.iter();
        let idle = idle.filter(|(_, held)| Arc::strong_count(held) == 1);
        let mut ages: Vec<(bool, Timestamp, Key)> = idle
            .map(|(key, held)| {
                let matters = !lock(&held.memory).is_blank();
                (matters, *lock(&held.used), *key)
            })
            .collect();
        ages.sort_unstable_by_key(|(matters, used, _)| (*matters, *used));
        for (matters, _, key) in ages.into_iter().take(MOST / 10) {
            let Some(held) = self.held.remove(&key) else {
                continue;
            };
            let memory = lock(&held.memory);
            if memory.is_final() {
                // It is for ever, and read again when somebody asks.
                self.stored.insert(key, memory.to_bytes());
            } else if matters {
                self.gone.insert(key, now);
            }
        }
        if self.gone.len() > MOST_GONE {
            self.gone.retain(|_, since| now < since.plus(remembered));
        }
        if self.gone.len() > MOST_GONE {
            tracing::error!(
                "more sessions had to be forgotten than can be remembered to be: of everybody new every \
                 sensitive fact is assumed for {} hours",
                remembered.as_secs() / 3600
            );
            self.gone.clear();
            self.crowded_until = Some(now.plus(remembered));
        }
    }
}

#[cfg(test)]
mod tests;
