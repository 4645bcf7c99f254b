//! `policy test`: the operator's cases.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::{FAILED, Failure, Output, START, read};
use crate::misread::Misread;
use crate::policy::{Policies, Recorded, Replay};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// One case: what happened before, one call, what is expected of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    before: Vec<Recorded>,
    call: Recorded,
    /// `allow`, `deny` or `approval`; `withheld` of a call whose result is.
    expect: String,
    /// The rule that must be among those that decide.
    #[serde(default)]
    rule: String,
}

/// Runs every case of `files`.
pub(super) fn run(
    policies: &Policies,
    files: &[PathBuf],
    output: Output,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let (mut passed, mut failed) = (0_usize, Vec::new());
    for path in files {
        for case in cases(path)? {
            match case.run(policies) {
                Ok(()) => passed += 1,
                Err(why) => failed.push((case.name, why)),
            }
        }
    }
    match output {
        Output::Json => {
            let failed: Vec<_> = failed
                .iter()
                .map(|(name, why)| json!({ "name": name, "reason": why }))
                .collect();
            writeln!(out, "{}", json!({ "passed": passed, "failed": failed }))?;
        }
        Output::Table => {
            for (name, why) in &failed {
                writeln!(out, "failed: {name}: {why}")?;
            }
            writeln!(out, "{passed} passed, {} failed", failed.len())?;
        }
    }
    Ok(if failed.is_empty() { 0 } else { FAILED })
}

fn cases(path: &Path) -> Result<Vec<Case>, Failure> {
    let text = read(path)?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let misread = Misread::of(&text, &error);
        Failure::Input {
            path: path.display().to_string(),
            line: misread.line,
            reason: misread.said(),
        }
    })?;
    Ok(file.case)
}

impl Case {
    fn run(&self, policies: &Policies) -> Result<(), String> {
        let mut replay = Replay::new(policies, START);
        for step in &self.before {
            let replayed = replay.step(step).map_err(|error| error.to_string())?;
            if !replayed.decision.is_allowed() {
                let rule = replayed.decision.rule();
                return Err(format!("`{}` before it was refused by {rule}", step.name));
            }
        }
        let replayed = replay.step(&self.call).map_err(|error| error.to_string())?;
        let withheld = replayed.release.as_ref().filter(|release| !release.allowed);
        let (verdict, because) = match withheld {
            Some(release) => ("withheld", &release.because),
            None => (replayed.decision.verdict.name(), &replayed.decision.because),
        };
        let rules: Vec<&str> = because
            .iter()
            .map(|because| because.rule.as_str())
            .collect();
        if verdict != self.expect {
            let rules = rules.join(", ");
            return Err(format!(
                "expected {}, got {verdict} by {rules}",
                self.expect
            ));
        }
        if !self.rule.is_empty() && !rules.contains(&self.rule.as_str()) {
            return Err(format!(
                "expected rule {}, decided by {}",
                self.rule,
                rules.join(", ")
            ));
        }
        Ok(())
    }
}
