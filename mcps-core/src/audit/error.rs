//! Why a record or a checkpoint was refused.

use crate::feed::FeedError;

/// Why a record or a checkpoint was refused. Content is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It is not of its form.
    #[error(transparent)]
    Form(#[from] FeedError),
    /// It has a member that this version does not know.
    #[error("it has a member that is not known here")]
    UnknownMember,
    /// It speaks for another authority.
    #[error("it speaks for another authority")]
    ForeignAuthority,
    /// Signed by a key that the key set does not have for this.
    #[error("it names a key that is not one of the authority's audit keys")]
    ForeignKey,
    /// The signature does not fit.
    #[error("its content is not what was signed")]
    BadSignature,
    /// The signer failed.
    #[error("the audit key does not sign")]
    Signer,
}
