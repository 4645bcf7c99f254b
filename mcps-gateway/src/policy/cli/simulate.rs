//! `policy simulate`: what a new set would have decided.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::{Failure, Output, START, records};
use crate::policy::{Policies, Replay};

/// Replays `events` against `new`, and compares with `old`, or with what was recorded.
pub(super) fn run(
    new: &Policies,
    old: Option<&Policies>,
    events: &Path,
    output: Output,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let records = records(events)?;
    let mut now = Replay::new(new, START);
    let mut before = old.map(|old| Replay::new(old, START));
    let mut changes: BTreeMap<(String, String), usize> = BTreeMap::new();
    let (mut same, mut incomplete) = (0_usize, 0_usize);
    for (at, recorded) in records.iter().enumerate() {
        let bad = |error: mcps_core::json::JsonError| Failure::Input {
            path: events.display().to_string(),
            line: at + 1,
            reason: error.to_string(),
        };
        let replayed = now.step(recorded).map_err(bad)?;
        let (was, by) = match &mut before {
            Some(before) => {
                let replayed = before.step(recorded).map_err(bad)?;
                let decision = replayed.decision;
                (
                    decision.verdict.name().to_owned(),
                    decision.rule().to_owned(),
                )
            }
            None => (recorded.verdict.clone(), recorded.rule.clone()),
        };
        incomplete += usize::from(!replayed.unknown_facts.is_empty());
        let decision = &replayed.decision;
        let is = decision.verdict.name();
        if was == is {
            same += 1;
            continue;
        }
        *changes.entry((was.clone(), is.to_owned())).or_default() += 1;
        let rule = decision.rule();
        match output {
            Output::Json => writeln!(
                out,
                "{}",
                json!({
                    "id": recorded.id, "line": at + 1, "name": recorded.name,
                    "server": recorded.server, "was": was, "was_rule": by, "is": is, "rule": rule,
                    "reason": decision.because.first().map(|because| &because.reason),
                })
            )?,
            Output::Table => writeln!(
                out,
                "{:>6} {:<20} {} -> {is}  {} -> {rule}",
                at + 1,
                recorded.name,
                if was.is_empty() { "?" } else { &was },
                if by.is_empty() { "?" } else { &by },
            )?,
        }
    }
    match output {
        Output::Json => {
            let changes: Vec<_> = changes
                .iter()
                .map(|((was, is), count)| json!({ "was": was, "is": is, "calls": count }))
                .collect();
            let summary = json!({
                "calls": records.len(), "same": same, "changes": changes,
                "with_unknown_facts": incomplete,
            });
            writeln!(out, "{summary}")?;
        }
        Output::Table => {
            writeln!(out, "{} calls, {same} decided as before", records.len())?;
            for ((was, is), count) in &changes {
                writeln!(
                    out,
                    "{count} {} -> {is}",
                    if was.is_empty() { "?" } else { was }
                )?;
            }
            if incomplete > 0 {
                writeln!(
                    out,
                    "{incomplete} with facts on record that this set does not know"
                )?;
            }
        }
    }
    Ok(0)
}
