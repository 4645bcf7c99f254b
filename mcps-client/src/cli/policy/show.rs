//! `mcps policy show`.

use std::path::PathBuf;

use clap::Args;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::{document, tenant};

/// What `mcps policy show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The tenant.
    #[arg(value_parser = tenant)]
    tenant: String,
    /// Another version than the one in force.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
    /// Write its texts into this folder, to be edited or compared.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Show {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let answer = authority
            .policy(&operator, &self.tenant, self.version)
            .await?;
        if let Some(folder) = &self.save {
            document::save(&answer, folder)?;
        }
        if self.output.is_json() {
            return print_json(answer.text());
        }
        let root = answer.root();
        let version = |name| text_at(root, &["version", name]);
        let mut text = output::members(&[
            ("tenant", version("tenant")),
            ("version", version("version")),
            ("digest", version("digest")),
            ("pushed", version("pushed_at")),
            ("by", version("pushed_by")),
            ("note", version("note")),
            ("feed position", version("position")),
            ("min level", text_at(root, &["document", "min_level"])),
            (
                "default pack",
                text_at(root, &["document", "default_policy"]),
            ),
        ]);
        for (name, lines) in document::texts(&answer) {
            match &self.save {
                Some(_) => text.push_str(&format!("saved          {name}\n")),
                None => text.push_str(&format!("\n== {name} ==\n{lines}\n")),
            }
        }
        output::print(&text)
    }
}
