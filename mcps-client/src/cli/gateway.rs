//! `mcps policy …` and `mcps events …`: what `mcps-gateway` does, which alone knows policies and records.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;

use super::{CliError, Machine};

/// The program beside ours, else one in the search path.
const GATEWAY: &str = "mcps-gateway";

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Passed {
    /// What to do and with what; --help says more.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

impl Passed {
    /// These words.
    pub(super) const fn with(arguments: Vec<OsString>) -> Self {
        Self { arguments }
    }

    /// Becomes that program, asked for this.
    ///
    /// # Errors
    /// [`CliError::NoGateway`].
    pub(super) fn run(self, noun: &str, machine: &Machine) -> Result<ExitCode, CliError> {
        let beside = std::env::current_exe().ok();
        let beside = beside.and_then(|own| own.parent().map(|folder| folder.join(GATEWAY)));
        let program = beside.filter(|program| program.exists());
        let program = program.as_deref().unwrap_or(Path::new(GATEWAY));
        let mut command = Command::new(program);
        command.arg(noun).args(self.arguments);
        if let Some(home) = &machine.home {
            // As a default: what is among the arguments counts more.
            command.env("MCPS_HOME", home);
        }
        let failed = command.exec();
        Err(CliError::NoGateway(failed))
    }
}
