//! `mcps trust`: at which level a subject stands, why, and what raises it.

mod approve;
mod approver;
mod attest;
mod explain;
mod origin;
mod record;
mod scanner;
mod seal;
mod signing;

use clap::{Args, Subcommand};
use mcps_client::authority::SubjectRef;
use mcps_client::exit;
use mcps_core::digest::Digest;
use mcps_core::json::Value;
use mcps_core::passport::Kind;

use super::output::text_at;
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Trust {
    /// Say for every level whether it holds, by which evidence, until when, and what comes next.
    Explain(explain::Explain),
    /// File a scanner's report, a decision, a scan, an audit or an exception.
    Record(record::Record),
    /// Approve an audit or an exception that another operator filed, by your own key.
    Approve(approve::Approve),
    /// Register, list or revoke the keys that approvals are signed by.
    #[command(subcommand)]
    Approver(approver::Approver),
    /// Say whose scans a tenant believes.
    #[command(subcommand)]
    Scanner(scanner::Scanner),
    /// Sign a report as a scanner, for one manifest.
    Seal(seal::Seal),
    /// Get a signed statement of the level, which others verify without asking.
    Attest(attest::Attest),
    /// Get the challenge that proves control of an origin.
    Challenge(origin::Challenge),
    /// Have the origin checked for the challenge.
    Check(origin::Check),
}

impl Trust {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Explain(explain) => explain.run(machine).await,
            Self::Record(record) => record.run(machine).await,
            Self::Approve(approve) => approve.run(machine).await,
            Self::Approver(approver) => approver.run(machine).await,
            Self::Scanner(scanner) => scanner.run(machine).await,
            Self::Seal(seal) => seal.run(machine),
            Self::Attest(attest) => attest.run(machine).await,
            Self::Challenge(challenge) => challenge.run(machine).await,
            Self::Check(check) => check.run(machine).await,
        }
    }
}

/// Whom it is about.
#[derive(Args, Clone, Debug)]
pub(super) struct Whom {
    /// Name of the agent, server or gateway [default: that of this home's passport].
    name: Option<String>,
    /// What it is: agent, server or gateway [default: as this home's passport says, or server].
    #[arg(long)]
    kind: Option<Kind>,
    /// Its tenant [default: as this home's passport says, or `default`].
    #[arg(long)]
    tenant: Option<String>,
}

impl Whom {
    fn subject(self, machine: &Machine) -> Result<SubjectRef, CliError> {
        let own = match self.name {
            Some(_) => None,
            None => machine.home()?.passport().ok(),
        };
        let ext = own.as_ref().and_then(|own| own.ext());
        let name = self
            .name
            .or_else(|| own.as_ref().map(|own| own.agent_name().to_owned()))
            .ok_or(CliError::Needed(
                "there is no passport in this home to take the name from; say whom you mean: mcps trust … NAME --kind KIND",
            ))?;
        let tenant = self.tenant.or_else(|| ext.map(|ext| ext.tenant.clone()));
        let subject = SubjectRef {
            tenant: tenant.unwrap_or_else(|| "default".to_owned()),
            kind: self
                .kind
                .or(ext.map(|ext| ext.kind))
                .unwrap_or(Kind::Server),
            name,
        };
        if in_path(&subject.tenant) && in_path(&subject.name) {
            Ok(subject)
        } else {
            Err(CliError::Needed(
                "a name is letters, digits, `.`, `_` or `-`; a tenant lower-case letters, digits or `-`",
            ))
        }
    }
}

/// Whether a text may stand in a path: the authority says whether it is a name.
fn in_path(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(allowed)
}

/// The id of a piece of evidence as it may stand in a path.
fn evidence_id(text: &str) -> Result<&str, CliError> {
    let digest = text.strip_prefix("ev_").and_then(Digest::from_hex);
    digest.map(|_| text).ok_or(CliError::Needed(
        "evidence is named ev_ and 64 lower-case hex digits, as listed by: mcps trust explain -o json",
    ))
}

/// The digest of a manifest as it may stand in a path.
fn manifest_digest(text: String) -> Result<String, CliError> {
    let digest = Digest::from_hex(&text);
    digest.map(|_| text).ok_or(CliError::Needed(
        "a manifest is named by 64 lower-case hex digits, as shown by: mcps manifest list",
    ))
}

/// What is known of a piece of evidence, for people.
fn describe(evidence: Value<'_>) -> Vec<(&'static str, String)> {
    [
        ("evidence", "evidence_id"),
        ("type", "type"),
        ("verdict", "verdict"),
        ("of", "name"),
        ("manifest", "manifest"),
        ("origin", "origin"),
        ("by", "who"),
        ("seen", "observed_at"),
        ("until", "valid_until"),
        ("scanner", "scanner"),
        ("waives", "waives"),
        ("statement", "statement"),
    ]
    .map(|(title, member)| (title, text_at(evidence, &[member])))
    .into()
}
