//! Pins: the definition of each tool as it was first seen (PROTOCOL.md §5).
//!
//! A pin is keyed by the pair of server and tool name, kept as a pair. When a tool comes back
//! changed, the old pin stays and the tool is quarantined: looking again does not help, showing
//! the old definition again does not help, only an operator's [`PinStore::approve`] does.

mod state;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::passport::{Passport, PassportId};
use crate::refusal::Refusal;

/// Longest server origin or tool name that is pinned, in bytes.
pub const MAX_NAME: usize = 1024;

/// Whose tools they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// The origin that its passport states.
    Origin(String),
    /// Whom its authority says it is, where it states no origin. Unlike the passport's id this
    /// stays the same when the passport is renewed, so that renewal does not lose the pins.
    Subject {
        /// The authority.
        issuer: String,
        /// The tenant there.
        tenant: String,
        /// The name, unique in the tenant.
        name: String,
    },
    /// The passport's id, where it states neither: a draft-00 peer.
    Passport(PassportId),
}

impl Server {
    /// The server with this passport.
    #[must_use]
    pub fn of(passport: &Passport) -> Self {
        match (passport.origin(), passport.ext()) {
            (Some(origin), _) => Self::Origin(origin.to_owned()),
            (None, Some(ext)) => Self::Subject {
                issuer: passport.issuer().to_owned(),
                tenant: ext.tenant.clone(),
                name: passport.agent_name().to_owned(),
            },
            (None, None) => Self::Passport(passport.id().clone()),
        }
    }
}

/// In one word: the origin, `authority/tenant/name`, or the passport's id. A manifest names its
/// server so.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) => f.write_str(origin),
            Self::Subject {
                issuer,
                tenant,
                name,
            } => write!(f, "{issuer}/{tenant}/{name}"),
            Self::Passport(id) => write!(f, "{id}"),
        }
    }
}

/// How many pins are kept. A full store refuses tools it has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinLimits {
    /// Tools of one server.
    pub per_server: usize,
    /// Tools of all servers.
    pub total: usize,
}

/// 1,000 of one server and 10,000 of all. With ordinary names that is a file of under 3 MB.
impl Default for PinLimits {
    fn default() -> Self {
        Self {
            per_server: 1000,
            total: 10_000,
        }
    }
}

/// What a look at a tool found, when it did not refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was not known and is pinned now: trust on first use.
    New,
    /// It is as it was pinned.
    Same,
}

/// A changed definition that waits for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The hash of the definition that was shown last.
    pub hash: Digest,
    /// When the tool first came back changed.
    pub since: Timestamp,
}

/// One tool's pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The [`crate::tool::hash`] of the definition that is held to.
    pub hash: Digest,
    /// When it was first seen or approved.
    pub pinned_at: Timestamp,
    /// The change for which the tool is quarantined.
    pub change: Option<Change>,
}

/// An approval that found nothing to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// No such tool was seen.
    #[error("no tool of this name was seen at this server")]
    Unknown,
    /// The tool is not quarantined.
    #[error("the tool is not quarantined")]
    NotQuarantined,
    /// The definition that was looked at is no longer the one that is shown.
    #[error("the tool has changed again; look at its present definition")]
    ChangedAgain,
}

/// The pins of one client or gateway. The caller keeps it in a file, by [`PinStore::to_json`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinStore {
    limits: PinLimits,
    servers: BTreeMap<Server, BTreeMap<String, Pin>>,
    count: usize,
}

impl PinStore {
    /// An empty store.
    #[must_use]
    pub const fn new(limits: PinLimits) -> Self {
        Self {
            limits,
            servers: BTreeMap::new(),
            count: 0,
        }
    }

