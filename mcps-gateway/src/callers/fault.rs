//! Why nobody is recognised.

use mcps_core::code::Code;

/// Why what came in `Authorization` is not good. Nothing of it is ever repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is none, or none that is good here and now.
    #[error("{0}")]
    Invalid(&'static str),
    /// It may be good, and nobody here can tell.
    #[error("the keys of its issuer cannot be had, or are too old")]
    Unreachable,
    /// It is good, and lacks a scope that is wanted here.
    #[error("it lacks a scope that `scopes` of its issuer names")]
    Scope,
    /// It is good, and its claims name no tenant.
    #[error("no tenant belongs to what its claims say")]
    NoTenant,
}

impl Fault {
    /// What the caller is told.
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidCredential,
            Self::Unreachable => Code::IssuerUnreachable,
            Self::Scope => Code::InsufficientScope,
            Self::NoTenant => Code::Denied,
        }
    }

    /// Which rule a record and the log name.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Invalid(_) => "credential",
            Self::Unreachable => "credential.issuer",
            Self::Scope => "credential.scope",
            Self::NoTenant => "tenant",
        }
    }
}
