//! What a report asks for.
//!
//! A report in our own form is `{"action": "suspend", "target": {…}, "reason"?, "note"?}`. For one in
//! another form the source has a mapping with the same members, in which `{"at": "/pointer"}` (RFC
//! 6901) stands for what is found there, and `action` may be a choice:
//! `{"at": "/severity", "is": {"critical": "revoke"}, "else": "observe"}`.

use mcps_core::feed::Target;
use mcps_core::json::Document;
use serde_json::Value;

use super::Ceiling;
use crate::store::Reason;
use crate::subject::Note;

/// How reports of a source are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping(Value);

/// What a report asks for.
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

/// What is wrong with a report or a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not an object.
    #[error("the mapping is not a JSON object with `action` and `target`")]
    Form,
    /// A member of the order is missing, or not of its form.
    #[error("`{0}` cannot be read from the report")]
    Member(&'static str),
}

const ACTION: MappingError = MappingError::Member("action");
const TARGET: MappingError = MappingError::Member("target");

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`MappingError::Form`].
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mapping: Value = serde_json::from_str(text).map_err(|_| MappingError::Form)?;
        let sound =
            mapping.get("action").is_some() && mapping.get("target").is_some_and(Value::is_object);
        sound.then_some(Self(mapping)).ok_or(MappingError::Form)
    }

    /// As JSON.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Writes a report as one in our own form.
    fn apply(&self, report: &Value) -> Result<Value, MappingError> {
        let mut order = serde_json::Map::new();
        let action = self.0.get("action").ok_or(MappingError::Form)?;
        order.insert("action".into(), choose(action, report).ok_or(ACTION)?);
        let target = self.0.get("target").and_then(Value::as_object);
        let target = target.ok_or(MappingError::Form)?.iter();
        let target = target.map(|(name, value)| Some((name.clone(), look(value, report)?)));
        let target: Option<serde_json::Map<_, _>> = target.collect();
        order.insert("target".into(), Value::Object(target.ok_or(TARGET)?));
        for name in ["reason", "note"] {
            if let Some(value) = self.0.get(name).and_then(|value| look(value, report)) {
                order.insert(name.into(), value);
            }
        }
        Ok(Value::Object(order))
    }
}

/// The value itself, or what stands where it points.
fn look(value: &Value, report: &Value) -> Option<Value> {
    match value.get("at").and_then(Value::as_str) {
        Some(pointer) => report.pointer(pointer).cloned(),
        None => Some(value.clone()),
    }
}

/// As [`look`], by a table of what stands there.
fn choose(value: &Value, report: &Value) -> Option<Value> {
    let found = look(value, report);
    let Some(table) = value.get("is") else {
        return found;
    };
    let found = found.as_ref().and_then(Value::as_str);
    let chosen = found.and_then(|found| table.get(found));
    chosen.or_else(|| value.get("else")).cloned()
}

impl Wanted {
    /// Reads a report, which is strict JSON.
    ///
    /// # Errors
    /// [`MappingError::Member`] naming what cannot be read.
    pub fn read(report: &Document, mapping: Option<&Mapping>) -> Result<Self, MappingError> {
        let report: Value = serde_json::from_str(report.text()).map_err(|_| MappingError::Form)?;
        let order = match mapping {
            Some(mapping) => mapping.apply(&report)?,
            None => report,
        };
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
