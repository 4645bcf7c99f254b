//! `mcps keygen`.

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::key::SecretKey;
use mcps_core::random::Random;
use mcps_core::signer::Signer as _;
use serde_json::json;

use super::output::{self, OutputOptions};
use super::{CliError, Machine};

/// What `mcps keygen` can be told.
#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// Replace a key that is there; the old one is lost, and with it the use of its passport.
    #[arg(long)]
    force: bool,
    /// Only say whether a key would be made, and where.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputOptions,
}

/// Makes a key and stores it.
///
/// # Errors
/// [`ClientError::Exists`] unless `replace`.
pub(crate) fn make(
    home: &Home,
    random: &dyn Random,
    replace: bool,
) -> Result<SecretKey, ClientError> {
    let key = SecretKey::generate(random)?;
    home.write_key(&key, replace)?;
    Ok(key)
}

impl Keygen {
    pub(crate) fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        if self.dry_run {
            return self.foresee(&home);
        }
        let key = make(&home, machine.random.as_ref(), self.force)?;
        let (kid, path) = (
            key.public_key().key_id().to_string(),
            home.path("key.pem").display().to_string(),
        );
        if home.path("passport.json").exists() {
            output::note(
                "The passport in this home is for the old key; get a new one with: mcps passport request",
            );
        }
        let json = json!({ "key_id": kid, "path": path });
        self.output
            .members(&[("key id", kid), ("file", path)], &json)
    }

    fn foresee(&self, home: &Home) -> Result<(), CliError> {
        let path = home.path("key.pem");
        let replaces = path.exists();
        if replaces && !self.force {
            return Err(home.key_exists().into());
        }
        let path = path.display().to_string();
        let json = json!({ "dry_run": true, "path": path, "replaces": replaces });
        let lost = match replaces {
            true => "the key that is there, for good".to_owned(),
            false => String::new(),
        };
        let rows = [
            ("would make", path),
            ("replaces", lost),
            ("next", "the same without --dry-run".to_owned()),
        ];
        self.output.members(&rows, &json)
    }
}
