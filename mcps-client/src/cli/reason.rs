//! Why somebody is cut off.

use clap::ValueEnum;

/// Why (RFC 5280 §5.3.1 names these for certificates).
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Somebody else may have its key: the key is blocked and all its passports end.
    #[value(alias = "key-compromise")]
    KeyCompromise,
    /// Another passport took its place.
    Superseded,
    /// It is no longer in use.
    Cessation,
    /// A rule of yours demands it.
    Policy,
    /// None of these.
    Unspecified,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::Cessation => "cessation",
            Self::Policy => "policy",
            Self::Unspecified => "unspecified",
        }
    }
}
