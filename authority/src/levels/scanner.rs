//! Whose scans a tenant believes.

use mcps_core::clock::Timestamp;
use mcps_core::key::PublicKey;

use crate::report::Format;

/// The scanner that every tenant has from the beginning: what an operator says or brings unsigned. It
/// can be revoked like any other.
pub const OPERATOR: &str = "operator";

/// A scanner that a tenant believes, or did.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Its name in the tenant.
    pub name: String,
    /// The key that signs its reports; [`OPERATOR`] has none.
    pub key: Option<PublicKey>,
    /// In what it may report.
    pub formats: Vec<Format>,
    /// Whether it is believed now.
    pub active: bool,
    /// Since when it is on the list.
    pub added_at: Timestamp,
    /// Who put it there.
    pub added_by: String,
    /// When it was revoked last.
    pub revoked_at: Option<Timestamp>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Why the list of scanners stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScannerError {
    /// None of that name.
    #[error("the tenant has no scanner of that name; mcps trust scanner list shows them")]
    Unknown,
    /// Name or key are taken.
    #[error(
        "the tenant has a scanner of that name or with that key; one that was revoked does not come back"
    )]
    Taken,
    /// There are as many as there may be.
    #[error("the tenant has as many scanners as it may have")]
    TooMany,
    /// The built-in one has no key, and any other has one.
    #[error("a scanner has a key and formats, and `operator` neither")]
    Key,
}
