//! Why a token is of no use, and what to do about it. Never with the PIN.

use std::path::PathBuf;

use cryptoki::error::Error;
use mcps_core::trust::KeyUse;

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The vendor's library does not load.
    #[error("cannot load the PKCS#11 module {}: {source}\nname the vendor's shared library with --pkcs11-module", path.display())]
    Module {
        /// Which file.
        path: PathBuf,
        /// What the loader or the module says.
        source: Error,
    },
    /// No token of that label.
    #[error(
        "there is no PKCS#11 token labelled {label:?} (present: {present}); attach it, or name another with --pkcs11-token"
    )]
    Absent {
        /// The label.
        label: String,
        /// The labels of those that are there.
        present: String,
    },
    /// The PIN is wrong. It is not tried a second time.
    #[error(
        "the PKCS#11 token {label:?} refuses the PIN; it is not tried again, since tokens lock after a few: put the right one into the file that --pkcs11-pin-file names, and start again"
    )]
    Pin {
        /// The token's label.
        label: String,
    },
    /// Too many wrong PINs.
    #[error(
        "the PIN of the PKCS#11 token {label:?} is locked; its security officer must set a new one"
    )]
    Locked {
        /// The token's label.
        label: String,
    },
    /// A key of our label that is not on P-256.
    #[error(
        "the PKCS#11 key labelled {label} is not on P-256; make another with that label, or let this program make one"
    )]
    Curve {
        /// Its label.
        label: String,
    },
    /// Two keys where one was expected.
    #[error(
        "the PKCS#11 token {token:?} has more than one key labelled {label}, and no authority was founded yet that says which is its own; give each authority a token"
    )]
    Several {
        /// The token's label.
        token: String,
        /// The keys' label.
        label: String,
    },
    /// A public key whose private half is missing, or that it does not belong to.
    #[error(
        "the PKCS#11 token {token:?} has a public key labelled {label} without the private key to it (same CKA_ID, permitted to sign)"
    )]
    Halves {
        /// The token's label.
        token: String,
        /// The keys' label.
        label: String,
    },
    /// Every session is taken.
    #[error("the PKCS#11 token {label:?} has been busy for 5 s; it is too slow for this load")]
    Busy {
        /// The token's label.
        label: String,
    },
    /// No randomness.
    #[error("the system's random number generator failed")]
    Random,
    /// Whatever else the module says.
    #[error(
        "the PKCS#11 token {label:?} failed ({source}); check that it is attached and that its module's own configuration names it"
    )]
    Failed {
        /// The token's label.
        label: String,
        /// What the module says.
        source: Error,
    },
}

impl TokenError {
    pub(super) fn curve(usage: KeyUse) -> Self {
        Self::Curve {
            label: super::label(usage),
        }
    }

    pub(super) fn several(usage: KeyUse, token: &str) -> Self {
        Self::Several {
            token: token.to_owned(),
            label: super::label(usage),
        }
    }

    pub(super) fn halves(usage: KeyUse, token: &str) -> Self {
        Self::Halves {
            token: token.to_owned(),
            label: super::label(usage),
        }
    }
}
