//! `mcps trust approver`.

use clap::{Args, Subcommand};
use mcps_client::error::ClientError;
use mcps_core::approval::ApproverKey;
use mcps_core::json::Value;
use mcps_core::key::KeyId;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::signing::Signing;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Approver {
    /// Register the key that you approve by. Make one with: mcps keygen --home DIR
    Add(Add),
    /// List the keys that approvals are signed by.
    List(List),
    /// Revoke a key: what was approved by it is void at once.
    Revoke(Revoke),
}

/// What `mcps trust approver add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    #[command(flatten)]
    signing: Signing,
    /// Only sign, and say what the list of keys would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps trust approver list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps trust approver revoke` can be told.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Its id, as `mcps trust approver list` shows it.
    #[arg(allow_hyphen_values = true)]
    key_id: String,
    /// Only say how many levels would fall.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Approver {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Revoke(revoke) => revoke.run(machine).await,
        }
    }
}

impl Add {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let key = self.signing.open(machine)?;
        let (authority, operator) = self.asking.open(machine)?;
        let operator = authority.operator(&operator).rehearsing(self.dry_run);
        let own = operator.approver_keys().await?;
        let own = |name| text_at(own.root(), &[name]);
        let signed = ApproverKey::sign(&own("authority"), &own("approver"), &key);
        let added = operator.add_approver_key(signed.map_err(ClientError::Refused)?);
        let added = added.await?;
        show(added.root(), self.output)?;
        if self.dry_run {
            output::note("Nothing was done; the same without --dry-run does it.");
        }
        Ok(())
    }
}

impl List {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let keys = authority.operator(&operator).approver_keys().await?;
        show(keys.root(), self.output)
    }
}

impl Revoke {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let Some(id) = KeyId::parse(&self.key_id) else {
            return Err(CliError::Needed(
                "a key is named by 43 characters, as shown by: mcps trust approver list",
            ));
        };
        let (authority, operator) = self.asking.open(machine)?;
        let operator = authority.operator(&operator).rehearsing(self.dry_run);
        let revoked = operator.revoke_approver_key(id.as_str()).await?;
        if self.output.is_json() {
            return print_json(revoked.text());
        }
        let member = |name| text_at(revoked.root(), &[name]);
        let rows = match self.dry_run {
            true => vec![
                ("key", member("key_id")),
                ("levels that fall", member("fallen")),
            ],
            false => vec![
                ("revoked", member("key_id")),
                ("levels that fell", member("fallen")),
            ],
        };
        output::print(&output::foreseen(self.dry_run, "revoke a key", rows))
    }
}

fn show(keys: Value<'_>, how: OutputOptions) -> Result<(), CliError> {
    if how.is_json() {
        return print_json(keys.raw());
    }
    let rows = items(keys, "keys").map(|key| {
        let member = |name| text_at(key, &[name]);
        let state = match member("revoked_at") {
            at if at.is_empty() => "in use".to_owned(),
            at => format!("revoked {at}"),
        };
        let own = member("operator_id") == text_at(keys, &["approver"]);
        let whose = if own { " (you)" } else { "" };
        vec![
            member("key_id"),
            format!("{}{whose}", member("operator_id")),
            member("added_at"),
            state,
        ]
    });
    let head = ["KEY", "OPERATOR", "SINCE", "STATE"];
    output::print(&output::table(&head, rows.collect()))
}
