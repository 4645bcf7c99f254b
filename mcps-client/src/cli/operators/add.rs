//! `mcps operator add`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mcps_client::options::duration;
use serde_json::json;

use super::super::output::{self, OutputOptions, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine, secret_file};
use super::describe;

/// What `mcps operator add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Whom it is for.
    #[arg(long)]
    name: String,
    /// What it may do: viewer, operator, issuer, responder, auditor, approver or owner. May be given
    /// several times; ROLE@TENANT names another tenant than --tenant.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// The tenant in which it may do so; * is every one.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// For how long it is one, as in 8h or 90d [default: for good].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires: Option<Duration>,
    /// It proves itself by a client certificate of that name, and gets no key.
    #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
    certificate: Option<String>,
    /// Write the key to this new file, mode 0600, and do not print it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Only say who would be added; there is no key then.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Add {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.open(machine)?;
        // Before there is a key that could not be kept.
        let file = self.key_file.as_deref().filter(|_| !self.dry_run);
        let file = file.map(secret_file::create).transpose()?;
        let roles = self.roles.iter().map(|role| match role.contains('@') {
            true => role.clone(),
            false => format!("{role}@{}", self.tenant),
        });
        let roles: Vec<String> = roles.collect();
        let mut asked = json!({"name": self.name, "roles": roles});
        if let Some(members) = asked.as_object_mut() {
            if let Some(life) = self.expires {
                let until = machine.clock.now().plus(life).to_string();
                members.insert("expires_at".to_owned(), until.into());
            }
            if let Some(name) = self.certificate {
                members.insert("certificate".to_owned(), name.into());
            }
        }
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let made = match (operator.add_operator(&asked).await, &self.key_file) {
            (Err(error), Some(path)) if file.is_some() => {
                // Empty, it would only be in the way of the next try.
                let _ = std::fs::remove_file(path);
                return Err(error.into());
            }
            (made, _) => made?,
        };
        let root = made.root();
        let mut shown = text_at(root, &["key"]);
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
        let mut rows = describe(root);
        rows.push(("key, shown this once", shown));
        output::print(&output::foreseen(self.dry_run, "add an operator", rows))
    }
}
