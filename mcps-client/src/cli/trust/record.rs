//! `mcps trust record`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use mcps_client::authority::{AuthorityClient, EvidenceRequest, ReportRequest, SubjectRef};
use mcps_client::error::ClientError;
use mcps_client::options::duration;
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine, input};
use super::{Whom, describe, manifest_digest};

/// Largest report that the authority reads.
const LIMIT: usize = 1 << 20;

/// What each type is for, for `--help`.
const TYPES: &str = "\
  decision   you vouch that it is who it says: L2
  scan       a security scan of one manifest, the current one unless --manifest says which: L3
  audit      a review of one manifest by people; counts once two other operators approve: L4
  exception  one thing is not asked for, for at most 14 days; counts once another operator approves
What is filed is never changed or removed. --verdict fail voids what passed before.

With --report it is a scan, and what the scanner found is counted by the authority: SARIF 2.1.0, CycloneDX,
JSON of mcp-scanner (--format raw) or snyk-agent-scan, or one of them signed by a scanner (mcps trust seal).
A report that does not show that everything was looked at is incomplete, and raises nobody.";

/// What `mcps trust record` can be told.
#[derive(Args, Debug)]
#[command(after_help = TYPES)]
pub(crate) struct Record {
    #[command(flatten)]
    whom: Whom,
    /// What kind of evidence.
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "report")]
    sort: Option<Type>,
    /// What it says.
    #[arg(long, default_value = "pass")]
    verdict: Verdict,
    /// What was done and found, in words or as a reference.
    #[arg(long, value_name = "TEXT", required_unless_present = "report")]
    statement: Option<String>,
    /// A scanner's report, as it printed it or signed; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sort", "verdict", "statement", "waives"])]
    report: Option<PathBuf>,
    /// What the report is written in [default: found out].
    #[arg(long, value_name = "FORMAT", requires = "report")]
    format: Option<Format>,
    /// What an exception does without.
    #[arg(long, value_name = "REQUIREMENT", required_if_eq("sort", "exception"))]
    waives: Option<Waived>,
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
    Exception,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Sarif,
    Cyclonedx,
    McpScanner,
    SnykAgentScan,
    InTotoVulns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Waived {
    /// That somebody has verified who it is: L2.
    Identity,
    /// A passing scan of the current manifest: L3.
    Scan,
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
        let until = self.time.map(|time| machine.clock.now().plus(time));
        let valid_until = until.map(|until| until.to_string());
        let given = self.manifest.map(manifest_digest).transpose()?;
        if let Some(path) = &self.report {
            let report = text(path)?;
            // A signed one states the manifest itself.
            let manifest = match (given, report.contains("\"payloadType\"")) {
                (None, false) => Some(current(&authority, &operator, &subject).await?),
                (given, _) => given,
            };
            let asked = ReportRequest {
                manifest,
                format: self.format.map(Format::name),
                valid_until,
                dry_run: self.dry_run,
            };
            let filed = authority.submit_report(&operator, &subject, report, &asked);
            let filed = filed.await?;
            if self.output.is_json() {
                return print_json(filed.text());
            }
            return output::print(&output::members(&describe(filed.root())));
        }
        let sort = self.sort.unwrap_or(Type::Scan);
        let of_manifest = match sort {
            Type::Decision => false,
            Type::Scan | Type::Audit => true,
            Type::Exception => self.waives == Some(Waived::Scan),
        };
        let manifest = match (of_manifest, given) {
            (true, None) => Some(current(&authority, &operator, &subject).await?),
            (_, given) => given,
        };
        let request = EvidenceRequest {
            kind: match sort {
                Type::Decision => "operator_decision",
                Type::Scan => "scan",
                Type::Audit => "audit",
                Type::Exception => "exception",
            }
            .to_owned(),
            verdict: match self.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
            }
            .to_owned(),
            waives: self.waives.map(|waived| waived.name().to_owned()),
            manifest,
            valid_until,
            statement: self.statement.unwrap_or_default(),
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
        let id = text_at(filed.root(), &["evidence_id"]);
        match sort {
            Type::Audit => {
                rows.push((
                    "next",
                    format!("two other operators: mcps trust approve {id}"),
                ));
            }
            Type::Exception => {
                rows.push(("next", format!("another operator: mcps trust approve {id}")));
            }
            Type::Decision | Type::Scan => {}
        }
        output::print(&output::members(&rows))
    }
}

impl Format {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }
}

impl Waived {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity_verified",
            Self::Scan => "manifest_scanned",
        }
    }
}

/// A report as text, which JSON is.
fn text(path: &Path) -> Result<String, CliError> {
    let bytes = input::read(path, LIMIT)?;
    let text = String::from_utf8(bytes).map_err(|_| ClientError::Content {
        path: path.to_owned(),
        why: "it is not UTF-8 text".to_owned(),
    });
    Ok(text?)
}

/// The digest of the manifest that is registered now.
async fn current(
    authority: &AuthorityClient,
    operator: &str,
    subject: &SubjectRef,
) -> Result<String, CliError> {
    let trust = authority.explain_trust(operator, subject).await?;
    let current = text_at(trust.root(), &["manifest"]);
    let current = Some(current).filter(|digest| !digest.is_empty());
    current.ok_or(CliError::Needed(
        "it has published no manifest to scan or review; first: mcps manifest publish",
    ))
}
