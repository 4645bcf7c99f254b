//! Why the authority did not start, in words that say what to do next.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use mcps_core::random::RandomError;
use mcps_core::refusal::Refusal;
use sqlx::migrate::MigrateError;

use crate::certificate::CertificateError;
use crate::custody::CustodyError;
use crate::custody::token::TokenError;
use crate::error::Error;
use crate::key_files::KeyFileError;

/// Why the authority did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory {}: {source}\nname another with --data-dir DIR", path.display()
    )]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `--database-url` is not one of PostgreSQL.
    #[error(
        "--database-url must be like postgres://user:password@host/database; leave it out for SQLite in the data directory"
    )]
    DatabaseUrl,
    /// The database cannot be reached or refuses.
    #[error("the database: {0}\ncheck that it runs and that --database-url names it")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("cannot bring the database up to date: {0}")]
    Migration(#[source] MigrateError),
    /// Another version of this program has been there.
    #[error(
        "this database was made by a newer version of mcps-authority (its tables are at {version}, this one knows {known})\n\
         run that version again, or restore the backup from before it"
    )]
    Newer {
        /// A migration that is not known here.
        version: i64,
        /// The last one that is.
        known: i64,
    },
    /// A key file cannot be used.
    #[error("key file {0}")]
    KeyFile(#[from] KeyFileError),
    /// The token that holds the keys cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database belongs to an authority whose keys are not here.
    #[error(
        "this database belongs to the authority {authority} (root key {root_kid}), and {whereabouts} does not hold its {usage} key\n\
         replicas share one set of keys: copy the keys folder of the first replica there (mode 0600), name its token, or name another database"
    )]
    OtherKeys {
        /// The name of the database's authority.
        authority: String,
        /// Its root key.
        root_kid: String,
        /// Which key is missing or another.
        usage: &'static str,
        /// Where it was looked for.
        whereabouts: String,
    },
    /// The key set needs another key, which only the root can sign.
    #[error(
        "this authority was founded by an earlier version and needs a key for its {usage}, which only the root key can sign\n\
         put it back for one start, then move it away again; it was looked for in {whereabouts}"
    )]
    RootNeeded {
        /// What the key will sign.
        usage: &'static str,
        /// Where the root key was looked for.
        whereabouts: String,
    },
    /// There is no authority in this database yet.
    #[error(
        "there is no authority here yet; run `mcps-authority serve` first, which prints the first operator's key, or name the right --data-dir or --database-url"
    )]
    NotFounded,
    /// `--issuer` is not the name that was chosen at the first start.
    #[error(
        "--issuer {asked}: this authority is called {is}, and passports carry that name; leave --issuer out, or start afresh with another data directory and database"
    )]
    OtherName {
        /// What was asked for.
        asked: String,
        /// What it is called.
        is: String,
    },
    /// `--issuer` cannot be a name.
    #[error("--issuer {name:?}: write 1 to 128 letters, digits, `.`, `_`, `:`, `/` or `-`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// `--operator-key-file` cannot be written.
    #[error("cannot write the operator's key to {}: {source}", path.display())]
    OperatorKeyFile {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key set in the database is missing or damaged.
    #[error("the key set in the database is missing; restore it from a backup")]
    Bundle,
    /// The key set in the database does not verify.
    #[error("the key set in the database does not verify: {0}; restore it from a backup")]
    Refused(#[from] Refusal),
    /// What is changed cannot be recorded.
    #[error("the audit trail: {0}")]
    Audit(#[source] Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The address for metrics is taken or not ours.
    #[error(
        "cannot listen on {address} for metrics: {source}\nname another with --metrics-listen HOST:PORT"
    )]
    MetricsListen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS certificate cannot be used.
    #[error("--tls-cert, --tls-key: {0}")]
    Certificate(#[from] CertificateError),
    /// Plain HTTP beyond this machine.
    #[error(
        "--listen {0} without TLS: others can read what is said here, the keys of operators too\n\
         give --tls-cert and --tls-key, or --allow-insecure-http where something in front of this speaks HTTPS"
    )]
    Insecure(SocketAddr),
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {source}\nname another with --listen HOST:PORT; port 0 takes a free one"
    )]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl From<MigrateError> for StartError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer {
                version,
                known: crate::store::newest_schema(),
            },
            error => Self::Migration(error),
        }
    }
}

impl From<CustodyError> for StartError {
    fn from(error: CustodyError) -> Self {
        match error {
            CustodyError::File(error) => Self::KeyFile(error),
            CustodyError::Token(error) => Self::Token(error),
        }
    }
}
