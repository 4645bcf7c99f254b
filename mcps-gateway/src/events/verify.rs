//! `events verify`: proves that records are whole, or says which are not.

use std::io::Write;

use mcps_client::exit::Exit;
use mcps_core::key::KeyId;
use serde_json::json;

use super::examiner::Examiner;
use super::follow::{Found, all};
use super::{Failure, Source};
use crate::policy::cli::Output;

pub(super) fn run(
    source: &Source<'_>,
    keys: &[KeyId],
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let own = source.home.passport();
    let mut keys = keys.to_vec();
    match own {
        Ok(passport) => keys.push(passport.public_key().key_id().clone()),
        Err(error) if keys.is_empty() => return Err(Failure::Key(error.to_string())),
        Err(_) => {}
    }
    let mut examiner = Examiner::new(keys);
    let mut torn = None;
    all(&source.folder, 0, |found| {
        match found {
            Found::Record(record) => examiner.record(&record),
            Found::Damaged(path, at, len) => examiner.damaged(&path, at, len),
            Found::Torn(path, at, len) => torn = Some((path, at, len)),
        }
        Ok(())
    })?;
    let examiner = examiner.finish();
    let torn = torn.map(|(path, at, len)| {
        format!(
            "{len} bytes at {at} of {} are of a record that is being written, or was when the gateway ended",
            path.display()
        )
    });
    let first = examiner.first.unwrap_or_default();
    match source.output {
        Output::Json => {
            let faults = examiner.faults.iter().map(
                |fault| json!({"record": fault.record, "fault": fault.kind, "says": fault.says}),
            );
            let report = json!({
                "records": examiner.records, "first": first,
                "signed_to": examiner.signed.as_ref().map(|(seq, _)| seq),
                "key": examiner.signed.as_ref().map(|(_, key)| key.as_str()),
                "closed": examiner.closed, "broken_off": examiner.broken_off, "torn": torn,
                "faults": faults.collect::<Vec<_>>(),
            });
            writeln!(out, "{report}")?;
        }
        Output::Table => {
            for fault in &examiner.faults {
                writeln!(out, "{:<10} {}", fault.kind, fault.says)?;
            }
            let mut note = |says: String| writeln!(out, "{:<10} {says}", "note");
            if first > 1 {
                note(format!(
                    "records before {first} are not here: they were older or more than is kept, or were taken away"
                ))?;
            }
            if examiner.broken_off > 0 {
                note(format!(
                    "{} runs of the gateway ended without a word: it was killed, or the machine stopped",
                    examiner.broken_off
                ))?;
            }
            if let Some(torn) = &torn {
                note(torn.clone())?;
            }
            if !examiner.closed {
                note("the last record is not the end of a run: the gateway runs, was killed, or what follows was cut off".to_owned())?;
            }
            let signed = examiner.signed.as_ref();
            let signed = signed.map_or_else(String::new, |(seq, key)| {
                format!(", signed up to record {seq} by the key {key}")
            });
            let (records, faults) = (examiner.records, examiner.faults.len());
            match faults {
                0 => writeln!(out, "{records} records are as they were written{signed}")?,
                _ => writeln!(out, "{records} records, {faults} faults{signed}")?,
            }
        }
    }
    Ok(match examiner.faults.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    })
}
