//! `mcps feed`.

mod enforcement;
mod show;
mod verify;
mod watch;
mod words;

use clap::Subcommand;
use mcps_client::exit;

use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Feed {
    /// Print what the authority revokes, suspends and changes, as it happens.
    Watch(watch::Watch),
    /// Prove a recording of `mcps feed watch -o json`: whole, in order, and signed. Needs no network.
    Verify(verify::Verify),
    /// Print how many of those who follow the feed enforce an event, by when, and who lags.
    Enforcement(enforcement::Enforcement),
    /// Print how far this home has followed the feed, and what is in force.
    Show(show::Show),
}

impl Feed {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Watch(watch) => watch.run(machine).await,
            Self::Verify(verify) => verify.run(machine),
            Self::Enforcement(enforcement) => enforcement.run(machine).await,
            Self::Show(show) => show.run(machine),
        }
    }
}
