//! `mcps server show`.

use clap::Args;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::{CliError, Machine};
use super::{Asking, describe, id};

/// What `mcps server show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Its id.
    server: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Show {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = id(&self.server)?;
        let (authority, operator) = self.asking.open(machine)?;
        let answer = authority.server(&operator, id).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        let root = answer.root();
        let mut rows = root.get("server").map(describe).unwrap_or_default();
        rows.push(("current version", text_at(root, &["current", "version"])));
        rows.push(("its tools", text_at(root, &["current", "tools"])));
        rows.push(("its digest", text_at(root, &["current", "digest"])));
        rows.push(("published", text_at(root, &["current", "published_at"])));
        let mut text = output::members(&rows);
        let refused: Vec<Vec<String>> = items(root, "refused")
            .map(|refused| {
                ["version", "digest", "passport_id", "times", "last_at"]
                    .map(|name| text_at(refused, &[name]))
                    .into()
            })
            .collect();
        if !refused.is_empty() {
            text.push_str("\nRefused: somebody said something else under a published version\n");
            text.push_str(&output::table(
                &["VERSION", "DIGEST", "PASSPORT", "TIMES", "LAST"],
                refused,
            ));
        }
        output::print(&text)
    }
}
