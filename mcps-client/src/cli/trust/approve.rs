//! `mcps trust approve`.

use clap::Args;
use mcps_core::digest::Digest;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::describe;

/// What `mcps trust approve` can be told.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// Id of the evidence, `ev_…`.
    evidence: String,
    /// Only show what would be agreed with.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Approve {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let digest = self.evidence.strip_prefix("ev_").and_then(Digest::from_hex);
        if digest.is_none() {
            return Err(CliError::Needed(
                "evidence is named ev_ and 64 lower-case hex digits, as listed by: mcps trust explain -o json",
            ));
        }
        let (authority, operator) = self.asking.open(machine)?;
        if self.dry_run {
            let shown = authority.evidence(&operator, &self.evidence).await?;
            if self.output.is_json() {
                return print_json(shown.text());
            }
            let mut rows = vec![("would approve", self.evidence)];
            rows.extend(describe(shown.root()).into_iter().skip(1));
            rows.push(("next", "the same without --dry-run".to_owned()));
            return output::print(&output::members(&rows));
        }
        let approved = authority.approve_evidence(&operator, &self.evidence);
        let approved = approved.await?;
        if self.output.is_json() {
            return print_json(approved.text());
        }
        let mut rows = describe(approved.root());
        let who = items(approved.root(), "approvals").map(|one| text_at(one, &["who"]));
        rows.push(("approved by", who.collect::<Vec<_>>().join(", ")));
        output::print(&output::members(&rows))
    }
}
