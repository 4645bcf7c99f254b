//! What a report asks for.
//!
//! A report in our own form is `{"action": "suspend", "target": {…}, "reason"?, "note"?}`. For one in
//! another form there is a mapping with the same members, in which values stand for what is found in
//! the report. Besides these it may say where the single alerts are (`each`), what makes a delivery the
//! same as another (`id`), which state of an alert takes back what it did (`resolved`) and what names
//! the alert in all its states (`alert`), and what has to hold for anything to be done (`when`). A
//! target may be a text too: `agent/TENANT/NAME`.

mod value;

use mcps_core::digest::Digest;
use mcps_core::feed::Target;
use mcps_core::json::Document;
use serde_json::{Value, json};

use super::Ceiling;
use crate::store::Reason;
use crate::subject::Note;
use value::{Scope, holds, look, text};

/// Most alerts in one report.
pub const MAX_ALERTS: usize = 200;
/// Longest id of an alert.
const MAX_ID: usize = 256;
/// What the id of a delivery ends with that says that its alert is over.
const RESOLVED: &str = ":resolved";

/// How reports are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping(Value);

/// What an alert asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is to be done.
    pub action: Ceiling,
    /// To what.
    pub target: Target,
    /// Why.
    pub reason: Reason,
    /// In the reporter's words.
    pub note: Option<String>,
}

/// What is said of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It asks for something.
    Firing(Wanted),
    /// It is over.
    Resolved,
    /// It cannot be read.
    Unread(MappingError),
}

/// One alert of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What makes a delivery of it the same as another, where the report says so.
    pub id: Option<String>,
    /// What names it in all its states.
    pub key: Option<String>,
    /// What is said of it.
    pub said: Said,
    /// SHA-256 of what must be the same when it comes again.
    pub digest: Digest,
}

/// What is wrong with a report or a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not an object, or without what it must have.
    #[error(
        "the mapping is not a JSON object with `action` and `target`, as docs/incidents.md has it"
    )]
    Form,
    /// A member that no mapping has.
    #[error(
        "the mapping has a member that no mapping has; these may be there: action, target, reason, note, each, id, alert, resolved, when"
    )]
    Unknown,
    /// A member of the order is missing, or not of its form.
    #[error("`{0}` cannot be read from the report")]
    Member(&'static str),
    /// There are no alerts where they should be.
    #[error("`each` does not lead to a list of alerts in the report")]
    Each,
    /// More alerts than are read.
    #[error("the report has more than 200 alerts; have it sent in smaller ones")]
    TooMany,
}

const ACTION: MappingError = MappingError::Member("action");
const TARGET: MappingError = MappingError::Member("target");
const MEMBERS: [&str; 9] = [
    "action", "target", "reason", "note", "each", "id", "alert", "resolved", "when",
];

impl Mapping {
    /// Reads a mapping, or the members of one that differ from an adapter's.
    ///
    /// # Errors
    /// [`MappingError::Form`], [`MappingError::Unknown`].
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mapping: Value = serde_json::from_str(text).map_err(|_| MappingError::Form)?;
        let members = mapping.as_object().ok_or(MappingError::Form)?;
        if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(MappingError::Unknown);
        }
        let text = |name: &str| mapping.get(name).is_none_or(Value::is_string);
        let object = |name: &str| mapping.get(name).is_none_or(Value::is_object);
        let target = mapping.get("target");
        let target = target.is_none_or(|target| target.is_object() || target.is_string());
        let sound = text("each")
            && target
            && object("resolved")
            && mapping.get("when").is_none_or(Value::is_array);
        sound.then_some(Self(mapping)).ok_or(MappingError::Form)
    }

    /// As JSON.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// This one, with every member that `other` has in the place of its own.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        if let (Some(own), Some(other)) = (self.0.as_object_mut(), other.0.as_object()) {
            own.extend(other.clone());
        }
        self
    }

    /// Whether it says what to do and to whom.
    ///
    /// # Errors
    /// [`MappingError::Form`].
    pub fn whole(self) -> Result<Self, MappingError> {
        let whole = self.0.get("action").is_some() && self.0.get("target").is_some();
        whole.then_some(self).ok_or(MappingError::Form)
    }

    /// What a report says, which is strict JSON.
    ///
    /// # Errors
    /// [`MappingError::Each`], [`MappingError::TooMany`]. What is wrong with a single alert is said of
    /// that alert.
    pub fn alerts(&self, report: &Document) -> Result<Vec<Alert>, MappingError> {
        let text = report.text();
        let report: Value = serde_json::from_str(text).map_err(|_| MappingError::Form)?;
        let Some(each) = self.0.get("each").and_then(Value::as_str) else {
            let digest = Digest::of(text.as_bytes());
            let scope = Scope {
                alert: &report,
                report: &report,
            };
            return Ok(vec![self.alert(scope, Some(digest))]);
        };
        let list = report.pointer(each).and_then(Value::as_array);
        let list = list.ok_or(MappingError::Each)?;
        if list.len() > MAX_ALERTS {
            return Err(MappingError::TooMany);
        }
        let scope = |alert| Scope {
            alert,
            report: &report,
        };
        let alerts = list.iter().map(|alert| self.alert(scope(alert), None));
        Ok(alerts.collect())
    }

    fn alert(&self, scope: Scope<'_>, whole: Option<Digest>) -> Alert {
        let said = self.said(scope);
        // Reports of several alerts come again with others beside them, and with other texts in them:
        // what an alert asks for is what must be the same.
        let digest = whole.unwrap_or_else(|| match &said {
            Said::Firing(wanted) => {
                let (action, target) = (wanted.action.as_str(), wanted.target.to_json());
                Digest::of(format!("{action} {target}").as_bytes())
            }
            Said::Resolved => Digest::of(b"resolved"),
            Said::Unread(_) => Digest::of(scope.alert.to_string().as_bytes()),
        });
        let id = self.joined("id", scope);
        let key = match self.0.get("alert") {
            Some(_) => self.joined("alert", scope),
            None => id.clone(),
        };
        // An alert that is over comes under the same id as while it lasted.
        let id = match said {
            Said::Resolved => id.map(|id| id + RESOLVED),
            _ => id,
        };
        Alert {
            id,
            key,
            said,
            digest,
        }
    }

    fn said(&self, scope: Scope<'_>) -> Said {
        let resolved = self.0.get("resolved");
        if resolved.is_some_and(|condition| holds(condition, scope)) {
            return Said::Resolved;
        }
        let wanted = self.order(scope).and_then(|order| Wanted::of(&order));
        wanted.map_or_else(Said::Unread, Said::Firing)
    }

    /// All texts that a member names, or nothing if one of them is missing.
    fn joined(&self, member: &str, scope: Scope<'_>) -> Option<String> {
        let parts = self.0.get(member)?;
        let parts = parts
            .as_array()
            .map_or(std::slice::from_ref(parts), |all| all);
        let parts = parts.iter().map(|part| text(&look(part, scope)?));
        let id = parts.collect::<Option<Vec<String>>>()?.join(":");
        match id.len() {
            0 => None,
            1..=MAX_ID => Some(storable(id)),
            _ => Some(hashed(&id)),
        }
    }

    /// Writes an alert as one in our own form.
    fn order(&self, scope: Scope<'_>) -> Result<Value, MappingError> {
        let mut order = serde_json::Map::new();
        let met = self.0.get("when").and_then(Value::as_array);
        let met = met.is_none_or(|all| all.iter().all(|one| holds(one, scope)));
        let action = self.0.get("action").ok_or(MappingError::Form)?;
        let action = match met {
            true => look(action, scope).ok_or(ACTION)?,
            false => Ceiling::Observe.as_str().into(),
        };
        order.insert("action".into(), action);
        let target = self.0.get("target").ok_or(MappingError::Form)?;
        order.insert("target".into(), target_of(target, scope).ok_or(TARGET)?);
        for name in ["reason", "note"] {
            if let Some(value) = self.0.get(name).and_then(|value| look(value, scope)) {
                order.insert(name.into(), value);
            }
        }
        Ok(Value::Object(order))
    }
}

