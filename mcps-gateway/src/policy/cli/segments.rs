//! What a gateway has recorded, as calls to put again.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use mcps_core::level::TrustLevel;
use serde_json::{Map, Value};

use crate::events::follow::{Follow, Found};
use crate::policy::question::{Action, Definition, Levels};
use crate::policy::{Recorded, recorded::RecordedPrincipal, recorded::RecordedResult};
use crate::segment::{FOLDER, Record};

/// The calls in a gateway's home, or in its folder of records, in order. Those that no policy was asked
/// about are left out. Whether a record could not be read is said too.
pub(super) fn read(path: &Path) -> io::Result<(Vec<Recorded>, bool)> {
    let (mut calls, mut places): (Vec<Recorded>, HashMap<String, usize>) = Default::default();
    let mut damaged = false;
    let mut follow = follow(path)?;
    let mut take = |found| -> io::Result<()> {
        match found {
            Found::Record(record) => match record.event() {
                "decision" if record.body.contains_key("policy") => {
                    places.insert(record.text("decision_id").to_owned(), calls.len());
                    calls.push(decision(&record));
                }
                "outcome" => {
                    let place = places.remove(record.text("decision_id"));
                    if let Some(call) = place.and_then(|place| calls.get_mut(place)) {
                        outcome(&record, call);
                    }
                }
                _ => {}
            },
            Found::Damaged(..) => damaged = true,
            Found::Torn(..) => {}
        }
        Ok(())
    };
    while follow.read(&mut take)? {}
    Ok((calls, damaged))
}

fn follow(path: &Path) -> io::Result<Follow> {
    let inner = path.join(FOLDER);
    let folder = if inner.is_dir() { &inner } else { path };
    Follow::from(folder, 0)
}

/// By which rule a decision was made about which no policy was asked.
pub(super) fn decided_before(path: &Path, id: &str) -> io::Result<Option<String>> {
    let mut rule = None;
    let mut follow = follow(path)?;
    let mut take = |found| -> io::Result<()> {
        if let Found::Record(record) = found
            && record.event() == "decision"
            && record.text("decision_id") == id
        {
            rule = Some(record.text("rule").to_owned());
        }
        Ok(())
    };
    while follow.read(&mut take)? {}
    Ok(rule)
}

fn decision(record: &Record) -> Recorded {
    let text = |name: &str| record.text(name).to_owned();
    let principal = record.body.get("principal").and_then(Value::as_object);
    let of = |name: &str| {
        let value = principal.and_then(|principal| principal.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let class = record.body.get("class").cloned();
    let class = class.and_then(|class| serde_json::from_value(class).ok());
    let mut call = Recorded {
        id: text("decision_id"),
        at: text("at"),
        session: text("session"),
        action: match Action::from_method(record.text("method")) {
            Action::Method(name) => name.to_owned(),
            action => action.name().to_owned(),
        },
        tenant: text("tenant"),
        principal: RecordedPrincipal {
            kind: match principal {
                Some(_) => of("kind"),
                None => "anonymous".to_owned(),
            },
            name: of("name"),
            owner: of("owner"),
            groups: groups(principal),
            ..RecordedPrincipal::default()
        },
        server: text("server"),
        server_tenant: text("server_tenant"),
        name: text("name"),
        facts: Some(facts(record)),
        level: levels(&record.body),
        definition: Definition {
            pinned: matches!(record.text("definition"), "pinned" | "changed"),
            changed: record.text("definition") == "changed",
        },
        verdict: match (record.text("decision"), record.text("code")) {
            ("permit", _) => "allow",
            (_, "MCPS-023") => "approval",
            _ => "deny",
        }
        .to_owned(),
        rule: text("rule"),
        ..Recorded::default()
    };
    call.tool.class = class.unwrap_or_default();
    call
}

fn outcome(record: &Record, call: &mut Recorded) {
    let Some(bytes) = record.body.get("bytes").and_then(Value::as_u64) else {
        return;
    };
    call.result = Some(RecordedResult {
        facts: facts(record),
        is_error: record.body.contains_key("is_error"),
        bytes,
        ..RecordedResult::default()
    });
}

fn groups(principal: Option<&Map<String, Value>>) -> Vec<String> {
    let groups = principal.and_then(|principal| principal.get("groups")?.as_array());
    let groups = groups.into_iter().flatten().filter_map(Value::as_str);
    groups.map(str::to_owned).collect()
}

fn facts(record: &Record) -> Vec<String> {
    let facts = record.body.get("facts").and_then(Value::as_array);
    let facts = facts.into_iter().flatten().filter_map(Value::as_str);
    facts.map(str::to_owned).collect()
}

fn levels(body: &Map<String, Value>) -> Levels {
    let level = |name: &str| {
        let value = body.get("level").and_then(|levels| levels.get(name));
        let level = value
            .and_then(Value::as_i64)
            .and_then(TrustLevel::from_number);
        level.unwrap_or(TrustLevel::L0)
    };
    Levels {
        effective: level("effective"),
        passport: level("passport"),
        channel: level("channel"),
    }
}
