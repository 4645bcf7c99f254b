//! What is held back beside what has changed: `quarantine.json`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::pin::PinStore;
use serde::{Deserialize, Serialize};

use super::{of_owner, owner};
use crate::call::Pinned;

/// The most tools that are held back at a time, and of one server; others are refused without being
/// written down.
const MAX_ENTRIES: usize = 10_000;
const MAX_OF_SERVER: usize = 1000;
/// How long the pages of a server's first list may take. One that never ends is no leave to add tools
/// for ever.
const FIRST_LIST_MS: i64 = 600_000;

/// How a tool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for an operator.
    Held,
    /// An operator has blocked it, whatever its definition.
    Blocked,
    /// An operator has rejected this very definition.
    Rejected,
    /// It may be called, but somebody should look at it.
    Flagged,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its server was never listed before.
    NewServer,
    /// It was not in the first list of its server.
    NewTool,
    /// Its name looks like that of another server's tool.
    LookAlike,
    /// Its definition is another than the one that was approved.
    Changed,
    /// An operator rejected its definition.
    Rejected,
    /// An operator blocked it.
    Blocked,
    /// What is held back cannot be read, so that everything is.
    Unreadable,
}

impl State {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Blocked => "blocked",
            Self::Rejected => "rejected",
            Self::Flagged => "flagged",
        }
    }
}

impl Reason {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewServer => "new_server",
            Self::NewTool => "new_tool",
            Self::LookAlike => "look_alike",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
            Self::Blocked => "blocked",
            Self::Unreadable => "unreadable",
        }
    }

    /// In a sentence for an operator.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NewServer => "its server is new and nobody has approved its tools",
            Self::NewTool => "it is new at its server and nobody has approved it",
            Self::LookAlike => {
                "its name looks like that of another server's tool and nobody has approved it"
            }
            Self::Changed => "its definition has changed and nobody has approved it",
            Self::Rejected => "an operator has rejected this definition",
            Self::Blocked => "an operator has blocked it",
            Self::Unreadable => {
                "what is in quarantine cannot be read, so that nothing may be called"
            }
        }
    }

    /// What a record calls the rule that refuses it.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NewServer => "quarantine.new_server",
            Self::NewTool => "quarantine.new_tool",
            Self::LookAlike => "quarantine.look_alike",
            Self::Changed => "definition.changed",
            Self::Rejected => "quarantine.rejected",
            Self::Blocked => "quarantine.blocked",
            Self::Unreadable => "quarantine.unreadable",
        }
    }
}

/// One tool that is held back or flagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its server.
    pub server: String,
    /// Its own name.
    pub tool: String,
    /// How it stands.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// The tool that its name looks like, as `server__tool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Hash of the definition that was shown last, or that was rejected.
    pub hash: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// Who put it so; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why tools are held, by server and name.
pub type Holds = HashMap<(String, String), Pinned>;

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Servers of which all tools were listed at least once.
    #[serde(default)]
    pub listed: BTreeSet<String>,
    /// Servers whose first list was begun and has not come to its end, and since when, in milliseconds
    /// since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listing: BTreeMap<String, i64>,
    /// What is held back, by server and name.
    #[serde(default, with = "entries")]
    pub entries: BTreeMap<(String, String), Entry>,
}

/// A map as a list of its values.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::Entry;

    type Entries = BTreeMap<(String, String), Entry>;

    pub(super) fn serialize<S: Serializer>(entries: &Entries, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(entries.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Entries, D::Error> {
        let mut entries = Entries::new();
        for entry in Vec::<Entry>::deserialize(from)? {
            let key = (entry.server.clone(), entry.tool.clone());
            if entries.insert(key, entry).is_some() {
                return Err(D::Error::custom("a tool is held back twice"));
            }
        }
        Ok(entries)
    }
}

impl Book {
    /// What is known of a tool here.
    #[must_use]
    pub fn entry(&self, server: &str, tool: &str) -> Option<&Entry> {
        self.entries.get(&(server.to_owned(), tool.to_owned()))
    }

    /// What may not be called whatever its server lists now, by server and name.
    #[must_use]
    pub fn holds(&self, pins: &PinStore) -> Holds {
        let changed = pins.iter().filter(|(_, _, pin)| pin.change.is_some());
        let changed = changed.filter_map(|(owner, tool, _)| {
            Some((
                (of_owner(owner)?.to_owned(), tool.to_owned()),
                Pinned::Changed,
            ))
        });
        let entries = self.entries.iter().filter_map(|(key, entry)| {
            let pin = pins.pin(&owner(&key.0), &key.1);
            let approved = pin.is_some_and(|pin| pin.change.is_none());
            let reason = match entry.state {
                State::Blocked => Reason::Blocked,
                State::Held if !approved => entry.reason,
                State::Rejected if !approved => Reason::Rejected,
                _ => return None,
            };
            Some((key.clone(), Pinned::Held(reason)))
        });
        changed.chain(entries).collect()
    }

    /// Whether a server's first list is over, so that what it lists now is new: it came to its end,
    /// or was begun long ago.
    pub fn is_listed(&mut self, server: &str, now: Timestamp) -> bool {
        if self.listed.contains(server) {
            return true;
        }
        let now = now.as_millis();
        let since = *self.listing.entry(server.to_owned()).or_insert(now);
        now.saturating_sub(since) >= FIRST_LIST_MS
    }

    /// A server's first list came to its end.
    pub fn was_listed(&mut self, server: &str) {
        self.listing.remove(server);
        self.listed.insert(server.to_owned());
    }

    /// Forgets it.
    pub fn remove(&mut self, server: &str, tool: &str) -> Option<Entry> {
        self.entries.remove(&(server.to_owned(), tool.to_owned()))
    }

    /// Holds a tool back, or holds another definition of it back. Without room it stays unwritten,
    /// which holds it back as well.
    pub fn put(&mut self, entry: Entry) {
        let key = (entry.server.clone(), entry.tool.clone());
        let of_server = self.entries.keys().filter(|(server, _)| *server == key.0);
        let room = self.entries.len() < MAX_ENTRIES && of_server.count() < MAX_OF_SERVER;
        if room || self.entries.contains_key(&key) {
            self.entries.insert(key, entry);
        }
    }

    /// How a tool with this definition stands. What is neither approved nor held back is new.
    #[must_use]
    pub fn standing(&self, pins: &PinStore, server: &str, tool: &str, hash: &Digest) -> Pinned {
        let entry = self.entry(server, tool);
        if entry.is_some_and(|entry| entry.state == State::Blocked) {
            return Pinned::Held(Reason::Blocked);
        }
        let rejected = entry
            .is_some_and(|entry| entry.state == State::Rejected && entry.hash == hash.to_string());
        match pins.pin(&owner(server), tool) {
            Some(pin) if pin.hash == *hash && pin.change.is_none() => Pinned::Same,
            _ if rejected => Pinned::Held(Reason::Rejected),
            Some(_) => Pinned::Changed,
            None => Pinned::Held(entry.map_or(Reason::NewTool, |entry| match entry.reason {
                // Another definition than the one that was rejected.
                Reason::Rejected => Reason::NewTool,
                reason => reason,
            })),
        }
    }
}

impl Entry {
    /// One that nobody put so.
    #[must_use]
    pub fn found(server: &str, tool: &str, reason: Reason, hash: &Digest, now: Timestamp) -> Self {
        Self {
            server: server.to_owned(),
            tool: tool.to_owned(),
            state: State::Held,
            reason,
            like: None,
            hash: hash.to_string(),
            since_ms: now.as_millis(),
            by: None,
            why: None,
        }
    }
}
