//! Incident response from outside: webhooks that suspend and revoke.
//!
//! A source is somebody's signing key, and what whoever has that key may do: at most its ceiling,
//! in its tenant, so often an hour. Bytes are verified before they are parsed ([`signature`]); what
//! they ask for is read by the source's mapping ([`mapping`]).

pub mod mapping;
pub mod signature;

use std::fmt;

use mapping::Mapping;
use signature::Verifier;

/// The most that a source may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ceiling {
    /// Be recorded.
    Observe,
    /// Suspend.
    Suspend,
    /// Revoke for good.
    Revoke,
}

impl Ceiling {
    /// `observe`, `suspend` or `revoke`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suspend => "suspend",
            Self::Revoke => "revoke",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Observe, Self::Suspend, Self::Revoke]
            .into_iter()
            .find(|own| own.as_str() == text)
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One source.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name, the last part of its URL.
    pub name: String,
    /// Who signs.
    pub verifier: Verifier,
    /// The most that it may do.
    pub ceiling: Ceiling,
    /// The only tenant that it reaches; all when there is none.
    pub tenant: Option<String>,
    /// How many orders an hour are carried out.
    pub per_hour: i64,
    /// How its reports are read; `None` for those that are written in our own form.
    pub mapping: Option<Mapping>,
}
