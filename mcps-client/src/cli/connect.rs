//! `mcps connect`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use mcps_client::connect::{self, ConnectOptions, Terms};
use mcps_client::exit;
use mcps_client::options::LinkOptions;
use mcps_core::level::TrustLevel;

use super::{CliError, Machine};

/// Where it goes, for `--help`.
const PLACE: &str = "\
Put it where your MCP client starts its server:
  before  npx -y @modelcontextprotocol/server-everything
  after   mcps --home AGENT connect -- mcps-wrap --home SERVER -- npx -y @modelcontextprotocol/server-everything
AGENT and SERVER are two homes: mcps --home DIR passport request --kind agent or --kind server.

Once the server runs, its exit code is ours.";

/// What `mcps connect` can be told.
#[derive(Args, Debug)]
#[command(after_help = format!("{PLACE}\n\n{}", exit::HELP))]
pub(crate) struct Connect {
    #[command(flatten)]
    link: LinkOptions,
    /// Let a server answer unsigned, as long as it never signed before.
    #[arg(long)]
    allow_unsigned: bool,
    /// Deliver answers of servers from this trust level on.
    #[arg(long, value_name = "LEVEL", default_value = "1")]
    min_server_level: TrustLevel,
    /// The command of the signed server, for example `mcps-wrap --home DIR -- SERVER`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Connect {
    pub(crate) async fn run(self, machine: &Machine) -> Result<ExitCode, CliError> {
        let options = ConnectOptions {
            terms: Terms {
                carrier: self.link.carrier,
                window: self.link.window(),
                freshness: self.link.freshness(),
                min_server_level: self.min_server_level,
                allow_unsigned: self.allow_unsigned,
            },
            command: self.command,
        };
        let (clock, random) = (Arc::clone(&machine.clock), Arc::clone(&machine.random));
        let ending = connect::run(&machine.home()?, options, clock, random).await?;
        Ok(ending.exit_code().into())
    }
}
