//! What stands in a mapping for what is found in a report.
//!
//! A value is a literal; or `{"at": "/pointer"}` (RFC 6901), what stands there in the alert, or
//! `{"of": "/pointer"}`, what stands there in the whole report; with `"is": {…}` a table of what it
//! stands for, and with `"else"` another value where nothing was found. A condition has `at` or `of`
//! too, and one of `is` (the very same), `in` (one of a list), `not` (anything else) and `least` (a
//! number that is not below); with none of these it holds when something is there.

use serde_json::Value;

/// What is looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// One alert.
    pub(super) alert: &'a Value,
    /// The report that it is part of.
    pub(super) report: &'a Value,
}

/// The value itself, or what it stands for.
pub(super) fn look(value: &Value, scope: Scope<'_>) -> Option<Value> {
    if !points(value) {
        return Some(value.clone());
    }
    let found = found(value, scope);
    let found = match value.get("is") {
        Some(table) => found.and_then(text).and_then(|key| table.get(&key)),
        None => found,
    };
    match (found, value.get("else")) {
        (Some(found), _) if !found.is_null() => Some(found.clone()),
        (_, Some(other)) => look(other, scope),
        _ => None,
    }
}

/// Whether a condition holds.
pub(super) fn holds(condition: &Value, scope: Scope<'_>) -> bool {
    let found = found(condition, scope).filter(|found| !found.is_null());
    if let Some(same) = condition.get("is") {
        return found == Some(same);
    }
    if let Some(list) = condition.get("in") {
        let list = list.as_array();
        return list.is_some_and(|list| found.is_some_and(|found| list.contains(found)));
    }
    if let Some(other) = condition.get("not") {
        return found.is_some_and(|found| found != other);
    }
    if let Some(least) = condition.get("least") {
        let (found, least) = (found.and_then(number), number(least));
        return matches!((found, least), (Some(found), Some(least)) if found >= least);
    }
    found.is_some()
}

/// A text, or a number or truth value as it is written.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Many senders write numbers as texts.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn points(value: &Value) -> bool {
    ["at", "of"]
        .iter()
        .any(|name| value.get(name).is_some_and(Value::is_string))
}

fn found<'a>(value: &Value, scope: Scope<'a>) -> Option<&'a Value> {
    let pointer = |name| value.get(name).and_then(Value::as_str);
    match (pointer("at"), pointer("of")) {
        (Some(at), _) => scope.alert.pointer(at),
        (None, Some(of)) => scope.report.pointer(of),
        (None, None) => None,
    }
}
