//! `mcps token list`.

use clap::Args;
use mcps_core::json::Value;

use super::super::output::{self, OutputOptions};
use super::super::page::PageOptions;
use super::super::{CliError, Machine};
use super::{Asking, member, name};

/// What `mcps token list` can be told.
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
        let (authority, key) = self.asking.whom(machine)?;
        let listed = authority.operator(&key).tokens(&self.page.query()).await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let tokens = listed.root().get("tokens").and_then(Value::as_array);
        let row = |token: Value<'_>| {
            vec![
                member(token, "token_id"),
                member(token, "status"),
                format!("{} {}", member(token, "kind"), name(token)),
                member(token, "tenant"),
                member(token, "owner"),
                member(token, "expires_at"),
                member(token, "passport_id"),
            ]
        };
        let rows: Vec<_> = tokens.into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            return output::print("No tokens were made; make one with: mcps token create --help");
        }
        let head = [
            "token id",
            "status",
            "for",
            "tenant",
            "owner",
            "use until",
            "used for",
        ];
        output::print(&output::table(&head, rows))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}
