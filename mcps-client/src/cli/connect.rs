//! `mcps connect`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use mcps_client::connect::{self, Address, ConnectOptions, Place, Terms};
use mcps_client::exit;
use mcps_client::options::LinkOptions;
use mcps_client::relay::ACCESS_TOKEN_ENV;
use mcps_client::token::TokenSource;
use mcps_core::level::TrustLevel;

use super::{CliError, Machine};

/// Where it goes, for `--help`.
const PLACE: &str = "\
Put it where your MCP client starts its server:
  before  npx -y @modelcontextprotocol/server-everything
  after   mcps --home AGENT connect -- mcps-wrap --home SERVER -- npx -y @modelcontextprotocol/server-everything
AGENT and SERVER are two homes: mcps --home DIR passport request --kind agent or --kind server.

Once the server runs, its exit code is ours.

A server on another machine is reached by its URL:
  mcps --home AGENT connect --url https://mcps.example.com/mcp
It must sign too: mcps-wrap --listen stands in front of it.";

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
    /// The signed server over HTTP, instead of a command: the URL that `mcps-wrap --listen` serves.
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    url: Option<String>,
    /// Reach another machine over http://. Without TLS whoever is on the way reads every message;
    /// signatures only keep them from changing one.
    #[arg(long, conflicts_with = "command")]
    allow_insecure_http: bool,
    /// Trust the certificates in this PEM file too, beside this machine's own, for the server's TLS.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    ca_cert: Option<PathBuf>,
    /// File with the OAuth access token to send with everything to --url; read again for each
    /// message, so it may be replaced at any time [or the token itself in: MCPS_ACCESS_TOKEN].
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    access_token_file: Option<PathBuf>,
    /// The command of the signed server, for example `mcps-wrap --home DIR -- SERVER`.
    #[arg(last = true, required_unless_present = "url", value_name = "COMMAND")]
    command: Vec<String>,
}

impl Connect {
    pub(crate) async fn run(self, machine: &Machine) -> Result<ExitCode, CliError> {
        let server = match self.url {
            Some(url) => Place::Url {
                address: Address::parse(&url, self.allow_insecure_http)?,
                extra_roots: self.ca_cert,
                token: token(self.access_token_file, machine)?,
            },
            None => {
                if machine.access_token.is_some() {
                    tracing::warn!(
                        "{ACCESS_TOKEN_ENV} is not used: only what is sent to a --url has a place for it"
                    );
                }
                Place::Command(self.command)
            }
        };
        let options = ConnectOptions {
            server,
            terms: Terms {
                carrier: self.link.carrier,
                window: self.link.window(),
                freshness: self.link.freshness(),
                min_server_level: self.min_server_level,
                allow_unsigned: self.allow_unsigned,
            },
        };
        let (clock, random) = (Arc::clone(&machine.clock), Arc::clone(&machine.random));
        let ending = connect::run(&machine.home()?, options, clock, random).await?;
        Ok(ending.exit_code().into())
    }
}

/// Where the access token comes from: a file that was named, else the environment, else there is
/// none.
fn token(file: Option<PathBuf>, machine: &Machine) -> Result<Option<TokenSource>, CliError> {
    let source = match (file, &machine.access_token) {
        (Some(path), _) => TokenSource::from_file(path)?,
        (None, Some(text)) => TokenSource::from_variable(ACCESS_TOKEN_ENV, text)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(source))
}
