//! `mcps envelope`.

mod describe;
mod verify;

use clap::Subcommand;
use mcps_client::exit;

use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Envelope {
    /// Check one signed message, and say what its envelope says.
    Verify(verify::Verify),
}

impl Envelope {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Verify(verify) => verify.run(machine).await,
        }
    }
}
