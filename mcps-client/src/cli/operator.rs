//! The secrets that the authority takes: an operator's key and an enrolment token. Neither is ever an
//! argument: arguments show in process lists and shell histories.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use mcps_client::relay::{ENROLMENT_TOKEN_ENV, OPERATOR_KEY_ENV};
use zeroize::Zeroizing;

use super::{CliError, Machine, input};

/// Longest file that is read for a secret.
const MAX_FILE: usize = 20 * 1024;

/// Where the operator's key is, unless it is in the environment.
#[derive(Args, Clone, Debug)]
pub(crate) struct OperatorOptions {
    /// File with an operator's key of the authority, or with an access token of the OpenID provider that it
    /// believes [or either itself in: MCPS_OPERATOR_KEY].
    #[arg(long, value_name = "FILE")]
    operator_key_file: Option<PathBuf>,
}

impl OperatorOptions {
    /// Reads the key.
    ///
    /// # Errors
    /// [`CliError::NoOperatorKey`], [`CliError::NotASecret`], or an unreadable file.
    pub(crate) fn key(&self, machine: &Machine) -> Result<Zeroizing<String>, CliError> {
        match (&self.operator_key_file, &machine.operator_key) {
            (Some(path), _) => OPERATOR_KEY.in_file(path),
            (None, Some(text)) => OPERATOR_KEY.in_text(OPERATOR_KEY_ENV, text),
            (None, None) => Err(CliError::NoOperatorKey),
        }
    }
}

/// Where an enrolment token is, unless it is in the environment.
#[derive(Args, Clone, Debug)]
pub(crate) struct TokenOptions {
    /// File with an enrolment token of the authority [or the token itself in: MCPS_ENROLMENT_TOKEN].
    #[arg(long, value_name = "FILE", conflicts_with = "operator_key_file")]
    enrolment_token_file: Option<PathBuf>,
}

impl TokenOptions {
    /// By what somebody enrols: as named on the command line; else by what the environment holds,
    /// first by the token, which can do less. Says whether it is a token.
    ///
    /// # Errors
    /// [`CliError::NoCredential`], [`CliError::NotASecret`], or an unreadable file.
    pub(crate) fn credential(
        &self,
        operator: &OperatorOptions,
        machine: &Machine,
    ) -> Result<(Zeroizing<String>, bool), CliError> {
        if let Some(path) = &self.enrolment_token_file {
            return Ok((ENROLMENT_TOKEN.in_file(path)?, true));
        }
        match &machine.enrolment_token {
            Some(text) if operator.operator_key_file.is_none() => {
                Ok((ENROLMENT_TOKEN.in_text(ENROLMENT_TOKEN_ENV, text)?, true))
            }
            _ => match operator.key(machine) {
                Err(CliError::NoOperatorKey) => Err(CliError::NoCredential),
                key => Ok((key?, false)),
            },
        }
    }
}

/// A kind of secret: what people call it, and what each begins with.
struct Secret {
    what: &'static str,
    prefix: &'static str,
    /// A token of somebody else's may stand in its place: a JWT.
    or_token: bool,
}

const OPERATOR_KEY: Secret = Secret {
    what: "an operator's key",
    prefix: "mcps_op_",
    or_token: true,
};
const ENROLMENT_TOKEN: Secret = Secret {
    what: "an enrolment token",
    prefix: "mcps_et_",
    or_token: false,
};

impl Secret {
    fn in_file(&self, path: &Path) -> Result<Zeroizing<String>, CliError> {
        let bytes = Zeroizing::new(input::read(path, MAX_FILE)?);
        self.warn_if_shared(path);
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
        self.in_text(&path.display().to_string(), &text)
    }

    /// The prefix and 43 characters of base64url. Anything else stays here: a wrong file may hold
    /// another secret.
    fn in_text(&self, source_name: &str, text: &str) -> Result<Zeroizing<String>, CliError> {
        let word = text.trim();
        let rest = word.strip_prefix(self.prefix).unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let parts: Vec<&str> = word.split('.').collect();
        let part = |part: &&str| !part.is_empty() && part.bytes().all(allowed);
        let is_token = self.or_token && parts.len() == 3 && parts.iter().all(part);
        if is_token || (rest.len() == 43 && rest.bytes().all(allowed)) {
            return Ok(Zeroizing::new(word.to_owned()));
        }
        Err(CliError::NotASecret {
            source_name: source_name.to_owned(),
            what: self.what,
            prefix: self.prefix,
        })
    }

    /// Mounted secrets are often readable by all of a container, so this is a word, not a refusal.
    fn warn_if_shared(&self, path: &Path) {
        let mode =
            std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
        if mode & 0o077 != 0 {
            let (path, what) = (path.display(), self.what);
            tracing::warn!(
                "{path} holds {what} and can be read by others (mode {mode:o}); run: chmod 600 {path}"
            );
        }
    }
}
