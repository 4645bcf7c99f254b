//! `mcps server list`.

use clap::{Args, ValueEnum};
use mcps_client::authority::ServerQuery;
use serde_json::value::RawValue;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::{CliError, Machine};
use super::Asking;

/// What `mcps server list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this name.
    #[arg(long)]
    name: Option<String>,
    /// Only of this owner.
    #[arg(long)]
    owner: Option<String>,
    /// Only in this state.
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// Whether a server takes part.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    /// It may publish.
    Active,
    /// It may not, until an operator says so.
    Disabled,
    /// It never will again; its name and origin are free for another.
    Retired,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Retired => "retired",
        }
    }
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let mut asked = ServerQuery {
            tenant: self.tenant,
            name: self.name,
            owner: self.owner,
            state: self.state.map(|state| state.as_str().to_owned()),
            cursor: None,
        };
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        loop {
            let page = authority.servers(&operator, &asked).await?;
            for server in items(page.root(), "servers") {
                whole.extend(RawValue::from_string(server.raw().to_owned()));
                let cell = |name| text_at(server, &[name]);
                rows.push(
                    [
                        "server_id",
                        "tenant",
                        "name",
                        "state",
                        "manifests",
                        "owner",
                        "origin",
                    ]
                    .map(cell)
                    .into(),
                );
            }
            let next = text_at(page.root(), &["next_cursor"]);
            if next.is_empty() {
                break;
            }
            asked.cursor = Some(next);
        }
        if self.output.is_json() {
            let json = serde_json::to_string(&whole).unwrap_or_default();
            return print_json(&json);
        }
        if rows.is_empty() {
            return output::print(
                "No such server is registered; register one with: mcps server add",
            );
        }
        output::print(&output::table(
            &[
                "SERVER",
                "TENANT",
                "NAME",
                "STATE",
                "MANIFESTS",
                "OWNER",
                "ORIGIN",
            ],
            rows,
        ))
    }
}
