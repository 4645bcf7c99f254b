//! `mcps server change`.

use clap::Args;
use mcps_client::authority::ServerChange;
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::{CliError, Machine};
use super::list::State;
use super::{Asking, describe, id};

/// What `mcps server change` can be told.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["state", "owner"])))]
pub(crate) struct Change {
    /// Its id.
    server: String,
    /// Another state.
    #[arg(long)]
    state: Option<State>,
    /// Another owner: its passports have to name that one from then on.
    #[arg(long)]
    owner: Option<String>,
    /// The revision that you looked at [default: the present one].
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u64>,
    /// Only say what would be changed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Change {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = id(&self.server)?;
        let (authority, operator) = self.asking.open(machine)?;
        let shown = authority.server(&operator, id).await?;
        let member = |name| text_at(shown.root(), &["server", name]);
        let revision = self
            .revision
            .map_or_else(|| member("revision"), |revision| revision.to_string());
        let change = ServerChange {
            state: self.state.map(|state| state.as_str().to_owned()),
            owner: self.owner,
        };
        if self.dry_run {
            let json = json!({
                "dry_run": true, "server_id": id, "revision": revision,
                "state": change.state, "owner": change.owner,
            });
            let becomes = |was: String, new: Option<String>| {
                new.map(|new| format!("{was} -> {new}")).unwrap_or_default()
            };
            let rows = [
                ("would change", id.to_owned()),
                ("name", member("name")),
                ("state", becomes(member("state"), change.state)),
                ("owner", becomes(member("owner"), change.owner)),
                ("next", "the same without --dry-run".to_owned()),
            ];
            return self.output.members(&rows, &json);
        }
        let changed = authority
            .change_server(&operator, id, &change, &revision)
            .await?;
        if self.output.is_json() {
            return print_json(changed.text());
        }
        output::print(&output::members(&describe(changed.root())))
    }
}
