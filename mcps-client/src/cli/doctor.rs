//! `mcps doctor`: what keeps a home, its authority, or what is about to be run from working, and how to
//! mend it. It changes nothing; docs/doctor.md lists what it finds.

mod finding;
mod kept;
mod plan;
mod reach;
mod registered;
mod session;
mod spoken;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use mcps_client::home::Home;

use super::operator::OperatorOptions;
use super::output::OutputOptions;
use super::{CliError, Machine};
use finding::Findings;

/// What is looked at, for `--help`.
const LOOKED_AT: &str = "\
Always: the home's files, and the authority that it has pinned or --authority names. With --url, a
signed session with that server; with --listen, --config or a command, what you are about to run.
Nothing is changed. Warnings leave the exit code 0; else it is that of the first thing that is wrong.
Every finding has an id, which docs/doctor.md explains.";

/// What `mcps doctor` can be told.
#[derive(Args, Debug)]
#[command(after_help = LOOKED_AT)]
pub(crate) struct Doctor {
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    /// Begin a signed session with the wrapper or gateway at this URL, and list its tools.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Reach another machine over http:// for that.
    #[arg(long, requires = "url")]
    allow_insecure_http: bool,
    /// Trust the certificates in this PEM file too, for that server's TLS.
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_cert: Option<PathBuf>,
    /// Whether a wrapper, a gateway or an authority could listen at this address.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Whether this is a configuration of a gateway.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(flatten)]
    output: OutputOptions,
    /// Whether this command could be started, for example the server behind `mcps-wrap`.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Doctor {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let dir = machine.home.as_ref().ok_or(CliError::NoHome)?;
        let home = Home::new(dir);
        let now = machine.clock.now();
        let mut found = Findings::default();
        let kept = kept::look(&home, now, &mut found);
        let url = self.authority.clone();
        let url = url.or_else(|| kept.pin.as_ref().map(|pin| pin.url.clone()));
        if let Some(url) = url {
            let met = reach::look(&url, &kept, machine, &mut found).await;
            let key = self.operator.key(machine);
            if let Some(authority) = met
                && !matches!(key, Err(CliError::NoOperatorKey))
            {
                registered::look(&authority, key, &kept, &mut found).await;
            }
        }
        if let Some(url) = &self.url {
            let more = session::Reaching {
                insecure: self.allow_insecure_http,
                ca_cert: self.ca_cert.as_deref(),
            };
            session::look(url, &more, dir, &mut found).await;
        }
        plan::programs(machine.search.as_deref(), &mut found).await;
        if let Some(address) = self.listen {
            plan::listen(address, &mut found);
        }
        if let Some(config) = &self.config {
            plan::config(config, machine.search.as_deref(), &mut found).await;
        }
        plan::command(&self.command, machine.search.as_deref(), &mut found);
        found.conclude(self.output)
    }
}
