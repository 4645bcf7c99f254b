//! The key of an operator of the authority, which is never an argument: arguments show in process
//! lists and shell histories.

use mcps_client::relay::OPERATOR_KEY_ENV;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::{CliError, Machine, input};

/// Longest file that is read for a key.
const MAX_FILE: usize = 4096;

/// Where the operator's key is, unless it is in the environment.
#[derive(Args, Clone, Debug)]
pub(crate) struct OperatorOptions {
    /// File with an operator's key of the authority [or the key itself in: MCPS_OPERATOR_KEY].
    #[arg(long, value_name = "FILE")]
    operator_key_file: Option<PathBuf>,
}

impl OperatorOptions {
    /// Reads the key.
    ///
    /// # Errors
    /// [`CliError::NoOperatorKey`], [`CliError::NotAnOperatorKey`], or an unreadable file.
    pub(crate) fn key(&self, machine: &Machine) -> Result<Zeroizing<String>, CliError> {
        let (source_name, text) = match &self.operator_key_file {
            Some(path) => {
                let bytes = Zeroizing::new(input::read(path, MAX_FILE)?);
                warn_if_shared(path);
                (
                    path.display().to_string(),
                    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()),
                )
            }
            None => {
                let text = machine
                    .operator_key
                    .clone()
                    .ok_or(CliError::NoOperatorKey)?;
                (OPERATOR_KEY_ENV.to_owned(), text)
            }
        };
        let key = text.trim();
        if is_operator_key(key) {
            Ok(Zeroizing::new(key.to_owned()))
        } else {
            Err(CliError::NotAnOperatorKey { source_name })
        }
    }
}

/// Mounted secrets are often readable by all of a container, so this is a word, not a refusal.
fn warn_if_shared(path: &std::path::Path) {
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let path = path.display();
        tracing::warn!(
            "{path} holds an operator's key and can be read by others (mode {mode:o}); run: chmod 600 {path}"
        );
    }
}

/// `mcps_op_` and 43 characters of base64url. Anything else stays here: a wrong file may hold
/// another secret.
fn is_operator_key(key: &str) -> bool {
    let secret = key.strip_prefix("mcps_op_").unwrap_or_default();
    secret.len() == 43
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
