//! Records as lines for people.

use mcps_core::terminal::printable;
use serde_json::{Map, Value};

use crate::segment::Record;

/// What may become of a call.
pub(super) const OUTCOMES: [&str; 8] = [
    "refused",
    "answered",
    "error",
    "withheld",
    "failed",
    "left",
    "passed_on",
    "open",
];

/// A call: what was decided, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) decision: Record,
    pub(super) outcome: Option<Record>,
}

impl Row {
    /// What became of it, in a word: one of [`OUTCOMES`], which is `open` as long as nothing is on record.
    pub(super) fn came_of_it(&self) -> &str {
        if self.decision.text("decision") == "deny" {
            return "refused";
        }
        let Some(outcome) = &self.outcome else {
            return "open";
        };
        match outcome.text("outcome") {
            "answered" if outcome.body.contains_key("is_error") => "error",
            other => other,
        }
    }

    /// The code that its caller was told; empty where there is none.
    pub(super) fn code(&self) -> &str {
        let told = self
            .outcome
            .as_ref()
            .map_or("", |record| record.text("code"));
        match self.decision.text("code") {
            "" => told,
            code => code,
        }
    }

    /// One object.
    pub(super) fn json(&self) -> Value {
        let mut object = self.decision.body.clone();
        object.insert("came_of_it".to_owned(), self.came_of_it().into());
        let outcome = self.outcome.as_ref().map(|record| record.body.clone());
        object.insert("outcome".to_owned(), outcome.into());
        Value::Object(object)
    }

    /// The head over [`Row::columns`].
    pub(super) const HEAD: [&'static str; 8] = [
        "AT", "OUTCOME", "CODE", "AGENT", "SERVER", "NAME", "RULE", "DECISION",
    ];

    /// One line.
    pub(super) fn columns(&self) -> [String; 8] {
        let decision = &self.decision;
        let words = [
            decision.text("at"),
            self.came_of_it(),
            self.code(),
            agent(decision),
            decision.text("server"),
            named(decision),
            decision.text("rule"),
            decision.text("decision_id"),
        ];
        words.map(cell)
    }

    /// All that an operator wants to know of it, line by line.
    pub(super) fn lines(&self) -> String {
        let mut text = lines("", &self.decision.body);
        text.push_str(&format!("{:<18}{}\n", "came of it", self.came_of_it()));
        if let Some(outcome) = &self.outcome {
            text.push_str(&lines("  ", &outcome.body));
        }
        text
    }
}

/// The caller's name; empty where nobody signed.
pub(super) fn agent(record: &Record) -> &str {
    let principal = record.body.get("principal");
    let name = principal.and_then(|principal| principal.get("name"));
    name.and_then(Value::as_str).unwrap_or_default()
}

/// What was called, else by which method.
pub(super) fn named(record: &Record) -> &str {
    match record.text("name") {
        "" => record.text("method"),
        name => name,
    }
}

/// Members that only prove that the record is whole.
const PROOF: [&str; 3] = ["seq", "previous", "event"];

fn lines(indent: &str, body: &Map<String, Value>) -> String {
    let said = body
        .iter()
        .filter(|(name, value)| !PROOF.contains(&name.as_str()) && !value.is_null());
    let said = said.map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let items = items.iter().map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                });
                items.collect::<Vec<_>>().join(", ")
            }
            Value::Object(members) => {
                let members = members.iter().filter(|(_, value)| !value.is_null());
                let members = members.map(|(name, value)| {
                    format!(
                        "{name} {}",
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_owned)
                    )
                });
                members.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let name = name.replace('_', " ");
        format!("{:<18}{}\n", format!("{indent}{name}"), printable(&value))
    });
    said.collect()
}

/// A word of a line, so that columns stay columns.
fn cell(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => printable(text).replace(' ', "_"),
    }
}

/// Any record on one line.
pub(super) fn line(record: &Record) -> String {
    let at = record.text("at");
    let said = match record.event() {
        "decision" => format!(
            "{} {} at {} by {}, {}  {}",
            record.text("decision"),
            named(record),
            record.text("server"),
            match agent(record) {
                "" => "nobody who signed",
                name => name,
            },
            record.text("rule"),
            record.text("decision_id"),
        ),
        "outcome" => format!(
            "{} {}  {}",
            record.text("outcome"),
            record.text("code"),
            record.text("decision_id")
        ),
        _ => {
            let rest = record.body.iter();
            let rest = rest.filter(|(name, value)| {
                !PROOF.contains(&name.as_str()) && name.as_str() != "at" && !value.is_object()
            });
            let rest: Vec<String> = rest
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            rest.join(", ")
        }
    };
    let line = format!("{:>8} {at} {:<10} {said}", record.seq, record.event());
    printable(line.trim_end()).to_string()
}
