//! `mcps trust attest`.

use std::path::PathBuf;

use clap::Args;

use super::super::output::print_json;
use super::super::server::Asking;
use super::super::{CliError, Machine, secret_file};
use super::Whom;

/// What `mcps trust attest` can be told.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints a DSSE envelope with a SLSA Verification Summary, signed by a key of the authority that
/.well-known/jwks.json lists. It says what held at its time; whether it still does, the feed says.")]
pub(crate) struct Attest {
    #[command(flatten)]
    whom: Whom,
    /// Write it into this new file instead.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

impl Attest {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        let attested = authority.attest_trust(&operator, &subject).await?;
        match &self.save {
            Some(path) => Ok(secret_file::write(path, attested.text())?),
            None => print_json(attested.text()),
        }
    }
}
