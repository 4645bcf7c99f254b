//! `mcps order`: cutting off whatever a target reaches, and taking that back.

mod actions;
mod given;
mod target;

pub(super) use given::rows;
pub(super) use target::words;

use clap::Subcommand;
use mcps_client::exit;

use super::{CliError, Machine};

/// What orders are and what is taken back, for `--help`.
const KINDS: &str = "\
A suspension and a stop are taken back by reinstate, or by undo. A revocation is for good.
Every order is one event of the revocation feed, whatever it reaches: see mcps feed watch.";

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = format!("{KINDS}\n\n{}", exit::HELP))]
pub(crate) enum Order {
    /// Refuse it for good.
    Revoke(given::Revoke),
    /// Refuse it until it is reinstated, or until a time.
    Suspend(given::Suspend),
    /// Take a suspension, a quarantine or a stop back.
    Reinstate(given::Reinstate),
    /// Stop everything of it at once: the kill switch.
    Stop(given::Stop),
    /// List what was ordered, by whom, and what came of it.
    List(actions::List),
    /// Take back what one order did.
    Undo(actions::Undo),
}

impl Order {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Revoke(order) => order.run(machine).await,
            Self::Suspend(order) => order.run(machine).await,
            Self::Reinstate(order) => order.run(machine).await,
            Self::Stop(order) => order.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Undo(undo) => undo.run(machine).await,
        }
    }
}
