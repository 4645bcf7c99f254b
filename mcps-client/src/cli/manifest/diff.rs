//! `mcps manifest diff`.

use clap::Args;
use mcps_client::terminal::printable;

use super::super::output::{self, OutputOptions, print_json};
use super::super::server::{Asking, id};
use super::super::{CliError, Machine};

/// What `mcps manifest diff` can be told.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The server's id.
    server: String,
    /// The version before.
    #[arg(value_name = "FROM")]
    from: String,
    /// The version after.
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Diff {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = id(&self.server)?;
        let (authority, operator) = self.asking.open(machine)?;
        let (from, to) = (&self.from, &self.to);
        if self.output.is_json() {
            return print_json(authority.diff(&operator, id, from, to).await?.text());
        }
        let text = authority.diff_text(&operator, id, from, to).await?;
        let lines: Vec<String> = text.lines().map(printable).collect();
        output::print(&lines.join("\n"))
    }
}
