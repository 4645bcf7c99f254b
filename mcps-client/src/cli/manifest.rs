//! `mcps manifest`: which tools each version of a server may show.

mod diff;
mod list;
mod publish;
pub(super) mod release;
mod show;

use clap::Subcommand;
use mcps_client::exit;

use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Manifest {
    /// Sign the tools of this home's server and publish them as one version.
    Publish(publish::Publish),
    /// List the published versions, newest first.
    List(list::List),
    /// Show one version and its tools.
    Show(show::Show),
    /// Say which tools came, went or changed between two versions, member by member.
    Diff(diff::Diff),
}

impl Manifest {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Publish(publish) => publish.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(show) => show.run(machine).await,
            Self::Diff(diff) => diff.run(machine).await,
        }
    }
}
