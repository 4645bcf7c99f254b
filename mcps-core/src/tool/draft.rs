//! Tool signatures as draft-00 peers make them: four members of the tool, no context, no key id.
//!
//! Found by calling the live peer (PyPI `mcps-secure` 1.0.0): the signature is over
//! JCS{author_origin, description, inputSchema, name}, and `tool_hash` is the SHA-256 of those same
//! bytes. `author_origin` is `null` when none is given, and an `inputSchema` that the tool lacks
//! counts as `{}`. Title, output schema, annotations and icons are not covered, so this proves less
//! than [`super::verify`] and never stands in for it.

use crate::digest::{Digest, Hasher};
use crate::jcs;
use crate::json::{Value, quote};
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;

use super::{malformed, name};

#[cfg(test)]
mod tests;

/// What draft-00 says of a tool beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftSignature {
    /// Over the four members.
    pub signature: Signature,
    /// SHA-256 of the bytes that are signed; what draft-00 peers pin.
    pub tool_hash: Digest,
}

/// The hash that draft-00 signs and pins. A tool without a description, on which the peer's own
/// functions fail, hashes as one whose description is `null`.
///
/// # Errors
/// [`Refusal::Statement`] when it is no object with a name.
pub fn hash(tool: Value<'_>, author_origin: Option<&str>) -> Result<Digest, Refusal> {
    let (mut origin, mut its_name) = (String::new(), String::new());
    match author_origin {
        Some(author_origin) => quote(author_origin, &mut origin),
        None => origin.push_str("null"),
    }
    quote(&name(tool)?, &mut its_name);
    let mut hasher = Hasher::new();
    hasher.put(br#"{"author_origin":"#);
    hasher.put(origin.as_bytes());
    for (member, absent) in [("description", "null"), ("inputSchema", "{}")] {
        hasher.put(format!(r#","{member}":"#).as_bytes());
        match tool.get(member) {
            Some(value) => jcs::write(value, &mut hasher),
            None => hasher.put(absent.as_bytes()),
        }
    }
    hasher.put(br#","name":"#);
    hasher.put(its_name.as_bytes());
    hasher.put(b"}");
    Ok(hasher.finish())
}

/// Signs a tool as draft-00 does.
///
/// # Errors
/// [`Refusal::Statement`] when it is no object with a name, or the signer fails.
pub fn sign(
    tool: Value<'_>,
    author_origin: Option<&str>,
    signer: &dyn Signer,
) -> Result<DraftSignature, Refusal> {
    let tool_hash = hash(tool, author_origin)?;
    let signature = signer.sign(&tool_hash);
    Ok(DraftSignature {
        signature: signature.map_err(|_| malformed("the signer failed"))?,
        tool_hash,
    })
}

/// Verifies a draft-00 signature and gives the draft's hash. High S is accepted, as the peer does.
///
/// # Errors
/// [`Refusal::Tool`] when it is not one by this key over this tool; [`Refusal::Statement`] when
/// the tool is no object with a name.
pub fn verify(
    tool: Value<'_>,
    author_origin: Option<&str>,
    signature: &str,
    key: &PublicKey,
) -> Result<Digest, Refusal> {
    let tool_hash = hash(tool, author_origin)?;
    let verified =
        Signature::from_base64(signature).and_then(|signature| key.verify(&tool_hash, &signature));
    verified.map_err(|_| Refusal::Tool("draft-00 signature does not verify"))?;
    Ok(tool_hash)
}
