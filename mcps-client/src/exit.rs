//! How our programs end: exit codes that scripts can rely on, and the one line that says what went
//! wrong and what to do next.

use std::error::Error as _;
use std::process::ExitCode;

use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;

use crate::error::ClientError;

/// The exit codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0  done
  1  something else went wrong; the message says what
  2  wrong usage
  3  not found: a file of the home, a passport, a tool
  4  denied by the trust authority
  5  stale: the revocation status is too old or could not be had, or what is changed has changed
  6  verification failed";

/// The same in one line, for the help of a command that has no room for more.
pub const LINE: &str =
    "Exit codes: 0 done, 1 other, 2 usage, 3 not found, 4 denied, 5 stale, 6 verification failed.";

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: what was asked for was done.
    Done,
    /// 1: anything that is none of the others.
    Other,
    /// 2: the command line, or a value on it, is wrong.
    Usage,
    /// 3: a file, passport or tool is not there.
    NotFound,
    /// 4: the authority refused.
    Denied,
    /// 5: what is known of revocations is too old.
    Stale,
    /// 6: something signed does not hold.
    Refused,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Denied => 4,
            Self::Stale => 5,
            Self::Refused => 6,
        }
    }

    /// How a program ends for which this refusal was the result.
    #[must_use]
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::StatusTooOld { .. } | Refusal::AuthorityUnreachable => Self::Stale,
            _ => Self::Refused,
        }
    }

    /// How a program ends that met this failure.
    #[must_use]
    pub const fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Missing { .. } => Self::NotFound,
            ClientError::Address(_)
            | ClientError::ClientCertificate(_)
            | ClientError::WrongKind { .. }
            | ClientError::NoPublicUrl(_)
            | ClientError::Option { .. }
            | ClientError::Insecure { .. }
            | ClientError::AccessToken { .. }
            | ClientError::TokenInClear { .. }
            | ClientError::Transport(
                TransportError::UrlMalformed
                | TransportError::UrlScheme
                | TransportError::UrlUserinfo,
            ) => Self::Usage,
            ClientError::Problem { status, .. } => match status {
                404 => Self::NotFound,
                412 => Self::Stale,
                401 | 403 | 409 => Self::Denied,
                400 | 422 => Self::Usage,
                _ => Self::Other,
            },
            ClientError::Refused(refusal) => Self::of_refusal(refusal),
            ClientError::Transport(
                TransportError::CommandNotFound { .. } | TransportError::NoWorkingDirectory { .. },
            ) => Self::NotFound,
            ClientError::File { .. }
            | ClientError::Exists { .. }
            | ClientError::Content { .. }
            | ClientError::KeyMode { .. }
            | ClientError::Listen { .. }
            | ClientError::Unreachable { .. }
            | ClientError::Answer { .. }
            | ClientError::SessionEnded { .. }
            | ClientError::Web(_)
            | ClientError::Key(_)
            | ClientError::Random(_)
            | ClientError::Transport(_) => Self::Other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What went wrong, in one line that ends with what to do next.
#[must_use]
pub fn explain(error: &ClientError) -> String {
    let next = match error {
        ClientError::Refused(refusal) => return explain_refusal(refusal),
        ClientError::Transport(failed) => return chain(failed),
        ClientError::File { .. } => "check the path and its permissions",
        ClientError::Content { .. } => "restore it, or enrol again: mcps passport request --help",
        ClientError::Insecure { .. } => {
            "write https://, or add --allow-insecure-http where the network itself is protected"
        }
        ClientError::Web(_) => "name the file of certificates to trust in SSL_CERT_FILE",
        ClientError::ClientCertificate(_) => "see docs/access.md",
        ClientError::Address(_) => "write it like http://127.0.0.1:7300",
        ClientError::Answer { .. } => "check that the address is a trust authority's",
        ClientError::Problem { status: 401, .. } => "check the operator's key",
        ClientError::Problem { status: 404, .. } => "check the id, and which authority issued it",
        ClientError::Problem { status: 500.., .. } => {
            "try again, and look at the authority's log if it stays so"
        }
        // These end with what to do already.
        ClientError::Problem { .. }
        | ClientError::Missing { .. }
        | ClientError::Exists { .. }
        | ClientError::KeyMode { .. }
        | ClientError::WrongKind { .. }
        | ClientError::Listen { .. }
        | ClientError::NoPublicUrl(_)
        | ClientError::Option { .. }
        | ClientError::Unreachable { .. }
        | ClientError::AccessToken { .. }
        | ClientError::TokenInClear { .. }
        | ClientError::SessionEnded { .. }
        | ClientError::Key(_)
        | ClientError::Random(_) => return error.to_string(),
    };
    format!("{error}; {next}")
}

/// A refusal with its code and what to do about it.
#[must_use]
pub fn explain_refusal(refusal: &Refusal) -> String {
    let code = refusal.code();
    format!("{code}: {refusal}. {}", code.advice())
}

/// A failure with what caused it.
pub fn chain(error: &TransportError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
