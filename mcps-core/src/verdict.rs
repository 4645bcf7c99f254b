//! What a tenant's operators have said of tools in quarantine, as one document: which definitions
//! they promoted or rejected, and which tools they blocked. The document is named by the SHA-256 of
//! its bytes, which the feed tells.

mod form;

#[cfg(test)]
mod tests;

pub use form::VerdictsError;

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::digest::Digest;

/// Largest document, in bytes: as many verdicts as there may be, with the longest names.
pub const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;
/// Most verdicts of one tenant.
pub const MAX_VERDICTS: usize = 4096;
/// So many of them are kept for blocks: what nobody has looked at for years must not stand in the way of
/// stopping a tool now.
pub const FOR_BLOCKS: usize = 512;
/// Longest name of a server or a tool, in bytes.
pub const MAX_NAME: usize = 256;

/// What an operator orders about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// This definition may be called.
    Promote(Digest),
    /// This definition may not.
    Reject(Digest),
    /// Nobody calls the tool, whatever its definition.
    Block,
    /// It stands as if it had not been blocked.
    Unblock,
}

impl Verb {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promote(_) => "promote",
            Self::Reject(_) => "reject",
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }

    /// The verb of that word. `hash` is of the definition that it is about; a block is about none.
    #[must_use]
    pub fn parse(word: &str, hash: Option<Digest>) -> Option<Self> {
        match (word, hash) {
            ("promote", Some(hash)) => Some(Self::Promote(hash)),
            ("reject", Some(hash)) => Some(Self::Reject(hash)),
            ("block", None) => Some(Self::Block),
            ("unblock", None) => Some(Self::Unblock),
            _ => None,
        }
    }

    /// The definition that it is about.
    #[must_use]
    pub const fn hash(self) -> Option<Digest> {
        match self {
            Self::Promote(hash) | Self::Reject(hash) => Some(hash),
            Self::Block | Self::Unblock => None,
        }
    }
}

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The definition may be called.
    Promoted,
    /// The definition may not be called.
    Rejected,
    /// The tool may not be called.
    Blocked,
}

impl Ruling {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Blocked => "blocked",
        }
    }
}

/// A word that stands, and which order said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// What was said.
    pub ruling: Ruling,
    /// The number of the order, counted from 1 in its tenant.
    pub version: u64,
    /// When.
    pub at: Timestamp,
}

/// What stands of one tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfTool {
    blocked: Option<Given>,
    definitions: BTreeMap<Digest, Given>,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It is blocked: whoever promotes it should know.
    #[error("the tool is blocked; unblock it first")]
    Blocked,
    /// There is no room for another.
    #[error(
        "there are as many verdicts of this tenant as gateways read; the last {FOR_BLOCKS} of {MAX_VERDICTS} are for blocks"
    )]
    Full,
}

/// What stands of all tools of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    servers: BTreeMap<String, BTreeMap<String, OfTool>>,
    count: usize,
}

impl Verdicts {
    /// What stands of a tool with that definition. A block counts whatever else was said; where the
    /// definition is not known, so does any that was rejected.
    #[must_use]
    pub fn find(&self, server: &str, tool: &str, hash: Option<&Digest>) -> Option<Given> {
        let of = self.servers.get(server)?.get(tool)?;
        let definition = match hash {
            Some(hash) => of.definitions.get(hash),
            // It may be the one that was rejected.
            None => {
                let mut all = of.definitions.values();
                all.find(|given| given.ruling == Ruling::Rejected)
            }
        };
        of.blocked.or_else(|| definition.copied())
    }

    /// Everything that stands, by server, tool and definition; a block is of no definition.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, Option<&Digest>, Given)> {
        self.servers.iter().flat_map(|(server, tools)| {
            tools.iter().flat_map(move |(tool, of)| {
                let blocked = of.blocked.map(|given| (None, given));
                let definitions = of.definitions.iter();
                let definitions = definitions.map(|(hash, given)| (Some(hash), *given));
                let all = blocked.into_iter().chain(definitions);
                all.map(move |(hash, given)| (server.as_str(), tool.as_str(), hash, given))
            })
        })
    }

    /// How many stand.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing was said that stands.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Carries out an order. What it changes is returned: nothing where it was so already.
    ///
    /// # Errors
    /// [`OrderError`], and nothing is changed.
    pub fn order(
        &mut self,
        (server, tool): (&str, &str),
        verb: Verb,
        (version, at): (u64, Timestamp),
    ) -> Result<bool, OrderError> {
        let of = self.servers.get(server).and_then(|tools| tools.get(tool));
        let blocked = of.is_some_and(|of| of.blocked.is_some());
        let known = |hash: &Digest| of.and_then(|of| of.definitions.get(hash)).copied();
        let given = |ruling| Given {
            ruling,
            version,
            at,
        };
        let (new, hash) = match verb {
            Verb::Unblock if blocked => {
                self.unblock(server, tool);
                return Ok(true);
            }
            Verb::Unblock => return Ok(false),
            Verb::Block if blocked => return Ok(false),
            Verb::Block => (given(Ruling::Blocked), None),
            Verb::Promote(_) | Verb::Reject(_) if blocked => return Err(OrderError::Blocked),
            Verb::Promote(hash) => (given(Ruling::Promoted), Some(hash)),
            Verb::Reject(hash) => (given(Ruling::Rejected), Some(hash)),
        };
        let before = hash.as_ref().and_then(known);
        if before.is_some_and(|before| before.ruling == new.ruling) {
            return Ok(false);
        }
        let most = if hash.is_none() {
            MAX_VERDICTS
        } else {
            MAX_VERDICTS - FOR_BLOCKS
        };
        if before.is_none() && self.count >= most {
            return Err(OrderError::Full);
        }
        self.put((server, tool), hash, new);
        Ok(true)
    }

    /// Puts a word in place of the one before. Whether there was none before.
    fn put(&mut self, (server, tool): (&str, &str), hash: Option<Digest>, given: Given) -> bool {
        let tools = self.servers.entry(server.to_owned()).or_default();
        let of = tools.entry(tool.to_owned()).or_default();
        let before = match hash {
            Some(hash) => of.definitions.insert(hash, given),
            None => of.blocked.replace(given),
        };
        self.count += usize::from(before.is_none());
        before.is_none()
    }

    fn unblock(&mut self, server: &str, tool: &str) {
        let tools = self.servers.get_mut(server);
        let Some(of) = tools.and_then(|tools| tools.get_mut(tool)) else {
            return;
        };
        self.count -= usize::from(of.blocked.take().is_some());
        if of.definitions.is_empty()
            && let Some(tools) = self.servers.get_mut(server)
        {
            tools.remove(tool);
            if tools.is_empty() {
                self.servers.remove(server);
            }
        }
    }
}

/// What a document is named by.
#[must_use]
pub fn digest(document: &str) -> Digest {
    Digest::of(document.as_bytes())
}

/// Whether a server or a tool may be called so: anything short without control characters.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
}
