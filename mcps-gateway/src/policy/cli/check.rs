//! `policy check`.

use std::io::Write;

use serde_json::json;

use super::{FAILED, Failure, Output, SetArgs, sources};
use crate::policy::Policies;

pub(super) fn run(set: &SetArgs, output: Output, out: &mut dyn Write) -> Result<u8, Failure> {
    let sources = sources(set)?;
    let loaded = Policies::load(&sources);
    let names: Vec<&str> = sources
        .texts
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    match (loaded, output) {
        (Ok(policies), Output::Json) => {
            let (facts, sequences, rules) = policies.sizes();
            let report = json!({
                "valid": true, "texts": names, "facts": facts, "sequences": sequences,
                "policies": rules, "digest": policies.digest().to_string(),
                "warnings": policies.warnings(), "notes": policies.notes(),
            });
            writeln!(out, "{report}")?;
            Ok(0)
        }
        (Ok(policies), Output::Table) => {
            let (facts, sequences, rules) = policies.sizes();
            writeln!(
                out,
                "valid: {facts} facts, {sequences} sequences, {rules} policies"
            )?;
            writeln!(out, "read: {}", names.join(", "))?;
            writeln!(out, "digest: {}", policies.digest())?;
            for warning in policies.warnings() {
                writeln!(out, "warning: {warning}")?;
            }
            for note in policies.notes() {
                writeln!(out, "note: {note}")?;
            }
            Ok(0)
        }
        (Err(errors), Output::Json) => {
            writeln!(
                out,
                "{}",
                json!({ "valid": false, "texts": names, "errors": errors.0 })
            )?;
            Ok(FAILED)
        }
        (Err(errors), Output::Table) => {
            writeln!(out, "{errors}")?;
            writeln!(out, "refused: the set in force stays as it is")?;
            Ok(FAILED)
        }
    }
}
