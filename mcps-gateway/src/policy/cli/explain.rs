//! `policy explain`: why a recorded call was decided as it was.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, Output, START, records, segments};
use crate::policy::{Because, Policies, Recorded, Replay, Replayed};

/// Replays what was before the call named `id`, and explains it; without `id`, the last one.
pub(super) fn run(
    policies: &Policies,
    events: &Path,
    id: Option<&str>,
    output: Output,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let records = records(events)?;
    let mut replay = Replay::new(policies, START);
    let mut found = None;
    for recorded in &records {
        let replayed = replay.step(recorded).map_err(|error| Failure::Input {
            path: events.display().to_string(),
            line: 0,
            reason: error.to_string(),
        })?;
        let wanted = id.is_none_or(|id| id == recorded.id);
        if wanted {
            found = Some((recorded, replayed));
            if id.is_some() {
                break;
            }
        }
    }
    let (recorded, replayed) = found.ok_or_else(|| missing(events, id))?;
    match output {
        Output::Json => writeln!(out, "{}", report(policies, recorded, &replayed))?,
        Output::Table => table(policies, recorded, &replayed, out)?,
    }
    Ok(0)
}

/// Why there is nothing to explain.
fn missing(events: &Path, id: Option<&str>) -> Failure {
    let none = || Failure::NoRecord(id.unwrap_or("in the file").to_owned());
    let Some(id) = id.filter(|_| events.is_dir()) else {
        return none();
    };
    match segments::decided_before(events, id) {
        Ok(Some(rule)) => Failure::BeforePolicies {
            id: id.to_owned(),
            rule,
        },
        Ok(None) | Err(_) => none(),
    }
}

fn place(policies: &Policies, because: &Because) -> String {
    match policies.place_of(&because.rule) {
        Some((source, line)) => format!("{source}:{line}"),
        None => String::new(),
    }
}

fn report(policies: &Policies, recorded: &Recorded, replayed: &Replayed) -> Value {
    let decision = &replayed.decision;
    let rules = |because: &[Because]| -> Vec<Value> {
        let rules = because.iter().map(|because| {
            let at = place(policies, because);
            json!({ "rule": because.rule, "reason": because.reason, "at": at })
        });
        rules.collect()
    };
    json!({
        "id": recorded.id,
        "verdict": decision.verdict.name(),
        "because": rules(&decision.because),
        "facts": decision.facts,
        "fired": decision.fired,
        "observed": decision.observed,
        "then": decision.then,
        "error": decision.error,
        "result": replayed.release.as_ref().map(|release| json!({
            "released": release.allowed,
            "because": rules(&release.because),
            "facts": release.facts,
        })),
        "unknown_facts": replayed.unknown_facts,
        "recorded": { "verdict": recorded.verdict, "rule": recorded.rule },
        "digest": policies.digest().to_string(),
    })
}

fn table(
    policies: &Policies,
    recorded: &Recorded,
    replayed: &Replayed,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let decision = &replayed.decision;
    let Recorded {
        action,
        name,
        server,
        ..
    } = recorded;
    writeln!(
        out,
        "{action} {name} at {server}, by {}",
        recorded.principal.name
    )?;
    writeln!(out, "verdict   {}", decision.verdict.name())?;
    for because in &decision.because {
        let Because { rule, reason } = because;
        writeln!(out, "rule      {rule}  {}", place(policies, because))?;
        if !reason.is_empty() {
            writeln!(out, "          {reason}")?;
        }
    }
    for (what, list) in [
        ("facts", &decision.facts),
        ("fired", &decision.fired),
        ("observed", &decision.observed),
        ("unknown", &replayed.unknown_facts),
    ] {
        if !list.is_empty() {
            writeln!(out, "{what:<9} {}", list.join(", "))?;
        }
    }
    if let Some(error) = &decision.error {
        writeln!(out, "error     {error}")?;
    }
    if let Some(release) = &replayed.release {
        let said = if release.allowed {
            "released"
        } else {
            "withheld"
        };
        writeln!(out, "result    {said}  {}", release.facts.join(", "))?;
        for because in &release.because {
            writeln!(
                out,
                "rule      {}  {}",
                because.rule,
                place(policies, because)
            )?;
        }
    }
    if !recorded.verdict.is_empty() && recorded.verdict != decision.verdict.name() {
        writeln!(
            out,
            "recorded  {} by {}: by another set or history",
            recorded.verdict, recorded.rule
        )?;
    }
    Ok(())
}
