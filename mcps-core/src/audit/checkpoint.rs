//! How far the records go at an instant. Whoever keeps one elsewhere sees when the end was cut off.

use super::record::audit_key;
use super::{AuditError, LANES};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::feed::FeedError;
use crate::feed::member::{digest, key_id, number, only, text, time};
use crate::json::{Document, Limits, Value, quote};
use crate::signer::Signer;
use crate::statement;
use crate::trust::TrustBundle;

const MEMBERS: [&str; 6] = ["at", "authority", "kid", "lanes", "number", "signature"];
const LANE_MEMBERS: [&str; 2] = ["digest", "seq"];
const MAX_BYTES: usize = 4096;

/// How far the records go. One that [`Checkpoint::verify`] gave was signed by a good audit key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The authority's name.
    pub authority: String,
    /// Counts up from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Of each lane in order: the number of its last record, 0 before the first, and its digest.
    pub lanes: Vec<(u64, Digest)>,
}

impl Checkpoint {
    /// The signed JSON.
    ///
    /// # Errors
    /// [`AuditError`] when nobody would read it, or the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, AuditError> {
        let mut json = format!(r#"{{"number":{},"authority":"#, self.number);
        quote(&self.authority, &mut json);
        let lanes = self.lanes.iter();
        let lanes = lanes.map(|(seq, digest)| format!(r#"{{"seq":{seq},"digest":"{digest}"}}"#));
        let lanes: Vec<String> = lanes.collect();
        json.push_str(&format!(
            r#","at":"{}","lanes":[{}],"kid":"{}"}}"#,
            self.at,
            lanes.join(","),
            signer.public_key().key_id()
        ));
        read(&parse(&json)?)?;
        statement::sign(statement::CHECKPOINT, &json, signer).map_err(|_| AuditError::Signer)
    }

    /// Reads a checkpoint and believes it only if a good audit key of `bundle` signed it; one that
    /// was revoked vouches for nothing.
    ///
    /// # Errors
    /// [`AuditError`] saying what is wrong.
    pub fn verify(text_of_checkpoint: &str, bundle: &TrustBundle) -> Result<Self, AuditError> {
        let document = parse(text_of_checkpoint)?;
        let checkpoint = read(&document)?;
        if checkpoint.authority != bundle.authority() {
            return Err(AuditError::ForeignAuthority);
        }
        let object = document.root().as_object();
        let kid = key_id(object.ok_or(FeedError::Member("checkpoint"))?, "kid")?;
        let (key, revoked) = audit_key(bundle, &kid)?;
        if revoked {
            return Err(AuditError::ForeignKey);
        }
        statement::verify(statement::CHECKPOINT, document.root(), key)
            .map_err(|_| AuditError::BadSignature)?;
        Ok(checkpoint)
    }
}

fn parse(json: &str) -> Result<Document, AuditError> {
    let limits = Limits {
        bytes: MAX_BYTES,
        depth: 4,
    };
    let document = Document::parse_with(json.into(), limits);
    Ok(document.map_err(FeedError::Json)?)
}

fn read(document: &Document) -> Result<Checkpoint, AuditError> {
    let object = document.root().as_object();
    let object = object.ok_or(FeedError::Member("checkpoint"))?;
    if !only(object, &MEMBERS) {
        return Err(AuditError::UnknownMember);
    }
    let wrong = || FeedError::Member("lanes");
    let lanes = object.get("lanes").and_then(Value::as_array);
    let lanes = lanes.ok_or_else(wrong)?.into_iter().map(|lane| {
        let lane = lane.as_object().ok_or_else(wrong)?;
        if !only(lane, &LANE_MEMBERS) {
            return Err(AuditError::UnknownMember);
        }
        Ok((number(lane, "seq", 0)?, digest(lane, "digest")?))
    });
    let lanes: Vec<(u64, Digest)> = lanes.collect::<Result<_, AuditError>>()?;
    if u64::try_from(lanes.len()) != Ok(LANES) {
        return Err(wrong().into());
    }
    Ok(Checkpoint {
        authority: text(object, "authority")?,
        number: number(object, "number", 1)?,
        at: time(object, "at")?,
        lanes,
    })
}
