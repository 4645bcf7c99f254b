//! `mcps quarantine`: at a gateway's home what `mcps-gateway quarantine` does; with `--authority URL` at
//! the authority, for all gateways of a tenant.

mod history;
mod list;
mod order;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::gateway::Passed;
use super::{CliError, Machine};

/// What it is told.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Quarantine {
    /// What to do and with what; --help says more, and with --authority URL what is done there.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

/// Promote, reject and block tools for all gateways that follow a tenant's quarantine.
#[derive(Debug, Parser)]
#[command(name = "mcps quarantine", max_term_width = 100)]
struct There {
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs that the authority knows. What a definition says is seen at a gateway alone.
#[derive(Debug, Subcommand)]
enum Verb {
    /// List what a tenant's operators have said, as far as it stands.
    List(list::List),
    /// List who said what, and when.
    History(history::History),
    /// Let this very definition be called from now on.
    Promote(order::Exactly),
    /// Refuse this very definition.
    Reject(order::Exactly),
    /// Let nobody call a tool, whatever its definition, until it is unblocked.
    Block(order::Named),
    /// End a block.
    Unblock(order::Named),
}

impl Quarantine {
    pub(crate) async fn run(self, machine: &Machine) -> Result<ExitCode, CliError> {
        if !self.arguments.iter().any(is_there) {
            return Passed::with(self.arguments).run("quarantine", machine);
        }
        let words = std::iter::once("mcps quarantine".into()).chain(self.arguments);
        let there = match There::try_parse_from(words) {
            Ok(there) => there,
            Err(error) => {
                // Whoever closed our standard error does not want to know.
                drop(error.print());
                let code = u8::try_from(error.exit_code()).unwrap_or(2);
                return Ok(ExitCode::from(code));
            }
        };
        match there.verb {
            Verb::List(list) => list.run(machine).await?,
            Verb::History(history) => history.run(machine).await?,
            Verb::Promote(exactly) => exactly.promote(machine).await?,
            Verb::Reject(exactly) => exactly.reject(machine).await?,
            Verb::Block(named) => named.block(machine).await?,
            Verb::Unblock(named) => named.unblock(machine).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether a word says that the authority is meant.
fn is_there(word: &OsString) -> bool {
    let word = word.to_string_lossy();
    word == "--authority" || word.starts_with("--authority=")
}
