//! One event of the feed, understood or not.

use super::member::{number, only, text, time};
use super::{Action, FeedError, MAX_EVENT_BYTES, Target};
use crate::clock::Timestamp;
use crate::jcs;
use crate::json::{Document, Limits, Value, quote};

/// Members of every event.
const COMMON: [&str; 5] = ["at", "ignorable", "reason", "seq", "type"];

/// One event. Of what a later version may write, number and time are always read, so that it is
/// counted and chained; what it does may be unknown here ([`Event::is_understood`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    seq: u64,
    at: Timestamp,
    name: String,
    reason: Option<String>,
    action: Option<Action>,
    target: Option<Target>,
    whole: bool,
    ignorable: bool,
    canonical: String,
}

impl Event {
    /// The event number `seq` (from 1 to 2^53−1), with a reason of 1 to 256 bytes.
    ///
    /// # Errors
    /// [`FeedError::Member`] naming what a reader would not understand, or
    /// [`FeedError::EventTooLarge`].
    pub fn new(seq: u64, at: Timestamp, action: &Action, reason: &str) -> Result<Self, FeedError> {
        let mut json = format!(
            r#"{{"seq":{seq},"at":"{at}","type":"{}","reason":"#,
            action.as_str()
        );
        quote(reason, &mut json);
        action.write(&mut json);
        if action.is_ignorable() {
            json.push_str(r#","ignorable":true"#);
        }
        json.push('}');
        let event = Self::read(Document::parse(json)?.root())?;
        match (&event.action, &event.reason) {
            (Some(_), Some(_)) if event.whole => Ok(event),
            (Some(_), None) => Err(FeedError::Member("reason")),
            _ => Err(FeedError::Member("target")),
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    /// [`FeedError::Member`] when it has no number, time or type, which every version writes;
    /// [`FeedError::EventTooLarge`].
    pub fn read(value: Value<'_>) -> Result<Self, FeedError> {
        let object = value.as_object().ok_or(FeedError::Member("events"))?;
        let canonical = jcs::to_string(value);
        if canonical.len() > MAX_EVENT_BYTES {
            let bytes = canonical.len();
            return Err(FeedError::EventTooLarge { bytes });
        }
        let name = text(object, "type")?;
        let action = Action::read(&name, object).ok();
        let own = action.as_ref().map_or(&[][..], Action::members);
        let known = [&COMMON[..], own].concat();
        let reason = text(object, "reason").ok();
        let ignorable = object.get("ignorable");
        Ok(Self {
            seq: number(object, "seq", 1)?,
            at: time(object, "at")?,
            whole: action.is_some()
                && reason.is_some()
                && only(object, &known)
                && ignorable.is_none_or(|value| value.as_bool().is_some()),
            target: object
                .get("target")
                .and_then(|target| Target::read(target).ok()),
            ignorable: ignorable.and_then(Value::as_bool) == Some(true),
            name,
            reason,
            action,
            canonical,
        })
    }

    /// Reads an event from its JSON text.
    ///
    /// # Errors
    /// As [`Event::read`], and [`FeedError::Json`].
    pub fn parse(text: &str) -> Result<Self, FeedError> {
        let limits = Limits {
            bytes: 8 * MAX_EVENT_BYTES,
            depth: 16,
        };
        Self::read(Document::parse_with(text.into(), limits)?.root())
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// When it was committed.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Its `type`, known here or not.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why, for people and records.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What it does; `None` when nothing of that can be read. Unless [`Event::is_understood`], it
    /// may do more or other than this, so only what it takes away may be relied upon.
    #[must_use]
    pub const fn action(&self) -> Option<&Action> {
        self.action.as_ref()
    }

    /// What it is about, where that can be read, even if what it does cannot.
    #[must_use]
    pub const fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Whether all of it was read: its type is known and it has no member that is not.
    #[must_use]
    pub const fn is_understood(&self) -> bool {
        self.whole
    }

    /// Whether the authority says that nothing is lost on who does not understand it.
    #[must_use]
    pub const fn is_ignorable(&self) -> bool {
        self.ignorable
    }

    /// The canonical form (RFC 8785), which is what is chained.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

#[cfg(test)]
mod tests;
