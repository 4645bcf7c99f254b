//! One part of the guard: the entries of some passports, by fingerprint, by passport, by end.

use std::collections::BTreeMap;
use std::mem::size_of;

use super::fingerprint::Fingerprint;
use super::table::{NONE, Table};

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new and now remembered.
    Admitted,
    /// It is remembered already.
    Known,
    /// Entries that end as early as it have been forgotten: the clock was set back.
    Forgotten,
    /// Its passport has as many as it may.
    AccountFull,
    /// All passports together have as many as they may.
    Full,
}

#[derive(Clone, Copy)]
struct Entry {
    account: u32,
    /// The next entry that ends in the same tick.
    following: u32,
}

/// The live entries of one passport.
#[derive(Clone, Copy)]
struct Account {
    live: u32,
}

pub(super) struct Shard {
    entries: Table<Entry>,
    accounts: Table<Account>,
    /// By the tick in which they end, the first of a list through [`Entry::following`].
    ends: BTreeMap<i64, u32>,
    /// The latest end of an entry that was forgotten.
    forgotten: i64,
}

impl Shard {
    pub(super) const fn new() -> Self {
        Self {
            entries: Table::new(),
            accounts: Table::new(),
            ends: BTreeMap::new(),
            forgotten: -1,
        }
    }

    /// Forgets what ended before tick `now` and says how many that were.
    pub(super) fn expire(&mut self, now: i64) -> usize {
        let before = self.entries.len();
        while let Some(first) = self.ends.first_entry().filter(|first| *first.key() < now) {
            let (end, mut slot) = first.remove_entry();
            self.forgotten = self.forgotten.max(end);
            while let Some(entry) = self.entries.remove(slot) {
                self.release(entry.account);
                slot = entry.following;
            }
        }
        before - self.entries.len()
    }

    /// Remembers `entry` of `account` until tick `end` is over. `reserve` is asked last, for a
    /// place in the total, and only if the place will be used.
    pub(super) fn admit(
        &mut self,
        account: Fingerprint,
        entry: Fingerprint,
        end: i64,
        per_account: usize,
        reserve: impl FnOnce() -> bool,
    ) -> Admission {
        if end <= self.forgotten {
            return Admission::Forgotten;
        }
        let known = self.accounts.find(account, |_| true);
        let of_account = |other: &Entry| known == Some(other.account);
        if self.entries.find(entry, of_account).is_some() {
            return Admission::Known;
        }
        let live = known
            .and_then(|slot| self.accounts.get_mut(slot))
            .map_or(0, |a| a.live);
        if live as usize >= per_account {
            return Admission::AccountFull;
        }
        if !reserve() {
            return Admission::Full;
        }
        // The caller's total keeps the slots from running out.
        self.remember(known, account, entry, end)
            .map_or(Admission::Full, |()| Admission::Admitted)
    }

    fn remember(
        &mut self,
        known: Option<u32>,
        account: Fingerprint,
        entry: Fingerprint,
        end: i64,
    ) -> Option<()> {
        let account = match known {
            Some(slot) => slot,
            None => self.accounts.insert(account, Account { live: 0 })?,
        };
        let first = self.ends.entry(end).or_insert(NONE);
        *first = self.entries.insert(
            entry,
            Entry {
                account,
                following: *first,
            },
        )?;
        self.accounts.get_mut(account)?.live += 1;
        Some(())
    }

    fn release(&mut self, account: u32) {
        let Some(Account { live }) = self.accounts.get_mut(account) else {
            return;
        };
        *live -= 1;
        if *live == 0 {
            self.accounts.remove(account);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // A node of a B-tree has eleven places and is at least half full.
        let ends = self.ends.len() * 2 * (size_of::<i64>() + size_of::<u32>());
        self.entries.heap_bytes() + self.accounts.heap_bytes() + ends
    }
}
