//! `mcps trust challenge` and `mcps trust check`.

use clap::Args;
use mcps_client::authority::{AuthorityClient, SubjectRef};
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{Whom, describe};

/// Says which origin is meant, and changes nothing.
async fn foresee(
    what: &'static str,
    authority: &AuthorityClient,
    operator: &str,
    subject: &SubjectRef,
    output: OutputOptions,
) -> Result<(), CliError> {
    let trust = authority.explain_trust(operator, subject).await?;
    let origin = Some(text_at(trust.root(), &["origin"])).filter(|origin| !origin.is_empty());
    let origin = origin.ok_or(CliError::Needed(
        "its passport names no origin; get one that does: mcps passport request --origin URI …",
    ))?;
    let (kind, name) = (subject.kind, &subject.name);
    let json = json!({ "dry_run": true, "kind": kind.to_string(), "name": name, "origin": origin });
    let rows = [
        (what, origin),
        ("of", format!("{kind} {name} of {}", subject.tenant)),
        ("next", "the same without --dry-run".to_owned()),
    ];
    output.members(&rows, &json)
}

/// What `mcps trust challenge` can be told.
#[derive(Args, Debug)]
pub(crate) struct Challenge {
    #[command(flatten)]
    whom: Whom,
    /// Only say of which origin.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Challenge {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        if self.dry_run {
            let what = "would ask for a challenge for";
            return foresee(what, &authority, &operator, &subject, self.output).await;
        }
        let answer = authority.challenge_origin(&operator, &subject).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        let member = |name| text_at(answer.root(), &[name]);
        let name = &subject.name;
        let check = format!("mcps trust check {name} --kind {}", subject.kind);
        let mut rows = vec![
            ("put the line", member("challenge")),
            ("at", member("url")),
            ("before", member("expires_at")),
            ("next", check.clone()),
        ];
        let record = member("dns_name");
        if !record.is_empty() {
            rows.push(("or as TXT of", record));
            rows.push(("then", format!("{check} --dns")));
        }
        output::print(&output::members(&rows))
    }
}

/// What `mcps trust check` can be told.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    whom: Whom,
    /// Look for the challenge in the TXT record instead of the file.
    #[arg(long)]
    dns: bool,
    /// Only say of which origin.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Check {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        if self.dry_run {
            let what = "would have checked";
            return foresee(what, &authority, &operator, &subject, self.output).await;
        }
        let by = if self.dns { "dns" } else { "well-known" };
        let answer = authority.check_origin(&operator, &subject, by).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        output::print(&output::members(&describe(answer.root())))
    }
}
