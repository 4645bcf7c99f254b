//! The files of a home: what is held back, definitions, and what operators did.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::tools;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::passport::Kind;
use mcps_core::pin::{MAX_NAME, PinStore};

use super::{Book, Entry, Name, Reason, State, is_like, of_owner, owner};
use crate::config::{Admission, LookAlikes, Rules};
use crate::segment;

const BOOK: &str = "quarantine.json";
const LOG: &str = "quarantine.log";
const DEFINITIONS: &str = "definitions";

/// What of a tool is looked at.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its own name.
    pub name: String,
    /// Hash of its definition.
    pub hash: Digest,
    /// Its definition.
    pub text: String,
}

/// The quarantine of a home.
#[derive(Clone, Debug)]
pub struct Store {
    home: Home,
    /// What was read or written last, which need not be read again as long as nobody else writes.
    last: Arc<Mutex<Option<Last>>>,
}

#[derive(Clone, Debug)]
struct Last {
    stamp: Stamp,
    pins: Arc<PinStore>,
    book: Arc<Book>,
}

/// By which it is seen whether another process has changed anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp([Option<(u64, i64, i64, u64)>; 2]);

impl Store {
    /// Of this home.
    #[must_use]
    pub fn new(home: &Home) -> Self {
        Self {
            home: home.clone(),
            last: Arc::default(),
        }
    }

    /// The home.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Whether the home is a gateway's: one has enrolled there, or has kept something.
    #[must_use]
    pub fn is_gateways(&self) -> bool {
        let passport = self.home.passport().ok();
        let kind = passport.and_then(|passport| passport.ext().map(|ext| ext.kind));
        kind == Some(Kind::Gateway)
            || [BOOK, segment::FOLDER]
                .iter()
                .any(|name| self.home.path(name).exists())
    }

