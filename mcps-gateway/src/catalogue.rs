//! Which tools there are, and whether each is as it was approved. What is not is in quarantine: not
//! shown, not callable, until an operator has looked at it.

mod inquiry;

pub use inquiry::Inquiry;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::tool;

use crate::call::{Definition, Pinned, Written};
use crate::config::Config;
use crate::quarantine::{Holds, Reason, Stamp, Store, Subject, Tool};

/// How long a server that says again and again that its tools have changed is not asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one that did not say what it has is left alone by those who look for tools of any server.
const REST: Duration = Duration::from_secs(5);

/// How old what an operator has done may be before a call takes it up.
const GLANCE: Duration = Duration::from_millis(2);

/// Tools of one server.
const MAX_TOOLS: usize = 10_000;

/// The tools of all servers.
#[derive(Debug)]
pub struct Catalogue {
    store: Store,
    /// What is held, whether it is listed or not. Who has the shelves does not wait for it.
    held: Mutex<Held>,
    config: Arc<ArcSwap<Config>>,
    clock: Arc<dyn Clock>,
    shelves: Mutex<HashMap<String, Shelf>>,
    /// How often anything in them has changed.
    generation: AtomicU64,
}

/// What is held, as it was last read.
#[derive(Debug)]
struct Held {
    /// When it was looked whether they are as they were.
    looked: Instant,
    /// How the files were then; absent where they could not be read.
    stamp: Option<Stamp>,
    /// Why, by server and name; absent where that could not be read.
    tools: Option<Holds>,
}

/// A tool as its server listed it just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its own name.
    pub name: String,
    /// Hash of its definition.
    pub hash: Digest,
    /// How that stands here.
    pub pinned: Pinned,
}

/// A tool that is as it was pinned, or that somebody may have promoted elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stocked {
    /// Its server.
    pub server: String,
    /// Its own name.
    pub name: String,
    /// Its definition, as its server wrote it.
    pub text: Arc<str>,
    /// The hash of that.
    pub hash: Digest,
    /// How that stands here.
    pub pinned: Pinned,
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
    /// That it was listed is written down.
    told: bool,
}

#[derive(Clone, Debug)]
struct Known {
    hash: Digest,
    written: Arc<Written>,
    standing: Pinned,
}

impl Known {
    fn definition(&self) -> Definition {
        Definition {
            pinned: self.standing,
            written: Some(Arc::clone(&self.written)),
            hash: Some(self.hash),
        }
    }
}

impl Seen {
    /// What is asked of it.
    #[must_use]
    pub fn subject<'a>(&'a self, server: &'a str) -> Subject<'a> {
        Subject {
            server,
            tool: &self.name,
            hash: Some(&self.hash),
            pinned: self.pinned,
        }
    }

    pub(crate) const fn can_be_proven(&self) -> bool {
        self.pinned.can_be_proven()
    }
}

fn read(value: Value<'_>) -> Option<Tool> {
    let name = value.get("name").and_then(Value::as_str)?;
    Some(Tool {
        name: name.into_owned(),
        hash: tool::hash(value),
        text: value.raw().to_owned(),
    })
}

