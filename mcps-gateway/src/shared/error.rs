//! Why what gateways share cannot be had.

use std::path::PathBuf;

use mcps_client::error::ClientError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A failure of the store. No text of the server's is in it: servers repeat what they were sent.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// No connection, or one that broke.
    #[error("it cannot be reached: {why}")]
    Unreachable {
        /// Which kind of failure.
        why: String,
    },
    /// Its certificate is of nobody who is believed.
    #[error(
        "its certificate is not believed ({why}): write the certificate that vouches for it into a file, and name that file as `ca` of [shared]"
    )]
    Certificate {
        /// What is wrong with it.
        why: String,
    },
    /// No answer in time.
    #[error("it did not answer within {ms} ms")]
    Slow {
        /// How long was waited.
        ms: u128,
    },
    /// User name or password are wrong.
    #[error(
        "it takes neither this user name nor this password: see `url` and `password_file` of [shared], or MCPS_SHARED_PASSWORD"
    )]
    Login,
    /// It wants a password.
    #[error(
        "it asks for a password: write it into a file that `password_file` of [shared] names, or give it as MCPS_SHARED_PASSWORD"
    )]
    NoPassword,
    /// It refuses what it was asked for.
    #[error("it refuses with {code}")]
    Turned {
        /// Its word for that.
        code: String,
    },
    /// It forgets what it should keep.
    #[error(
        "its maxmemory-policy is {policy}, under which it forgets nonces while they can be sent again; set noeviction"
    )]
    Forgets {
        /// The policy.
        policy: String,
    },
    /// Something else than the scripts return.
    #[error("its answer cannot be read")]
    Unreadable,
    /// Too many wrote the same history at a time.
    #[error("too many calls at a time change the same history")]
    Crowded,
    /// It forgot again while it was made anew.
    #[error("it forgets what it is told")]
    Restless,
    /// A file cannot be read.
    #[error("cannot read {}: {source}; `{key}` of [shared] names it", path.display())]
    File {
        /// The key that names it.
        key: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is something else in a file.
    #[error("{} holds no {what}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// What is known of it cannot be written down.
    #[error(transparent)]
    Home(#[from] ClientError),
    /// The machine has no randomness.
    #[error(transparent)]
    Random(#[from] mcps_core::random::RandomError),
}

impl SharedError {
    pub(super) fn of(error: &RedisError) -> Self {
        let turned = |code: &str| Self::Turned {
            code: code.to_owned(),
        };
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Login,
            ErrorKind::Server(kind) => match (kind, error.code()) {
                (ServerErrorKind::NoPerm, _) => turned("NOPERM"),
                (_, Some("NOAUTH")) => Self::NoPassword,
                (_, Some("WRONGPASS")) => Self::Login,
                (_, Some(code)) if is_code(code) => turned(code),
                _ => turned("an error"),
            },
            ErrorKind::Extension => match error.code() {
                Some("NOAUTH") => Self::NoPassword,
                Some("WRONGPASS") => Self::Login,
                Some(code) if is_code(code) => turned(code),
                _ => turned("an error"),
            },
            // Of the connection: nothing was sent yet that it could repeat.
            _ if error.is_io_error() => {
                let why = error.to_string();
                match why.strip_prefix(CERTIFICATE) {
                    Some(why) => Self::Certificate {
                        why: why.to_owned(),
                    },
                    None => Self::Unreachable { why },
                }
            }
            _ => Self::Unreachable {
                why: error.category().to_owned(),
            },
        }
    }
}

/// What rustls says of a certificate; its error is out of reach behind the client's.
const CERTIFICATE: &str = "invalid peer certificate: ";

/// What servers begin their errors with.
fn is_code(code: &str) -> bool {
    code.len() <= 32 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}
