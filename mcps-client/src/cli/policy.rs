//! `mcps policy`: what tenants decide at gateways. What a policy says, `mcps-gateway policy …` alone
//! knows; which of them is in force, the authority says.

mod document;
mod forward;
mod history;
mod push;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use mcps_client::exit;

use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Policy {
    /// Validate a set: every error with its file, line and what to do; nothing is put in force.
    Check(forward::Forwarded),
    /// Run cases against a set: a call, what happened before it, and what is expected.
    Test(forward::Forwarded),
    /// Say which rule decides a recorded call, and why.
    Explain(forward::Forwarded),
    /// Replay recorded calls against a set that is not in force yet, and print what would change.
    Simulate(forward::Forwarded),
    /// Check a tenant's policy and put it in force at all gateways that have it from the authority.
    Push(push::Push),
    /// Show what a tenant decides by.
    Show(show::Show),
    /// List the versions of a tenant's policy: who changed it, and when.
    History(history::History),
}

impl Policy {
    pub(crate) async fn run(self, machine: &Machine) -> Result<ExitCode, CliError> {
        match self {
            Self::Check(forwarded) => return forwarded.run("check"),
            Self::Test(forwarded) => return forwarded.run("test"),
            Self::Explain(forwarded) => return forwarded.run("explain"),
            Self::Simulate(forwarded) => return forwarded.run("simulate"),
            Self::Push(push) => push.run(machine).await?,
            Self::Show(show) => show.run(machine).await?,
            Self::History(history) => history.run(machine).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A tenant's id as it may stand in a path.
pub(super) fn tenant(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound =
        (1..=63).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(allowed);
    match sound {
        true => Ok(text.to_owned()),
        false => Err("a tenant is 1 to 63 lower-case letters, digits or `-`".to_owned()),
    }
}
