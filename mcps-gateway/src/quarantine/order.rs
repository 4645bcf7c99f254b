//! What an operator orders about one tool.

use mcps_client::error::ClientError;
use mcps_core::clock::Timestamp;
use mcps_core::pin::{ApprovalError, PinStore};
pub use mcps_core::verdict::Verb;
use serde_json::{Value, json};

use super::{Book, Entry, Reason, State, Store, owner};

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is to be done.
    pub verb: Verb,
    /// The server.
    pub server: String,
    /// The tool, as its server calls it.
    pub tool: String,
    /// Who orders it.
    pub by: String,
    /// Why.
    pub why: Option<String>,
    /// Whether to say only what would be done.
    pub dry_run: bool,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Hash of the definition that it is about.
    pub hash: String,
    /// Hash of the one that was approved before.
    pub was: Option<String>,
}

/// Why it was not.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Nobody knows such a tool.
    #[error("no tool of this name was seen at this server; look at: mcps quarantine list --all")]
    Unknown,
    /// It may be called.
    #[error("the tool is not in quarantine; look at: mcps quarantine list --all")]
    NotHeld,
    /// The definition is not the one that was looked at.
    #[error(
        "the tool has changed since you looked at it; look again: mcps quarantine show SERVER TOOL"
    )]
    ChangedAgain,
    /// Nothing of a server is held.
    #[error("no tool of this server is held back; look at: mcps quarantine list --all")]
    NothingHeld,
    /// Of a server other tools, or other definitions, are held than were looked at.
    #[error(
        "what is held back of the server has changed since you looked at it; look again: mcps quarantine show SERVER"
    )]
    OtherSet,
    /// It is blocked.
    #[error("the tool is blocked; end that first: mcps quarantine unblock SERVER TOOL")]
    Blocked,
    /// It is not blocked.
    #[error("the tool is not blocked; look at: mcps quarantine list --all")]
    NotBlocked,
    /// There is no room for another pin.
    #[error("there are as many approved tools as can be kept; take servers out that nobody uses")]
    Full,
    /// Files of the home.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl From<ApprovalError> for OrderError {
    fn from(error: ApprovalError) -> Self {
        match error {
            ApprovalError::Unknown => Self::Unknown,
            ApprovalError::NotQuarantined => Self::NotHeld,
            ApprovalError::ChangedAgain => Self::ChangedAgain,
        }
    }
}

impl Order {
    /// Carries it out, and writes it down before. Nothing is done where it fails.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn carry_out(&self, store: &Store, now: Timestamp) -> Result<Done, OrderError> {
        if self.dry_run {
            let (pins, book) = store.read()?;
            let (mut pins, mut book) = (PinStore::clone(&pins), Book::clone(&book));
            return self.apply(&mut pins, &mut book, now);
        }
        store.change(|pins, book| {
            let done = self.apply(pins, book, now)?;
            store.note(&[self.line(&done, now)])?;
            Ok(done)
        })
    }

    /// What the log has of it.
    pub(in crate::quarantine) fn line(&self, done: &Done, now: Timestamp) -> Value {
        json!({
            "at": now.to_string(), "by": self.by, "action": self.verb.as_str(),
            "server": self.server, "tool": self.tool, "hash": done.hash, "was": done.was,
            "why": self.why,
        })
    }

    /// Carries it out in what was read of a home.
    pub(in crate::quarantine) fn apply(
        &self,
        pins: &mut PinStore,
        book: &mut Book,
        now: Timestamp,
    ) -> Result<Done, OrderError> {
        let (server, tool) = (self.server.as_str(), self.tool.as_str());
        let owner = owner(server);
        let pin = pins.pin(&owner, tool).copied();
        let entry = book.entry(server, tool).cloned();
        let was = pin.map(|pin| pin.hash.to_string());
        let blocked = entry
            .as_ref()
            .is_some_and(|entry| entry.state == State::Blocked);
        let done = |hash: String| Done { hash, was };
        match (self.verb, pin, entry) {
            (_, None, None) => Err(OrderError::Unknown),
            (Verb::Promote(_) | Verb::Reject(_), _, _) if blocked => Err(OrderError::Blocked),
            (Verb::Promote(hash), Some(pin), entry) => {
                match pin.change {
                    Some(_) => pins.approve(&owner, tool, &hash, now)?,
                    None if entry.is_none_or(|entry| entry.state != State::Flagged) => {
                        return Err(OrderError::NotHeld);
                    }
                    None if pin.hash != hash => return Err(OrderError::ChangedAgain),
                    None => {}
                }
                book.remove(server, tool);
                Ok(done(hash.to_string()))
            }
            (Verb::Promote(hash), None, Some(entry)) => {
                if entry.hash != hash.to_string() {
                    return Err(OrderError::ChangedAgain);
                }
                let pinned = pins.look(&owner, tool, &hash, now);
                pinned.map_err(|_| OrderError::Full)?;
                book.remove(server, tool);
                Ok(done(entry.hash))
            }
            (Verb::Reject(hash), Some(pin), _) => {
                let change = pin.change.ok_or(OrderError::NotHeld)?;
                if change.hash != hash {
                    return Err(OrderError::ChangedAgain);
                }
                // What was approved before is good again as soon as the server shows it.
                pins.approve(&owner, tool, &pin.hash, now)?;
                let found = Entry::found(server, tool, Reason::Changed, &hash, now);
                book.put(self.put(found, State::Rejected));
                Ok(done(hash.to_string()))
            }
            (Verb::Reject(hash), None, Some(entry)) => {
                if entry.hash != hash.to_string() {
                    return Err(OrderError::ChangedAgain);
                }
                book.put(self.put(entry, State::Rejected));
                Ok(done(hash.to_string()))
            }
            (Verb::Block, pin, entry) => {
                let shown = pin.map(|pin| pin.change.map_or(pin.hash, |change| change.hash));
                let made =
                    shown.map(|hash| Entry::found(server, tool, Reason::Blocked, &hash, now));
                let entry = entry.or(made).ok_or(OrderError::Unknown)?;
                let hash = entry.hash.clone();
                book.put(self.put(entry, State::Blocked));
                if book
                    .entry(server, tool)
                    .is_none_or(|entry| entry.state != State::Blocked)
                {
                    return Err(OrderError::Full);
                }
                Ok(done(hash))
            }
            (Verb::Unblock, _, None) => Err(OrderError::NotBlocked),
            (Verb::Unblock, pin, Some(entry)) => {
                if !blocked {
                    return Err(OrderError::NotBlocked);
                }
                let hash = entry.hash.clone();
                let reason = match entry.reason {
                    Reason::Blocked => Reason::NewTool,
                    reason => reason,
                };
                match pin {
                    Some(_) => {
                        book.remove(server, tool);
                    }
                    None => book.put(Entry {
                        reason,
                        ..self.put(entry, State::Held)
                    }),
                }
                Ok(done(hash))
            }
        }
    }

    fn put(&self, entry: Entry, state: State) -> Entry {
        Entry {
            state,
            by: Some(self.by.clone()),
            why: self.why.clone(),
            ..entry
        }
    }
}
