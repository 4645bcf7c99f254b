//! `mcps quarantine history --authority URL`.

use clap::Args;
use serde_json::value::RawValue;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::policy::tenant;
use super::super::server::Asking;
use super::super::{CliError, Machine};

/// What `mcps quarantine history` can be told.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// The tenant.
    #[arg(long, value_name = "TENANT", value_parser = tenant)]
    tenant: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl History {
    pub(super) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        let mut before: Option<u64> = None;
        loop {
            let page = authority.verdict_orders(&operator, &self.tenant, before);
            let page = page.await?;
            before = None;
            for order in items(page.root(), "orders") {
                whole.extend(RawValue::from_string(order.raw().to_owned()));
                let names = [
                    "version",
                    "ordered_at",
                    "ordered_by",
                    "order",
                    "server",
                    "tool",
                    "hash",
                    "reason",
                ];
                rows.push(names.map(|name| text_at(order, &[name])).into());
                before = text_at(order, &["version"]).parse().ok();
            }
            if before.is_none_or(|number| number <= 1) {
                break;
            }
        }
        if self.output.is_json() {
            let json = serde_json::to_string(&whole).unwrap_or_default();
            return print_json(&json);
        }
        if rows.is_empty() {
            let tenant = &self.tenant;
            return output::print(&format!(
                "Nothing was said yet of tools of tenant {tenant}."
            ));
        }
        output::print(&output::table(
            &[
                "ORDER", "AT", "BY", "WHAT", "SERVER", "TOOL", "HASH", "REASON",
            ],
            rows,
        ))
    }
}
