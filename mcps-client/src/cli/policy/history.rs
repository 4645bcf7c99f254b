//! `mcps policy history`.

use clap::Args;
use serde_json::value::RawValue;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::tenant;

/// What `mcps policy history` can be told.
#[derive(Args, Debug)]
pub(crate) struct History {
    /// The tenant.
    #[arg(value_parser = tenant)]
    tenant: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl History {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        let mut before: Option<u64> = None;
        loop {
            let page = authority
                .policy_versions(&operator, &self.tenant, before)
                .await?;
            before = None;
            for version in items(page.root(), "versions") {
                whole.extend(RawValue::from_string(version.raw().to_owned()));
                let names = ["version", "pushed_at", "pushed_by", "digest", "note"];
                rows.push(names.map(|name| text_at(version, &[name])).into());
                before = text_at(version, &["version"]).parse().ok();
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
                "Nothing was pushed yet; do it with: mcps policy push {tenant} FILES"
            ));
        }
        output::print(&output::table(
            &["VERSION", "PUSHED", "BY", "DIGEST", "NOTE"],
            rows,
        ))
    }
}
