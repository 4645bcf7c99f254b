//! `mcps operator show`.

use clap::Args;

use super::super::output::{self, OutputOptions};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{describe, operator_id};

/// What `mcps operator show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Id of the operator, as listed by: mcps operator list.
    #[arg(value_name = "OPERATOR_ID", value_parser = operator_id)]
    id: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Show {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let shown = authority.operator(&key).show_operator(&self.id).await?;
        if self.output.is_json() {
            return output::print(shown.text());
        }
        output::print(&output::members(&describe(shown.root())))
    }
}
