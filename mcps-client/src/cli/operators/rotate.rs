//! `mcps operator rotate`.

use std::path::PathBuf;

use clap::Args;

use super::super::output::{self, OutputOptions, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine, secret_file};
use super::{describe, operator_id};

/// What `mcps operator rotate` can be told.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Id of the operator, as listed by: mcps operator list.
    #[arg(value_name = "OPERATOR_ID", value_parser = operator_id)]
    id: String,
    /// Write the key to this new file, mode 0600, and do not print it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Only say whose key would be exchanged.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Rotate {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        // Before there is a key that could not be kept.
        let file = self.key_file.as_deref().filter(|_| !self.dry_run);
        let file = file.map(secret_file::create).transpose()?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let made = match (operator.rotate_operator(&self.id).await, &self.key_file) {
            (Err(error), Some(path)) if file.is_some() => {
                // Empty, it would only be in the way of the next try.
                let _ = std::fs::remove_file(path);
                return Err(error.into());
            }
            (made, _) => made?,
        };
        let mut shown = text_at(made.root(), &["key"]);
        if let (Some(file), Some(path)) = (file, &self.key_file) {
            secret_file::fill(file, path, &shown)?;
            shown = path.display().to_string();
        }
        if self.output.is_json() {
            let mut json: serde_json::Value = serde_json::from_str(made.text()).unwrap_or_default();
            if let (Some(members), true) = (json.as_object_mut(), self.key_file.is_some()) {
                members.remove("key");
            }
            return output::print(&output::pretty(&json));
        }
        let mut rows = describe(made.root());
        rows.push(("key, shown this once", shown));
        output::print(&output::foreseen(self.dry_run, "exchange the key", rows))
    }
}
