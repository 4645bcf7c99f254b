//! The beginning of a new epoch, by the root key alone: a restored authority numbers anew, and says
//! how much of the history before it still knows.

use super::member::{digest, key_id, number, only, text, time};
use super::{FeedError, genesis};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Document, Limits, quote};
use crate::signer::Signer;
use crate::statement;
use crate::trust::TrustBundle;

const MEMBERS: [&str; 8] = [
    "authority",
    "chain",
    "epoch",
    "iat",
    "kid",
    "previous_epoch",
    "seq",
    "signature",
];

/// Largest statement, in bytes of its JSON.
const MAX_BYTES: usize = 4096;

/// The beginning of an epoch. One that [`Epoch::verify`] gave was signed by the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The authority's name.
    pub authority: String,
    /// The new epoch; its events are numbered from 1 again.
    pub epoch: u64,
    /// The epoch that it follows.
    pub previous_epoch: u64,
    /// The last event of the previous epoch that the authority still knows; 0 for none.
    pub seq: u64,
    /// The chain of the previous epoch at `seq`.
    pub chain: Digest,
    /// When it was signed.
    pub iat: Timestamp,
}

impl Epoch {
    /// The signed JSON, by the authority's root key.
    ///
    /// # Errors
    /// [`FeedError`] when no follower would read it, or the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, FeedError> {
        let mut json = String::from(r#"{"authority":"#);
        quote(&self.authority, &mut json);
        json.push_str(&format!(
            r#","epoch":{},"previous_epoch":{},"seq":{},"chain":"{}","iat":"{}","kid":"{}"}}"#,
            self.epoch,
            self.previous_epoch,
            self.seq,
            self.chain,
            self.iat,
            signer.public_key().key_id(),
        ));
        read(&Document::parse(json.as_str())?)?;
        let signed = statement::sign(statement::EPOCH, &json, signer);
        signed.map_err(|_| FeedError::Signer)
    }

    /// Reads a statement and believes it only if the root key of `bundle` signed it, or one before it
    /// while it was the root. `bundle` must have been verified ([`TrustBundle::verify`]).
    ///
    /// # Errors
    /// [`FeedError`] saying what is wrong.
    pub fn verify(text_of_statement: &str, bundle: &TrustBundle) -> Result<Self, FeedError> {
        let limits = Limits {
            bytes: MAX_BYTES,
            depth: 4,
        };
        let document = Document::parse_with(text_of_statement.into(), limits)?;
        let epoch = read(&document)?;
        if epoch.authority != bundle.authority() {
            return Err(FeedError::ForeignAuthority);
        }
        let object = document.root().as_object();
        let kid = key_id(object.ok_or(FeedError::Member("epoch"))?, "kid")?;
        let root = bundle.root_at(&kid, epoch.iat);
        let root = root.ok_or(FeedError::ForeignKey)?;
        statement::verify(statement::EPOCH, document.root(), root)
            .map_err(|_| FeedError::BadSignature)?;
        Ok(epoch)
    }

    /// The chain before the new epoch's first event.
    #[must_use]
    pub fn genesis(&self) -> Digest {
        genesis(&self.authority, self.epoch)
    }
}

fn read(document: &Document) -> Result<Epoch, FeedError> {
    let object = document.root().as_object();
    let object = object.ok_or(FeedError::Member("epoch"))?;
    if !only(object, &MEMBERS) {
        return Err(FeedError::UnknownMember);
    }
    let epoch = Epoch {
        authority: text(object, "authority")?,
        epoch: number(object, "epoch", 1)?,
        previous_epoch: number(object, "previous_epoch", 1)?,
        seq: number(object, "seq", 0)?,
        chain: digest(object, "chain")?,
        iat: time(object, "iat")?,
    };
    if epoch.epoch <= epoch.previous_epoch {
        return Err(FeedError::EpochOrder);
    }
    Ok(epoch)
}

#[cfg(test)]
mod tests;
