//! `mcps policy …`: what `mcps-gateway policy …` does, which alone knows policies.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;

use super::CliError;

/// The program beside ours, else one in the search path.
const GATEWAY: &str = "mcps-gateway";

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Policy {
    /// What to do and with what: see `mcps policy --help`.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

impl Policy {
    /// Becomes that program.
    ///
    /// # Errors
    /// [`CliError::NoGateway`].
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        let beside = std::env::current_exe().ok();
        let beside = beside.and_then(|own| own.parent().map(|folder| folder.join(GATEWAY)));
        let program = beside.filter(|program| program.exists());
        let program = program.as_deref().unwrap_or(Path::new(GATEWAY));
        let failed = Command::new(program)
            .arg("policy")
            .args(self.arguments)
            .exec();
        Err(CliError::NoGateway(failed))
    }
}
