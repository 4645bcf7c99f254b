//! Which tools there are, and whether each is still the one that was seen first. A definition that
//! has changed is quarantined: not shown, not callable, until an operator has looked at it.

mod inquiry;

pub use inquiry::Inquiry;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::tools;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::pin::Server;
use mcps_core::refusal::Refusal;
use mcps_core::tool;

use crate::call::{Definition, Pinned};

/// How long a server that says again and again that its tools have changed is not asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one that did not say what it has is left alone by those who look for tools of any server.
const REST: Duration = Duration::from_secs(5);

/// The tools of all servers.
#[derive(Debug)]
pub struct Catalogue {
    home: Home,
    clock: Arc<dyn Clock>,
    shelves: Mutex<HashMap<String, Shelf>>,
    /// How often anything in them has changed.
    generation: AtomicU64,
}

/// A tool that is as it was pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stocked {
    /// Its server.
    pub server: String,
    /// Its own name.
    pub name: String,
    /// Its definition, as its server wrote it.
    pub text: Arc<str>,
}

/// The tools of one.
#[derive(Debug, Default)]
struct Shelf {
    tools: HashMap<String, Known>,
    /// Since when all of them are known; absent before that.
    complete: Option<Timestamp>,
    /// It has said that they have changed.
    stale: bool,
    /// It lists none at all.
    listless: bool,
    /// When it was last asked and did not say.
    silent: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Known {
    hash: Digest,
    text: Arc<str>,
    same: bool,
}

impl Known {
    fn definition(&self) -> Definition {
        Definition {
            pinned: if self.same {
                Pinned::Same
            } else {
                Pinned::Changed
            },
            text: Some(Arc::clone(&self.text)),
            hash: Some(self.hash),
        }
    }
}

/// The definition of what is not listed.
fn absent(pinned: Pinned) -> Definition {
    Definition {
        pinned,
        text: None,
        hash: None,
    }
}

impl Catalogue {
    /// With the pins of this home.
    ///
    /// # Errors
    /// Pins that cannot be read: forgetting them would pin whatever comes next.
    pub fn load(home: &Home, clock: Arc<dyn Clock>) -> Result<Self, ClientError> {
        tools::load_pins(home)?;
        Ok(Self {
            home: home.clone(),
            clock,
            shelves: Mutex::default(),
            generation: AtomicU64::default(),
        })
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<String, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a tool; `None` when its server is to be asked first.
    #[must_use]
    pub fn definition(&self, server: &str, tool: &str) -> Option<Definition> {
        let shelves = self.shelves();
        let shelf = shelves.get(server)?;
        if shelf.listless {
            return Some(absent(Pinned::Unknown));
        }
        let complete = shelf.complete?;
        if shelf.stale && self.clock.now() >= complete.plus(PAUSE) {
            return None;
        }
        let known = shelf.tools.get(tool).map(Known::definition);
        Some(known.unwrap_or_else(|| absent(Pinned::Unlisted)))
    }

    /// Takes note of a tool as its server defines it now. Whether it is as it was first seen.
    pub fn learn(&self, server: &str, value: Value<'_>) -> bool {
        let name = value.get("name").and_then(Value::as_str);
        let Some(name) = name else {
            // Nobody can call what has no name.
            return true;
        };
        let hash = tool::hash(value);
        let settled = |known: &Known| known.same && known.hash == hash;
        {
            let shelves = self.shelves();
            let known = shelves
                .get(server)
                .and_then(|shelf| shelf.tools.get(name.as_ref()));
            if known.is_some_and(settled) {
                return true;
            }
        }
        let same = match self.held(server, &name, &hash) {
            Ok(()) => true,
            Err(reason) => {
                tracing::error!(
                    server,
                    tool = name.as_ref(),
                    reason,
                    "{server}'s tool {name} is in quarantine: {reason}"
                );
                false
            }
        };
        let known = Known {
            hash,
            text: value.raw().into(),
            same,
        };
        let mut shelves = self.shelves();
        let shelf = shelves.entry(server.to_owned()).or_default();
        shelf.listless = false;
        shelf.tools.insert(name.into_owned(), known);
        self.turn();
        same
    }

    /// Holds a definition to its pin, or pins what is new.
    fn held(&self, server: &str, name: &str, hash: &Digest) -> Result<(), String> {
        let owner = Server::Origin(format!("gateway:{server}"));
        let now = self.clock.now();
        let held = tools::change_pins(&self.home, |pins| {
            // What was refused is noted too: an operator sees it and can approve it.
            Ok::<Result<_, Refusal>, ClientError>(pins.look(&owner, name, hash, now))
        });
        match held {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refusal)) => Err(refusal.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether an operator has approved a tool since it was found changed.
    #[must_use]
    pub fn is_approved(&self, server: &str, tool: &str) -> bool {
        let known = {
            let shelves = self.shelves();
            let shelf = shelves.get(server);
            shelf.and_then(|shelf| shelf.tools.get(tool)).cloned()
        };
        let Some(known) = known else { return false };
        let approved = known.same || self.held(server, tool, &known.hash).is_ok();
        if approved
            && let Some(shelf) = self.shelves().get_mut(server)
            && let Some(now) = shelf.tools.get_mut(tool)
            && !now.same
        {
            now.same = now.hash == known.hash;
            self.turn();
        }
        approved
    }

    /// All tools of a server were asked for: these are the names of those that there are, or it has
    /// none to list.
    pub fn complete(&self, server: &str, names: Option<&[String]>) {
        let now = self.clock.now();
        let mut shelves = self.shelves();
        let shelf = shelves.entry(server.to_owned()).or_default();
        shelf.listless = names.is_none();
        shelf.stale = false;
        shelf.complete = Some(now);
        shelf.silent = None;
        if let Some(names) = names {
            let (names, before): (HashSet<&String>, usize) =
                (names.iter().collect(), shelf.tools.len());
            shelf.tools.retain(|known, _| names.contains(known));
            if shelf.tools.len() != before {
                self.turn();
            }
        }
    }

    fn turn(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// How often anything has changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// All tools that are as they were pinned, by server and name, and as of which generation.
    #[must_use]
    pub fn stock(&self) -> (u64, Vec<Stocked>) {
        let shelves = self.shelves();
        let generation = self.generation();
        let tools = shelves.iter().flat_map(|(server, shelf)| {
            let intact = shelf.tools.iter().filter(|(_, known)| known.same);
            intact.map(|(name, known)| Stocked {
                server: server.clone(),
                name: name.clone(),
                text: Arc::clone(&known.text),
            })
        });
        let mut tools: Vec<Stocked> = tools.collect();
        tools.sort_by(|one, other| (&one.server, &one.name).cmp(&(&other.server, &other.name)));
        (generation, tools)
    }

    /// Whether a tool is there and as it was pinned.
    #[must_use]
    pub fn is_intact(&self, server: &str, tool: &str) -> bool {
        let shelves = self.shelves();
        let known = shelves.get(server).and_then(|shelf| shelf.tools.get(tool));
        known.is_some_and(|known| known.same)
    }

    /// Whether a server is to be asked for its tools before some are looked for.
    #[must_use]
    pub fn wants(&self, server: &str) -> bool {
        let now = self.clock.now();
        let shelves = self.shelves();
        let Some(shelf) = shelves.get(server) else {
            return true;
        };
        let known = shelf
            .complete
            .is_some_and(|since| !shelf.stale || now < since.plus(PAUSE));
        let rests = shelf.silent.is_some_and(|since| now < since.plus(REST));
        !known && !shelf.listless && !rests
    }

    /// A server was asked for its tools; whether it has said them is known by now.
    pub fn asked(&self, server: &str) {
        let now = self.clock.now();
        let mut shelves = self.shelves();
        let shelf = shelves.entry(server.to_owned()).or_default();
        let said = shelf.complete.is_some() && !shelf.stale;
        shelf.silent = (!said).then_some(now);
    }

    /// A server says that its tools have changed, or it is another server now.
    pub fn forget(&self, server: &str) {
        if let Some(shelf) = self.shelves().get_mut(server) {
            shelf.stale = true;
            shelf.listless = false;
        }
    }
}

#[cfg(test)]
mod tests;
