//! `mcps trust seal`.

use std::path::PathBuf;

use clap::Args;
use mcps_client::error::ClientError;
use mcps_core::clock::Timestamp;
use mcps_core::dsse;
use mcps_core::json::{Document, quote};

use super::super::output::print_json;
use super::super::{CliError, Machine, input};
use super::manifest_digest;
use super::signing::Signing;

/// Largest report: in the envelope it has to fit into what the authority reads.
const LIMIT: usize = 700 * 1024;
/// What the statement is of.
const SCAN_REPORT: &str = "https://mcps.dev/attestations/scan-report/v1";

/// What `mcps trust seal` can be told.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints a DSSE envelope with an in-toto statement. An operator sends it on: mcps trust record --report FILE")]
pub(crate) struct Seal {
    /// The report, as the scanner printed it; `-` is standard input.
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// Digest of the manifest that was scanned.
    #[arg(long, value_name = "DIGEST")]
    manifest: String,
    /// What was scanned, for people.
    #[arg(long, value_name = "NAME", default_value = "manifest")]
    subject: String,
    /// When the scan was made, as 2026-11-22T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = instant)]
    scanned_at: Option<Timestamp>,
    #[command(flatten)]
    signing: Signing,
}

impl Seal {
    pub(crate) fn run(self, machine: &Machine) -> Result<(), CliError> {
        let manifest = manifest_digest(self.manifest)?;
        let report = Document::parse(input::read(&self.report, LIMIT)?);
        let report = report.map_err(|error| ClientError::Content {
            path: self.report.clone(),
            why: error.to_string(),
        })?;
        let at = self.scanned_at.unwrap_or_else(|| machine.clock.now());
        let mut subject = String::new();
        quote(&self.subject, &mut subject);
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":{subject},"digest":{{"sha256":"{manifest}"}}}}],"predicateType":"{SCAN_REPORT}","predicate":{{"scanned_at":"{at}","report":{}}}}}"#,
            report.text().trim()
        );
        let key = self.signing.open(machine)?;
        let sealed = dsse::sign(dsse::IN_TOTO, statement.as_bytes(), &key);
        print_json(&sealed.map_err(ClientError::Refused)?)
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("write it as 2026-11-22T12:00:00Z")
}
