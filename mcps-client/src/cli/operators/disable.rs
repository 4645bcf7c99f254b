//! `mcps operator disable`.

use clap::Args;

use super::super::output::{self, OutputOptions};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{describe, operator_id};

/// What `mcps operator disable` can be told.
#[derive(Args, Debug)]
pub(crate) struct Disable {
    /// Id of the operator, as listed by: mcps operator list.
    #[arg(value_name = "OPERATOR_ID", value_parser = operator_id)]
    id: String,
    /// Only say who would be disabled.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Disable {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let shown = operator.disable_operator(&self.id).await?;
        if self.output.is_json() {
            return output::print(shown.text());
        }
        let rows = describe(shown.root());
        output::print(&output::foreseen(self.dry_run, "disable, for good", rows))
    }
}
