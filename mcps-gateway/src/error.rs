//! What keeps the gateway from starting, in words for the person who runs it.

use std::path::PathBuf;

use mcps_client::error::ClientError;
use mcps_client::exit::{self, Exit};
use mcps_client::home::Home;
use mcps_core::passport::Kind;

use crate::history::HistoryError;
use crate::policy::PolicyErrors;
use crate::shared::SharedError;

/// A failure of the gateway's set-up; what callers are told is a code instead. Each says in its own words
/// what caused it.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The configuration cannot be read.
    #[error("cannot read {}: {source}; name the file with --config FILE", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of policies cannot be read.
    #[error("cannot read {}: {source}; `policy` of [tenant.{tenant}] names it, and a path that is not absolute is beside the configuration", path.display())]
    PolicyFile {
        /// Whose policies.
        tenant: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is not what it should be.
    #[error("{} is not a configuration: {why}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Where, and what to write instead.
        why: String,
    },
    /// The policies are not what they should be.
    #[error("the policies do not load:\n{0}")]
    Policy(PolicyErrors),
    /// What happened before cannot be kept.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// What gateways share cannot be had.
    #[error("the shared state at {place}: {source}")]
    Shared {
        /// Host and port.
        place: String,
        /// Why.
        source: SharedError,
    },
    /// There is no place for records.
    #[error("records cannot be kept in {}: {source}; make it a folder that the gateway may write to", path.display())]
    Segments {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Lines of records cannot be written.
    #[error("cannot open {} for lines of records: {source}; name another file as `record`, or with --record FILE", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What a key of the configuration names cannot be used.
    #[error("{key}: {}", exit::explain(why))]
    Named {
        /// The key, and whose.
        key: String,
        /// Why.
        why: ClientError,
    },
    /// A home has no passport, or not all that comes with one.
    #[error("{} does not exist; enrol the {kind}: mcps --home {} passport request --authority URL --name NAME --kind {kind} --enrolment-token-file FILE, with a token that an operator makes by: mcps token create --kind {kind} --name NAME --owner WHO", path.display(), home.display())]
    NotEnrolled {
        /// What it is the home of.
        kind: Kind,
        /// Which home.
        home: PathBuf,
        /// The file that is missing.
        path: PathBuf,
    },
    /// A server that is named is none.
    #[error("--server names `{name}`, and {} has: {known}", path.display())]
    NoServer {
        /// Which file.
        path: PathBuf,
        /// What was named.
        name: String,
        /// Those that are configured.
        known: String,
    },
    /// What the client's library says.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The machine has no randomness.
    #[error(transparent)]
    Random(#[from] mcps_core::random::RandomError),
}

impl GatewayError {
    /// Why a home cannot be used.
    pub(crate) fn of_home(home: &Home, kind: Kind, error: ClientError) -> Self {
        match error {
            ClientError::Missing { path, .. } => Self::NotEnrolled {
                kind,
                home: home.dir().to_owned(),
                path,
            },
            error => Self::Client(error),
        }
    }

    /// How a program ends that met this failure.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => Exit::of(error),
            Self::NotEnrolled { .. } => Exit::NotFound,
            Self::Unreadable { .. }
            | Self::PolicyFile { .. }
            | Self::Named { .. }
            | Self::Config { .. }
            | Self::NoServer { .. }
            | Self::Policy(_)
            | Self::Segments { .. }
            | Self::Record { .. } => Exit::Usage,
            Self::History(_) | Self::Shared { .. } | Self::Random(_) => Exit::Other,
        }
    }
}