impl Catalogue {
    /// With the pins and the quarantine of this home, held back by the rules of this configuration.
    ///
    /// # Errors
    /// Files that cannot be read: forgetting pins would pin whatever comes next.
    pub fn load(
        home: &Home,
        clock: Arc<dyn Clock>,
        config: Arc<ArcSwap<Config>>,
    ) -> Result<Self, ClientError> {
        let store = Store::new(home);
        let (looked, stamp) = (Instant::now(), store.stamp());
        let (pins, book) = store.read()?;
        let held = Held {
            looked,
            stamp: Some(stamp),
            tools: Some(book.holds(&pins)),
        };
        Ok(Self {
            held: Mutex::new(held),
            store,
            clock,
            config,
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
            drop(shelves);
            return Some(self.unheard(server, tool));
        }
        let complete = shelf.complete?;
        if shelf.stale && self.clock.now() >= complete.plus(PAUSE) {
            return None;
        }
        let known = shelf.tools.get(tool).map(Known::definition);
        drop(shelves);
        Some(known.unwrap_or_else(|| self.absent(server, tool, Pinned::Unlisted)))
    }

    /// What is known of a tool whose server does not say what it lists: what is held stays held, and of a
    /// list that did not come to its end, what came counts.
    #[must_use]
    pub fn unheard(&self, server: &str, tool: &str) -> Definition {
        let shelves = self.shelves();
        let shelf = shelves.get(server);
        let known = shelf.and_then(|shelf| {
            let known = shelf.tools.get(tool).map(Known::definition)?;
            let counts = !shelf.stale && !shelf.listless;
            (counts || known.pinned.held().is_some()).then_some(known)
        });
        drop(shelves);
        known.unwrap_or_else(|| self.absent(server, tool, Pinned::Unknown))
    }

    /// The definition of what is not listed, which may be held all the same: a server that takes a
    /// tool from its list does not set it free.
    fn absent(&self, server: &str, tool: &str, pinned: Pinned) -> Definition {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (server.to_owned(), tool.to_owned());
        let pinned = match held.tools.as_ref().map(|tools| tools.get(&key)) {
            Some(None) => pinned,
            Some(Some(standing)) => *standing,
            None => Pinned::Held(Reason::Unreadable),
        };
        Definition {
            pinned,
            written: None,
            hash: None,
        }
    }

    /// Takes note of tools as their server defines them now, and says how they stand. Nobody can call
    /// what has no name.
    pub fn learn(&self, server: &str, values: &[Value<'_>]) -> Vec<Option<Seen>> {
        self.refresh();
        let seen: Vec<Option<Tool>> = values.iter().map(|value| read(*value)).collect();
        let new: Vec<Tool> = {
            let shelves = self.shelves();
            let shelf = shelves.get(server);
            let settled = |tool: &Tool| {
                let known = shelf.and_then(|shelf| shelf.tools.get(&tool.name));
                known.is_some_and(|known| known.standing == Pinned::Same && known.hash == tool.hash)
            };
            let new = seen.iter().flatten().filter(|tool| !settled(tool));
            new.cloned().collect()
        };
        if !new.is_empty() {
            self.take(server, new);
        }
        let shelves = self.shelves();
        let shelf = shelves.get(server);
        let standing = |tool: &Tool| {
            let known = shelf.and_then(|shelf| shelf.tools.get(&tool.name));
            match known {
                Some(known) if known.hash == tool.hash => known.standing,
                // Somebody was told of another one meanwhile.
                Some(_) => Pinned::Changed,
                None => Pinned::Unlisted,
            }
        };
        let seen = seen.into_iter().map(|tool| {
            let tool = tool?;
            Some(Seen {
                pinned: standing(&tool),
                name: tool.name,
                hash: tool.hash,
            })
        });
        seen.collect()
    }

    /// Holds what is not known yet to its pins.
    fn take(&self, server: &str, new: Vec<Tool>) {
        let rules = self.config.load().rules_of(server);
        let looked = self.store.look(server, &new, rules, self.clock.now());
        // An operator may have acted meanwhile, and somebody may have looked who has not seen these.
        let mut shelves = self.shelves();
        let read = looked.and_then(|()| self.store.read()).map_err(|error| {
            tracing::error!(server, error = %error, "the tools of {server} are held back: {error}");
        });
        let shelf = shelves.entry(server.to_owned()).or_default();
        shelf.listless = false;
        let mut unseen = 0;
        for Tool { name, hash, text } in new {
            let standing = match &read {
                Ok((pins, book)) => book.standing(pins, server, &name, &hash),
                Err(()) => Pinned::Held(Reason::Unreadable),
            };
            let known = Known {
                hash,
                written: Arc::new(Written::new(text)),
                standing,
            };
            let before = shelf
                .tools
                .get(&name)
                .map(|before| (before.hash, before.standing));
            match standing.held().filter(|_| before != Some((hash, standing))) {
                // That is how each server begins, unless somebody says otherwise.
                Some(Reason::NewServer) => unseen += 1,
                Some(reason) => tracing::error!(
                    server,
                    tool = name,
                    reason = reason.as_str(),
                    "{server}'s tool {name} is in quarantine: {}",
                    reason.sentence()
                ),
                None => {}
            }
            // What is beyond is unlisted, which is refused.
            if shelf.tools.len() < MAX_TOOLS || shelf.tools.contains_key(&name) {
                shelf.tools.insert(name, known);
            }
        }
        if unseen > 0 {
            tracing::warn!(
                server,
                tools = unseen,
                "{server} is new, and {unseen} of its tools wait until somebody has looked at them: mcps quarantine show {server}"
            );
        }
        self.turn();
    }

    /// Takes up what an operator has done since. Where it cannot be read nothing may be called.
    pub fn refresh(&self) {
        self.look(Duration::ZERO);
    }

    /// The same of what an operator has done until a moment ago: of many calls at once not each looks.
    pub fn glance(&self) {
        self.look(GLANCE);
    }

    fn look(&self, lately: Duration) {
        // Until it is taken up nobody else goes on.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.looked.elapsed() < lately {
            return;
        }
        held.looked = Instant::now();
        if held.stamp == Some(self.store.stamp()) {
            return;
        }
        // What is pinned meanwhile is put on its shelf after this, and not overwritten with what was read before.
        let mut shelves = self.shelves();
        let now = self.store.stamp();
        let read = self.store.read();
        if let (Err(error), Some(_)) = (&read, &held.tools) {
            tracing::error!(error = %error, "everything is held back: {error}");
        }
        for (server, shelf) in shelves.iter_mut() {
            for (name, known) in &mut shelf.tools {
                known.standing = match &read {
                    Ok((pins, book)) => book.standing(pins, server, name, &known.hash),
                    Err(_) => Pinned::Held(Reason::Unreadable),
                };
            }
        }
        drop(shelves);
        held.stamp = read.is_ok().then_some(now);
        held.tools = read.ok().map(|(pins, book)| book.holds(&pins));
        self.turn();
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
        let first = names.is_some() && !std::mem::replace(&mut shelf.told, true);
        if let Some(names) = names {
            let (names, before): (HashSet<&String>, usize) =
                (names.iter().collect(), shelf.tools.len());
            shelf.tools.retain(|known, _| names.contains(known));
            if shelf.tools.len() != before {
                self.turn();
            }
        }
        drop(shelves);
        if first && let Err(error) = self.store.listed(server) {
            tracing::error!(server, error = %error, "that {server} was listed is not written down: {error}");
        }
    }

    fn turn(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// How often anything has changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// All tools that somebody may call, by server and name, and as of which generation.
    #[must_use]
    pub fn stock(&self) -> (u64, Vec<Stocked>) {
        let shelves = self.shelves();
        let generation = self.generation();
        let tools = shelves.iter().flat_map(|(server, shelf)| {
            let open = shelf.tools.iter().filter(|(_, known)| {
                known.standing == Pinned::Same || known.standing.can_be_promoted()
            });
            open.map(|(name, known)| Stocked {
                server: server.clone(),
                name: name.clone(),
                text: Arc::clone(known.written.text()),
                hash: known.hash,
                pinned: known.standing,
            })
        });
        let mut tools: Vec<Stocked> = tools.collect();
        tools.sort_by(|one, other| (&one.server, &one.name).cmp(&(&other.server, &other.name)));
        (generation, tools)
    }

    /// What a server has listed, and how each of that stands.
    #[must_use]
    pub fn listed(&self, server: &str) -> Vec<(String, Digest, Pinned)> {
        let shelves = self.shelves();
        let tools = shelves.get(server).into_iter().flat_map(|it| &it.tools);
        tools
            .map(|(name, known)| (name.clone(), known.hash, known.standing))
            .collect()
    }

    /// How a tool stands now that was found; absent where it is another one, or gone.
    #[must_use]
    pub fn standing(&self, found: &Stocked) -> Option<Pinned> {
        let shelves = self.shelves();
        let known = shelves.get(&found.server)?.tools.get(&found.name)?;
        (known.hash == found.hash).then_some(known.standing)
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
