//! What policies speak of: attributes, so that only those are built, and names of facts and
//! sequences, so that a misspelt one is found at load.

use std::collections::HashSet;

use serde_json::Value;

/// What the policies of a set speak of.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    attributes: HashSet<String>,
    types: HashSet<String>,
    groups_of_actions: bool,
}

impl Mentions {
    /// Whether some policy reads an attribute of this name anywhere.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.attributes.contains(attribute)
    }

    /// Whether some policy names an entity of this type.
    pub(crate) fn of_type(&self, name: &str) -> bool {
        self.types.contains(name)
    }

    /// Whether some policy names a group of actions.
    pub(crate) const fn groups_of_actions(&self) -> bool {
        self.groups_of_actions
    }

    /// Whether some policy reads what happened before.
    pub(crate) fn history(&self) -> bool {
        let read = ["facts", "fired", "fired_before", "counts"];
        read.into_iter().any(|attribute| self.has(attribute))
    }

    /// Takes in a policy in Cedar's JSON form.
    pub(crate) fn take(&mut self, policy: &Value) {
        match policy {
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(members) => {
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("attr", Value::String(attribute)) => {
                            self.attributes.insert(attribute.clone());
                        }
                        ("type" | "entity_type", Value::String(name)) => {
                            self.types.insert(name.clone());
                        }
                        ("id", Value::String(id)) if id == "use" || id == "see" => {
                            self.groups_of_actions = true;
                        }
                        ("Record", Value::Object(record)) => {
                            self.attributes.extend(record.keys().cloned());
                        }
                        _ => {}
                    }
                    self.take(value);
                }
            }
            _ => {}
        }
    }
}

/// Gives each string that a policy looks for in a set under `context.mcps` to `each`, with the
/// set's name: `("facts", "secret.read")`.
pub(crate) fn names(policy: &Value, each: &mut impl FnMut(&str, &str)) {
    match policy {
        Value::Array(items) => items.iter().for_each(|item| names(item, each)),
        Value::Object(members) => {
            for (name, value) in members {
                if matches!(name.as_str(), "contains" | "containsAny" | "containsAll")
                    && let (Some(left), Some(right)) = (value.get("left"), value.get("right"))
                    && is_ours(left)
                    && let Some(set) = left.pointer("/./attr").and_then(Value::as_str)
                {
                    strings(right, &mut |text| each(set, text));
                }
                names(value, each);
            }
        }
        _ => {}
    }
}

/// Whether an expression is an attribute under `context.mcps`.
fn is_ours(expression: &Value) -> bool {
    let Some(access) = expression.get(".") else {
        return false;
    };
    let left = access.get("left");
    let attribute = access.get("attr").and_then(Value::as_str);
    let of_context = left
        .and_then(|left| left.get("Var"))
        .and_then(Value::as_str)
        == Some("context");
    (attribute == Some("mcps") && of_context) || left.is_some_and(is_ours)
}

fn strings(expression: &Value, each: &mut impl FnMut(&str)) {
    match expression {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("Value", Value::String(text)) => each(text),
                    ("Set", Value::Array(items)) => {
                        items.iter().for_each(|item| strings(item, each))
                    }
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, each)),
        _ => {}
    }
}
