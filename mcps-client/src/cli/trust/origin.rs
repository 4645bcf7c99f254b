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
        output::print(&output::members(&[
            ("put the line", member("challenge")),
            ("at", member("url")),
            ("before", member("expires_at")),
            (
                "next",
                format!("mcps trust check {name} --kind {}", subject.kind),
            ),
        ]))
    }
}

/// What `mcps trust check` can be told.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Check {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        let answer = authority.check_origin(&operator, &subject).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        output::print(&output::members(&describe(answer.root())))
    }
}
