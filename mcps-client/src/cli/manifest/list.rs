//! `mcps manifest list`.

use clap::Args;
use serde_json::value::RawValue;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::{Asking, id};
use super::super::{CliError, Machine};

/// What `mcps manifest list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// The server's id.
    server: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = id(&self.server)?;
        let (authority, operator) = self.asking.open(machine)?;
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        let mut before: Option<String> = None;
        loop {
            let page = authority
                .manifests(&operator, id, before.as_deref())
                .await?;
            before = None;
            for manifest in items(page.root(), "manifests") {
                whole.extend(RawValue::from_string(manifest.raw().to_owned()));
                let names = ["version", "number", "tools", "published_at", "digest"];
                rows.push(names.map(|name| text_at(manifest, &[name])).into());
                before = Some(text_at(manifest, &["number"]));
            }
            if before.as_deref().is_none_or(|number| number == "1") {
                break;
            }
        }
        if self.output.is_json() {
            let json = serde_json::to_string(&whole).unwrap_or_default();
            return print_json(&json);
        }
        if rows.is_empty() {
            return output::print(
                "Nothing was published yet; the server does it with: mcps manifest publish",
            );
        }
        output::print(&output::table(
            &["VERSION", "NUMBER", "TOOLS", "PUBLISHED", "DIGEST"],
            rows,
        ))
    }
}
