//! `mcps operator list`.

use clap::Args;

use super::super::output::{self, OutputOptions, items, text_at};
use super::super::page::PageOptions;
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{roles, standing};

/// What `mcps operator list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        let operator = authority.operator(&key);
        let listed = operator.operators(&self.page.query()).await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let row = |operator| {
            vec![
                text_at(operator, &["operator_id"]),
                text_at(operator, &["name"]),
                roles(operator),
                text_at(operator, &["credential"]),
                standing(operator),
            ]
        };
        let rows: Vec<_> = items(listed.root(), "operators").map(row).collect();
        let head = ["operator id", "name", "roles", "proves itself by", "stands"];
        output::print(&output::table(&head, rows))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}
