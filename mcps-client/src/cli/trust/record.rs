//! `mcps trust record`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use mcps_client::authority::EvidenceRequest;
use mcps_client::options::duration;
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{Whom, describe};

/// What each type is for, for `--help`.
const TYPES: &str = "\
  decision  you vouch that it is who it says: L2
  scan      a security scan of one manifest, the current one unless --manifest says which: L3
  audit     a review of one manifest by people; counts once two other operators approve: L4
What is filed is never changed or removed. --verdict fail voids what passed before.";

/// What `mcps trust record` can be told.
#[derive(Args, Debug)]
#[command(after_help = TYPES)]
pub(crate) struct Record {
    #[command(flatten)]
    whom: Whom,
    /// What kind of evidence.
    #[arg(long = "type", value_name = "TYPE")]
    sort: Type,
    /// What it says.
    #[arg(long, default_value = "pass")]
    verdict: Verdict,
    /// What was done and found, in words or as a reference.
    #[arg(long, value_name = "TEXT")]
    statement: String,
    /// Digest of the manifest that was scanned or reviewed [default: the current one].
    #[arg(long, value_name = "DIGEST")]
    manifest: Option<String>,
    /// How long it may be relied upon, as in 12h or 30d [default: as long as its type counts].
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Only say what would be filed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    Decision,
    Scan,
    Audit,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Verdict {
    Pass,
    Fail,
}

impl Record {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        let manifest = match (self.sort, self.manifest) {
            (Type::Decision, given) => given,
            (_, Some(given)) => Some(given),
            (_, None) => {
                let trust = authority.explain_trust(&operator, &subject).await?;
                let current = text_at(trust.root(), &["manifest"]);
                let current = Some(current).filter(|digest| !digest.is_empty());
                Some(current.ok_or(CliError::Needed(
                    "it has published no manifest to scan or review; first: mcps manifest publish",
                ))?)
            }
        };
        let request = EvidenceRequest {
            kind: match self.sort {
                Type::Decision => "operator_decision",
                Type::Scan => "scan",
                Type::Audit => "audit",
            }
            .to_owned(),
            verdict: match self.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
            }
            .to_owned(),
            manifest,
            valid_until: self
                .time
                .map(|time| machine.clock.now().plus(time).to_string()),
            statement: self.statement,
        };
        if self.dry_run {
            let json = json!({
                "dry_run": true, "kind": subject.kind.to_string(), "tenant": subject.tenant,
                "name": subject.name, "type": request.kind, "verdict": request.verdict,
                "manifest": request.manifest, "valid_until": request.valid_until,
                "statement": request.statement,
            });
            let rows = [
                ("would file", request.kind),
                ("verdict", request.verdict),
                (
                    "of",
                    format!("{}/{}/{}", subject.kind, subject.tenant, subject.name),
                ),
                ("manifest", request.manifest.unwrap_or_default()),
                ("until", request.valid_until.unwrap_or_default()),
                ("next", "the same without --dry-run".to_owned()),
            ];
            return self.output.members(&rows, &json);
        }
        let filed = authority
            .file_evidence(&operator, &subject, &request)
            .await?;
        if self.output.is_json() {
            return print_json(filed.text());
        }
        let mut rows = describe(filed.root());
        if self.sort == Type::Audit {
            let id = text_at(filed.root(), &["evidence_id"]);
            let next = format!("two other operators: mcps trust approve {id}");
            rows.push(("next", next));
        }
        output::print(&output::members(&rows))
    }
}
