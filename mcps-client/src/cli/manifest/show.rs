//! `mcps manifest show`.

use clap::Args;
use mcps_core::tool;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::{Asking, id};
use super::super::{CliError, Machine};

/// What `mcps manifest show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The server's id.
    server: String,
    /// The version.
    version: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Show {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = id(&self.server)?;
        let (authority, operator) = self.asking.open(machine)?;
        let answer = authority.manifest(&operator, id, &self.version).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        let root = answer.root();
        let mut text = output::members(&[
            ("version", text_at(root, &["version"])),
            ("of", text_at(root, &["manifest", "server"])),
            ("number", text_at(root, &["number"])),
            ("published", text_at(root, &["published_at"])),
            ("by", text_at(root, &["passport_id"])),
            ("digest", text_at(root, &["digest"])),
        ]);
        let tools = root.get("definitions").into_iter();
        let rows = tools
            .flat_map(|definitions| items(definitions, "tools"))
            .map(|tool| {
                vec![
                    text_at(tool, &["name"]),
                    tool::hash(tool).to_string(),
                    text_at(tool, &["description"]),
                ]
            });
        text.push('\n');
        text.push_str(&output::table(
            &["TOOL", "HASH", "DESCRIPTION"],
            rows.collect(),
        ));
        output::print(&text)
    }
}
