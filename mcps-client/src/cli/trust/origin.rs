//! `mcps trust challenge` and `mcps trust check`.

use clap::Args;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{Whom, describe};

/// What `mcps trust challenge` can be told.
#[derive(Args, Debug)]
pub(crate) struct Challenge {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Challenge {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
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
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Check {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        let by = if self.dns { "dns" } else { "well-known" };
        let answer = authority.check_origin(&operator, &subject, by).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        output::print(&output::members(&describe(answer.root())))
    }
}