/// An id as it is kept: PostgreSQL has no U+0000 in a text.
fn storable(id: String) -> String {
    match id.contains('\0') {
        true => hashed(&id),
        false => id,
    }
}

fn hashed(id: &str) -> String {
    format!("sha256:{}", Digest::of(id.as_bytes()))
}

/// A target as it is written in the feed: from its members, or from the text `agent/TENANT/NAME`.
fn target_of(target: &Value, scope: Scope<'_>) -> Option<Value> {
    let found = look(target, scope)?;
    match &found {
        // Only what the mapping itself says is looked up, and not what the report says.
        Value::Object(members) if found == *target => {
            let members = members
                .iter()
                .map(|(name, value)| Some((name.clone(), look(value, scope)?)));
            members
                .collect::<Option<serde_json::Map<_, _>>>()
                .map(Value::Object)
        }
        Value::Object(_) => Some(found),
        Value::String(text) => {
            let mut parts = text.splitn(3, '/');
            let (kind, tenant, name) = (parts.next()?, parts.next()?, parts.next()?);
            Some(json!({"kind": kind, "tenant": tenant, "name": name}))
        }
        _ => None,
    }
}

/// What a report in our own form says.
///
/// # Errors
/// [`MappingError::Form`] for what is no JSON, which strict JSON always is.
pub fn own_form(report: &Document) -> Result<Vec<Alert>, MappingError> {
    let text = report.text();
    let order: Value = serde_json::from_str(text).map_err(|_| MappingError::Form)?;
    let key = order.get("id").and_then(self::text);
    let key = key.filter(|id| (1..=MAX_ID).contains(&id.len()));
    let key = key.map(storable);
    let (said, id) = match order.get("action").and_then(Value::as_str) {
        Some("resolve") => (Said::Resolved, key.clone().map(|id| id + RESOLVED)),
        _ => {
            let said = Wanted::of(&order).map_or_else(Said::Unread, Said::Firing);
            (said, key.clone())
        }
    };
    let digest = Digest::of(text.as_bytes());
    Ok(vec![Alert {
        id,
        key,
        said,
        digest,
    }])
}

impl Wanted {
    /// Reads an order in our own form.
    fn of(order: &Value) -> Result<Self, MappingError> {
        let action = order.get("action").and_then(Value::as_str);
        let action = action.and_then(Ceiling::parse).ok_or(ACTION)?;
        let target = order.get("target").ok_or(TARGET)?.to_string();
        let target = Document::parse(target).map_err(|_| TARGET)?;
        let reason = match order.get("reason") {
            Some(reason) => reason.as_str().and_then(Reason::parse),
            None => Some(Reason::Policy),
        };
        let note = order.get("note").and_then(Value::as_str);
        // A note is for people: one that is too long is cut, not a reason to do nothing.
        let note = note.map(|note| note.chars().take(200).collect::<String>());
        Ok(Self {
            action,
            target: Target::read(target.root()).map_err(|_| TARGET)?,
            reason: reason.ok_or(MappingError::Member("reason"))?,
            note: note
                .and_then(|note| Note::try_from(note).ok())
                .map(Note::into_string),
        })
    }
}

#[cfg(test)]
mod tests;