    /// Holds a tool's definition to its pin, or pins it when the tool is new.
    ///
    /// # Errors
    /// [`Refusal::Tool`] when the definition is another than the pinned one, each time;
    /// [`Refusal::Quarantined`] when it is the pinned one again, after a change nobody approved;
    /// [`Refusal::Full`] when it is new and there is no room.
    pub fn look(
        &mut self,
        server: &Server,
        tool: &str,
        hash: &Digest,
        now: Timestamp,
    ) -> Result<Seen, Refusal> {
        if let Some(pin) = self.pin_mut(server, tool) {
            return pin.look(hash, now);
        }
        let named = match server {
            Server::Origin(origin) => origin.len(),
            Server::Subject {
                issuer,
                tenant,
                name,
            } => issuer.len().max(tenant.len()).max(name.len()),
            Server::Passport(id) => id.as_str().len(),
        };
        if tool.is_empty() || tool.len().max(named) > MAX_NAME {
            return Err(Refusal::Tool("a name that is empty or too long to pin"));
        }
        let pin = Pin {
            hash: *hash,
            pinned_at: now,
            change: None,
        };
        self.insert(server.clone(), tool.to_owned(), pin)?;
        Ok(Seen::New)
    }

    /// An operator's word that `hash` is the definition to hold to from now on: the changed one,
    /// or the old one, which ends the quarantine without a change. It must be what the operator
    /// has looked at, so an approval of a definition that has changed since fails.
    ///
    /// # Errors
    /// [`ApprovalError`] when there is nothing of this kind to approve; nothing has changed then.
    pub fn approve(
        &mut self,
        server: &Server,
        tool: &str,
        hash: &Digest,
        now: Timestamp,
    ) -> Result<(), ApprovalError> {
        let pin = self.pin_mut(server, tool).ok_or(ApprovalError::Unknown)?;
        let change = pin.change.ok_or(ApprovalError::NotQuarantined)?;
        if *hash == change.hash {
            pin.hash = *hash;
            pin.pinned_at = now;
        } else if *hash != pin.hash {
            return Err(ApprovalError::ChangedAgain);
        }
        pin.change = None;
        Ok(())
    }

    /// Forgets all pins of a server, at an operator's word, and says how many those were. The next
    /// look pins whatever it shows.
    pub fn forget(&mut self, server: &Server) -> usize {
        let forgotten = self.servers.remove(server).map_or(0, |tools| tools.len());
        self.count -= forgotten;
        forgotten
    }

    /// The pin of one tool.
    #[must_use]
    pub fn pin(&self, server: &Server, tool: &str) -> Option<&Pin> {
        self.servers.get(server)?.get(tool)
    }

    /// Every pin: server, tool and pin, in that order. Those with a [`Pin::change`] are
    /// quarantined.
    pub fn iter(&self) -> impl Iterator<Item = (&Server, &str, &Pin)> {
        self.servers.iter().flat_map(|(server, tools)| {
            tools
                .iter()
                .map(move |(tool, pin)| (server, tool.as_str(), pin))
        })
    }

    /// How many pins there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn pin_mut(&mut self, server: &Server, tool: &str) -> Option<&mut Pin> {
        self.servers.get_mut(server)?.get_mut(tool)
    }

    /// Adds a pin that is not there.
    fn insert(&mut self, server: Server, tool: String, pin: Pin) -> Result<(), Refusal> {
        let of_server = self.servers.get(&server).map_or(0, BTreeMap::len);
        if of_server >= self.limits.per_server {
            return Err(Refusal::Full("the server's share of the pins"));
        }
        if self.count >= self.limits.total {
            return Err(Refusal::Full("the store of pins"));
        }
        self.servers.entry(server).or_default().insert(tool, pin);
        self.count += 1;
        Ok(())
    }
}

impl Pin {
    /// Whether it is about this definition: the one that is held to, or the change from it.
    #[must_use]
    pub fn refers_to(&self, hash: &Digest) -> bool {
        self.hash == *hash || self.change.is_some_and(|change| change.hash == *hash)
    }

    fn look(&mut self, hash: &Digest, now: Timestamp) -> Result<Seen, Refusal> {
        if self.hash != *hash {
            let since = self.change.map_or(now, |change| change.since);
            self.change = Some(Change { hash: *hash, since });
            return Err(Refusal::Tool("not the definition that was pinned"));
        }
        match self.change {
            Some(_) => Err(Refusal::Quarantined),
            None => Ok(Seen::Same),
        }
    }
}