    /// The time and place of the files.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let of = |name: &str| {
            let data = fs::metadata(self.home.path(name)).ok()?;
            Some((data.ino(), data.mtime(), data.mtime_nsec(), data.size()))
        };
        Stamp([of("pins.json"), of(BOOK)])
    }

    /// What is held back. No file is nothing.
    ///
    /// # Errors
    /// A file that cannot be read: to take it for nothing would set free what an operator blocked.
    pub fn book(&self) -> Result<Book, ClientError> {
        let Some(text) = self.home.read(BOOK)? else {
            return Ok(Book::default());
        };
        serde_json::from_str(&text).map_err(|error| ClientError::Content {
            path: self.home.path(BOOK),
            why: error.to_string(),
        })
    }

    /// Pins and what is held back.
    ///
    /// # Errors
    /// As [`Self::book`].
    pub fn read(&self) -> Result<(Arc<PinStore>, Arc<Book>), ClientError> {
        let stamp = self.stamp();
        let last = self.last().clone().filter(|last| last.stamp == stamp);
        if let Some(last) = last {
            return Ok((last.pins, last.book));
        }
        let pins = Arc::new(tools::load_pins(&self.home)?);
        let book = Arc::new(self.book()?);
        // Written meanwhile, they may be of different times.
        if self.stamp() == stamp {
            self.keep_last(stamp, &pins, &book);
        }
        Ok((pins, book))
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_last(&self, stamp: Stamp, pins: &Arc<PinStore>, book: &Arc<Book>) {
        let (pins, book) = (Arc::clone(pins), Arc::clone(book));
        *self.last() = Some(Last { stamp, pins, book });
    }

    /// Changes both, while nobody else does.
    ///
    /// # Errors
    /// What `change` fails with, and nothing is changed then; files that cannot be read or written.
    pub fn change<T, E: From<ClientError>>(
        &self,
        change: impl FnOnce(&mut PinStore, &mut Book) -> Result<T, E>,
    ) -> Result<T, E> {
        let _locked = self.home.lock()?;
        let before = self.read()?;
        let (mut pins, mut book) = (PinStore::clone(&before.0), Book::clone(&before.1));
        let done = change(&mut pins, &mut book)?;
        let (same_pins, same_book) = (pins == *before.0, book == *before.1);
        if !same_book {
            let text = serde_json::to_string_pretty(&book).unwrap_or_default();
            self.home.write(BOOK, &text)?;
        }
        if !same_pins {
            tools::store_pins(&self.home, &pins)?;
        }
        if !same_book || !same_pins {
            self.keep_last(self.stamp(), &Arc::new(pins), &Arc::new(book));
        }
        Ok(done)
    }

    /// Holds what a server lists to its pins. What is new is pinned or held back, as `rules` say.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn look(
        &self,
        server: &str,
        seen: &[Tool],
        rules: Rules,
        now: Timestamp,
    ) -> Result<(), ClientError> {
        self.change(|pins, book| {
            let owner = owner(server);
            let mut others = None;
            let listed = book.is_listed(server, now);
            for tool in seen {
                if let Some(pin) = pins.pin(&owner, &tool.name) {
                    let before = pin.change.map(|change| change.hash);
                    if pin.hash == tool.hash && before.is_none() {
                        continue;
                    }
                    // Whether it is refused is asked below.
                    drop(pins.look(&owner, &tool.name, &tool.hash, now));
                    self.drop_definition(pins, book, before);
                    continue;
                }
                if tool.name.is_empty() || tool.name.len() > MAX_NAME {
                    // It cannot be pinned either: it is new for as long as it is listed.
                    continue;
                }
                if let Some(entry) = book.entry(server, &tool.name).cloned() {
                    let hash = tool.hash.to_string();
                    if entry.hash != hash && entry.state != State::Flagged {
                        let state = match entry.state {
                            // That was about another definition.
                            State::Rejected => State::Held,
                            state => state,
                        };
                        let before = Digest::from_hex(&entry.hash);
                        book.put(Entry {
                            hash,
                            state,
                            ..entry
                        });
                        self.drop_definition(pins, book, before);
                    }
                    continue;
                }
                let others = others.get_or_insert_with(|| names(pins, server));
                let name = Name::new(server, &tool.name);
                let like = others.iter().find(|other| is_like(&name, other));
                let like = like.map(Name::whole);
                if let Some(like) = &like {
                    let name = &tool.name;
                    tracing::warn!(
                        server,
                        tool = name,
                        like,
                        "{server}'s new tool {name} looks like {like}"
                    );
                }
                let reason = match listed {
                    false => (rules.new_servers == Admission::Hold).then_some(Reason::NewServer),
                    true => (rules.new_tools == Admission::Hold).then_some(Reason::NewTool),
                };
                let reason = match (&like, rules.look_alikes) {
                    (Some(_), LookAlikes::Hold) => Some(Reason::LookAlike),
                    _ => reason,
                };
                let found = Entry {
                    like: like.clone(),
                    ..Entry::found(
                        server,
                        &tool.name,
                        reason.unwrap_or(Reason::LookAlike),
                        &tool.hash,
                        now,
                    )
                };
                match reason {
                    Some(_) => book.put(found),
                    None => {
                        // Without room it is not pinned, and so held back.
                        drop(pins.look(&owner, &tool.name, &tool.hash, now));
                        if like.is_some() {
                            let state = State::Flagged;
                            book.put(Entry { state, ..found });
                        }
                    }
                }
            }
            for tool in seen {
                // Nothing is kept of what there was no room for.
                let pin = pins.pin(&owner, &tool.name);
                let entry = book.entry(server, &tool.name);
                if pin.is_some_and(|pin| pin.refers_to(&tool.hash))
                    || entry.is_some_and(|entry| entry.hash == tool.hash.to_string())
                {
                    self.keep(tool);
                }
            }
            Ok(())
        })
    }

    /// All tools of a server were listed: what comes later is new.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn listed(&self, server: &str) -> Result<(), ClientError> {
        self.change(|_, book| {
            book.was_listed(server);
            Ok(())
        })
    }

    /// The definition with this hash, if it was kept.
    #[must_use]
    pub fn definition(&self, hash: &str) -> Option<String> {
        let known = Digest::from_hex(hash)?;
        fs::read_to_string(self.definition_file(&known)).ok()
    }

    fn definition_file(&self, hash: &Digest) -> PathBuf {
        self.home.path(DEFINITIONS).join(format!("{hash}.json"))
    }

    /// Keeps a definition for those who compare it. Without it they see hashes alone, so that a
    /// disk that is full holds nobody up.
    fn keep(&self, tool: &Tool) {
        let file = self.definition_file(&tool.hash);
        if file.exists() {
            return;
        }
        let beside = file.with_extension(format!("{}", std::process::id()));
        let written = (|| {
            let mut folder = fs::DirBuilder::new();
            folder.recursive(true).mode(0o700);
            folder.create(self.home.path(DEFINITIONS))?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&beside)?.write_all(tool.text.as_bytes())?;
            fs::rename(&beside, &file)
        })();
        if let Err(error) = written {
            let name = &tool.name;
            tracing::warn!(tool = name, error = %error, "the definition of {name} is not kept: {error}");
        }
    }

    /// A definition that nothing refers to any more: a server that changes its tools again and again
    /// fills no disk.
    fn drop_definition(&self, pins: &PinStore, book: &Book, hash: Option<Digest>) {
        let Some(hash) = hash else { return };
        let pinned = pins.iter().any(|(_, _, pin)| pin.refers_to(&hash));
        let text = hash.to_string();
        if !pinned && !book.entries.values().any(|entry| entry.hash == text) {
            drop(fs::remove_file(self.definition_file(&hash)));
        }
    }

    /// Adds what an operator does at once to the log, before it is done.
    ///
    /// # Errors
    /// [`ClientError::File`].
    pub fn note(&self, lines: &[serde_json::Value]) -> Result<(), ClientError> {
        let path = self.home.path(LOG);
        let noted = (|| {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).append(true).mode(0o600).open(&path)?;
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })();
        noted.map_err(|source| ClientError::File {
            action: "write",
            path,
            source,
        })
    }
}

/// The names of all approved tools but those of one server.
fn names(pins: &PinStore, server: &str) -> Vec<Name> {
    let all = pins
        .iter()
        .filter_map(|(owner, tool, _)| Some((of_owner(owner)?, tool)));
    let others = all.filter(|(other, _)| *other != server);
    others.map(|(other, tool)| Name::new(other, tool)).collect()
}
