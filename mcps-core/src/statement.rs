//! Any signed JSON object of ours besides messages and passports: signed bytes are the JCS of the
//! object without `signature`, plus `ctx`, which keeps one kind of statement from passing as another.

use crate::digest::{Digest, Hasher};
use crate::jcs::{self, Overlay};
use crate::json::{Document, Value};
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;

/// A signed message of the native carrier.
pub const MESSAGE: &str = "mcps-message-v1";
/// A signed tool definition.
pub const TOOL: &str = "mcps-tool-v1";
/// A server's manifest of tools.
pub const MANIFEST: &str = "mcps-manifest-v1";
/// A revocation status.
pub const STATUS: &str = "mcps-status-v1";
/// An authority's published key set.
pub const TRUST: &str = "mcps-trust-v1";
/// The word of a root key on the next one.
pub const ROOT: &str = "mcps-root-v1";
/// A frame of the revocation feed.
pub const FEED: &str = "mcps-feed-v1";
/// The beginning of an epoch of the revocation feed.
pub const EPOCH: &str = "mcps-epoch-v1";
/// All that is in force at a position of the revocation feed.
pub const SNAPSHOT: &str = "mcps-snapshot-v1";
/// That a follower enforces the revocation feed up to a position.
pub const ACK: &str = "mcps-ack-v1";
/// A record of what was changed at an authority.
pub const AUDIT: &str = "mcps-audit-v1";
/// How far the records go, at an instant.
pub const CHECKPOINT: &str = "mcps-checkpoint-v1";
/// How far a gateway's records of calls go.
pub const RECORDS: &str = "mcps-records-v1";
/// Proof of possession of a key.
pub const PROOF: &str = "mcps-pop-v1";
/// The exchange of a key for another, which both sign.
pub const ROTATION: &str = "mcps-rotation-v1";
/// The word of a key that it is compromised.
pub const COMPROMISE: &str = "mcps-compromise-v1";

/// That evidence holds, for a level and a time.
pub const APPROVAL: &str = "mcps-approval-v1";
/// That a key is an approver's.
pub const APPROVER_KEY: &str = "mcps-approver-key-v1";

/// Why [`sign`] failed when it was not the statement's fault but the key's.
pub const SIGNER_FAILED: &str = "the signer failed";

/// What is signed: SHA-256 of JCS(`object` without `signature`, with `ctx`).
#[must_use]
pub fn digest(ctx: &str, object: Value<'_>) -> Digest {
    let signature = object.get("signature");
    let mut hasher = Hasher::new();
    let overlay = Overlay {
        without: signature.as_slice(),
        with: &[("ctx", ctx)],
    };
    jcs::write_overlaid(object, &overlay, &mut hasher);
    hasher.finish()
}

/// Signs an unsigned JSON object and returns it with `signature` as its last member.
///
/// # Errors
/// [`Refusal::Statement`] when the text is not an object, already has `signature` or `ctx`, or the
/// signer fails.
pub fn sign(ctx: &str, unsigned: &str, signer: &dyn Signer) -> Result<String, Refusal> {
    sign_document(ctx, Document::parse(unsigned)?, signer)
}

/// As [`sign`], for a text that was read already, within limits of its own.
///
/// # Errors
/// As [`sign`].
pub fn sign_document(
    ctx: &str,
    unsigned: Document,
    signer: &dyn Signer,
) -> Result<String, Refusal> {
    let fail = |why| Refusal::Statement {
        what: "statement",
        why,
    };
    let object = unsigned
        .root()
        .as_object()
        .ok_or_else(|| fail("not an object"))?;
    if object.get("signature").is_some() || object.get("ctx").is_some() {
        return Err(fail("`signature` and `ctx` are reserved"));
    }
    let signature = signer
        .sign(&digest(ctx, unsigned.root()))
        .map_err(|_| fail(SIGNER_FAILED))?;
    let comma = if object.is_empty() { "" } else { "," };
    let mut text = unsigned.into_text();
    text.truncate(text.trim_end().len());
    if text.pop() != Some('}') {
        return Err(fail("not an object"));
    }
    text.push_str(&format!(
        r#"{comma}"signature":"{}"}}"#,
        signature.to_base64()
    ));
    Ok(text)
}

/// Verifies `object.signature` by `key` under `ctx`, by the native rules: canonical base64, low S.
///
/// # Errors
/// [`Refusal::BadSignature`] when it is missing or wrong; an object that carries `ctx` itself is
/// refused as malformed.
pub fn verify(ctx: &str, object: Value<'_>, key: &PublicKey) -> Result<(), Refusal> {
    if object.get("ctx").is_some() {
        return Err(Refusal::Statement {
            what: "statement",
            why: "`ctx` is never sent",
        });
    }
    let text = object
        .get("signature")
        .and_then(Value::as_str)
        .ok_or(Refusal::BadSignature)?;
    let signature = Signature::from_base64(&text)?;
    if !signature.is_low_s() {
        return Err(Refusal::BadSignature);
    }
    key.verify(&digest(ctx, object), &signature)
}

#[cfg(test)]
mod tests;
