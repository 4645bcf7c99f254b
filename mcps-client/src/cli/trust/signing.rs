//! The key that a person or a scanner signs by.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::Args;
use mcps_client::error::ClientError;
use mcps_core::key::SecretKey;

use super::super::{CliError, Machine, input};

/// Largest file with a key.
const LIMIT: usize = 16 * 1024;

/// Which key signs.
#[derive(Args, Clone, Debug)]
pub(super) struct Signing {
    /// File with the private key that signs, as PEM [default: the key of this home, which mcps keygen
    /// makes].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Signing {
    /// The key.
    ///
    /// # Errors
    /// [`ClientError::KeyMode`] when others can read the file, [`ClientError::Content`] when it is no
    /// P-256 key.
    pub(super) fn open(&self, machine: &Machine) -> Result<SecretKey, CliError> {
        let Some(path) = &self.key else {
            return Ok(machine.home()?.key()?);
        };
        let pem = zeroize::Zeroizing::new(input::read(path, LIMIT)?);
        let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            let path = path.clone();
            return Err(ClientError::KeyMode { path, mode }.into());
        }
        let text = str::from_utf8(&pem).unwrap_or_default();
        let key = SecretKey::from_pem(text).map_err(|error| ClientError::Content {
            path: path.clone(),
            why: error.to_string(),
        });
        Ok(key?)
    }
}
