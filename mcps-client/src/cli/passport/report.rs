//! `mcps passport report-compromise`.

use std::path::{Path, PathBuf};

use clap::Args;
use mcps_client::authority::AuthorityClient;
use mcps_client::rotation;
use mcps_core::json::{Document, Value};
use serde_json::json;

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine, input, secret_file};
use super::authority;

/// Longest statement that is read.
const MAX_FILE: usize = 4096;

/// What `mcps passport report-compromise` can be told.
#[derive(Args, Debug)]
pub(crate) struct Report {
    /// Only write the statement to this new file, mode 0600, to be sent when it is needed; whoever has
    /// it can end the key.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["statement", "dry_run"])]
    save: Option<PathBuf>,
    /// Send the statement of this file, which --save wrote; the key itself is not needed.
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// Only say which key would be blocked.
    #[arg(long)]
    dry_run: bool,
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Report {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let statement = match &self.statement {
            Some(path) => read(path)?,
            None => {
                let key = home.key()?;
                rotation::compromised(&home.authority()?.name, &key)?
            }
        };
        if let Some(path) = &self.save {
            secret_file::write(path, &statement)?;
            let path = path.display().to_string();
            let rows = [
                ("statement", path.clone()),
                (
                    "next",
                    format!(
                        "keep it apart from the key; when the key leaks: mcps passport report-compromise --statement {path}"
                    ),
                ),
            ];
            return self.output.members(&rows, &json!({ "path": path }));
        }
        let authority = authority(self.authority.as_deref(), &home)?;
        if self.dry_run {
            let kid = key_of(&statement)?;
            let json = json!({ "dry_run": true, "kid": kid, "authority": authority.url() });
            let rows = [
                ("would block", kid),
                ("at", authority.url().to_owned()),
                (
                    "with it",
                    "every passport for it, and what it was exchanged for".to_owned(),
                ),
                (
                    "next",
                    "the same without --dry-run; there is no way back".to_owned(),
                ),
            ];
            return self.output.members(&rows, &json);
        }
        self.send(&authority, statement).await
    }

    async fn send(&self, authority: &AuthorityClient, statement: String) -> Result<(), CliError> {
        let done = authority.report_compromise(statement).await?;
        if self.output.is_json() {
            return output::print(done.text());
        }
        let root = done.root();
        let text = |name| {
            let found = root.get(name).and_then(Value::as_str);
            found.unwrap_or_default().into_owned()
        };
        let changed = root.get("changed").and_then(Value::as_bool) == Some(true);
        output::print(&output::members(&[
            ("blocked", text("kid")),
            ("feed position", text("position")),
            (
                "changed",
                if changed { "" } else { "nothing; it was blocked before" }.to_owned(),
            ),
            (
                "next",
                "make a new key with: mcps keygen --force; then ask an operator for an enrolment token".to_owned(),
            ),
        ]))
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    let bytes = input::read(path, MAX_FILE)?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    key_of(&text).map(|_| text)
}

/// The key that a statement is about.
fn key_of(statement: &str) -> Result<String, CliError> {
    let unusable = || CliError::NotAStatement;
    let document = Document::parse(statement).map_err(|_| unusable())?;
    let jwk = document.root().get("public_key").ok_or_else(unusable)?;
    let key = mcps_core::key::PublicKey::from_jwk(jwk).map_err(|_| unusable())?;
    Ok(key.key_id().to_string())
}
