//! `mcps quarantine list --authority URL`.

use clap::Args;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::policy::tenant;
use super::super::server::Asking;
use super::super::{CliError, Machine};

/// What `mcps quarantine list` can be told there.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// The tenant.
    #[arg(long, value_name = "TENANT", value_parser = tenant)]
    tenant: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl List {
    pub(super) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let standing = authority.verdicts(&operator, &self.tenant).await?;
        if self.output.is_json() {
            return print_json(standing.text());
        }
        let rows = items(standing.root(), "verdicts").map(|verdict| {
            let said = match text_at(verdict, &["order"]).as_str() {
                "promote" => "promoted",
                "reject" => "rejected",
                _ => "blocked",
            };
            let mut row = vec![
                text_at(verdict, &["server"]),
                text_at(verdict, &["tool"]),
                said.to_owned(),
            ];
            let names = ["version", "ordered_at", "ordered_by", "hash", "reason"];
            row.extend(names.map(|name| text_at(verdict, &[name])));
            row
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            let tenant = &self.tenant;
            return output::print(&format!(
                "Nothing that stands was said of tools of tenant {tenant}."
            ));
        }
        output::print(&output::table(
            &[
                "SERVER", "TOOL", "VERDICT", "ORDER", "SINCE", "BY", "HASH", "REASON",
            ],
            rows,
        ))
    }
}
