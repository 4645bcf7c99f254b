//! What `mcps-gateway policy` does, which alone knows what a policy says.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use super::super::CliError;

/// The program beside ours, else one in the search path.
const GATEWAY: &str = "mcps-gateway";

/// What that program is told.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct Forwarded {
    /// With what: see `mcps policy VERB --help`.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

impl Forwarded {
    /// Becomes that program.
    ///
    /// # Errors
    /// [`CliError::NoGateway`].
    pub(super) fn run(self, verb: &str) -> Result<ExitCode, CliError> {
        let failed = gateway(verb).args(self.arguments).exec();
        Err(CliError::NoGateway(failed))
    }
}

/// `mcps-gateway policy VERB`.
fn gateway(verb: &str) -> Command {
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|own| own.parent().map(|folder| folder.join(GATEWAY)));
    let program = beside.filter(|program| program.exists());
    let program = program.as_deref().unwrap_or(Path::new(GATEWAY));
    let mut command = Command::new(program);
    command.arg("policy").arg(verb);
    command
}

/// What a check found: its words, and whether all is well.
pub(super) struct Checked {
    pub(super) words: String,
    pub(super) valid: bool,
}

/// Checks files as a gateway would before it decides by them.
///
/// # Errors
/// [`CliError::NoGateway`].
pub(super) fn check(
    folder: &Path,
    files: &[PathBuf],
    default_policy: bool,
    json: bool,
) -> Result<Checked, CliError> {
    let mut command = gateway("check");
    command.current_dir(folder);
    if !default_policy {
        command.arg("--no-default-pack");
    }
    command.args(["-o", if json { "json" } else { "table" }, "--"]);
    let output = command.args(files).output().map_err(CliError::NoGateway)?;
    let (told, wrong) = (output.stdout.as_slice(), output.stderr.as_slice());
    Ok(Checked {
        words: String::from_utf8_lossy(&[told, wrong].concat()).into_owned(),
        valid: output.status.success(),
    })
}
