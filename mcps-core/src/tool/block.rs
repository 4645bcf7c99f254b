//! The signature block of a tool: its members, what of them is signed, and how it is written.

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Object, Value, quote};
use crate::key::{KeyId, PublicKey};
use crate::refusal::Refusal;
use crate::signature::Signature;
use crate::signer::Signer;
use crate::statement;

use super::{ToolClaims, malformed};

/// The member that says that `_meta` was made to hold the block, and its one value.
pub(super) const ADDED_META: (&str, &str) = ("added", r#"["_meta"]"#);

const MEMBERS: [&str; 7] = [
    "added",
    "author_origin",
    "hash",
    "kid",
    "signature",
    "signed_at",
    "version",
];

pub(super) struct Block {
    claims: ToolClaims,
    /// As it is written, which is what is signed.
    signed_at: String,
    kid: KeyId,
    hash: Digest,
    signature: Signature,
}

impl Block {
    pub(super) fn sign(
        hash: Digest,
        claims: &ToolClaims,
        signer: &dyn Signer,
    ) -> Result<Self, Refusal> {
        let mut block = Self {
            claims: claims.clone(),
            signed_at: claims.signed_at.to_string(),
            kid: signer.public_key().key_id().clone(),
            hash,
            signature: Signature::from_bytes([0; 64]),
        };
        let signed = signer.sign(&block.digest(&hash));
        block.signature = signed.map_err(|_| malformed("the signer failed"))?;
        Ok(block)
    }

    /// Reads a block; unknown members refuse it, because nothing signs them.
    pub(super) fn read(block: Value<'_>) -> Result<Self, Refusal> {
        let object = block.as_object().ok_or(malformed("block: not an object"))?;
        let known = |name: &str| MEMBERS.contains(&name);
        if !object.iter().all(|member| known(&member.name())) {
            return Err(malformed("block: unknown member"));
        }
        if object
            .get("added")
            .is_some_and(|added| !is_meta_alone(added))
        {
            return Err(malformed("block: `added`"));
        }
        let author_origin = object
            .get("author_origin")
            .ok_or(malformed("block: no `author_origin`"))?;
        let author_origin = match author_origin.as_str() {
            Some(origin) => Some(origin.into_owned()),
            None if author_origin.is_null() => None,
            None => return Err(malformed("block: `author_origin`")),
        };
        let signed_at = text(object, "signed_at").ok_or(malformed("block: `signed_at`"))?;
        let instant =
            Timestamp::parse_rfc3339(&signed_at).ok_or(malformed("block: `signed_at`"))?;
        let kid = text(object, "kid").and_then(|kid| KeyId::parse(&kid));
        let hash = text(object, "hash").and_then(|hash| Digest::from_hex(&hash));
        let signature = text(object, "signature").ok_or(malformed("block: `signature`"))?;
        Ok(Self {
            claims: ToolClaims {
                author_origin,
                signed_at: instant,
                version: text(object, "version").ok_or(malformed("block: `version`"))?,
            },
            signed_at,
            kid: kid.ok_or(malformed("block: `kid`"))?,
            hash: hash.ok_or(malformed("block: `hash`"))?,
            signature: Signature::from_base64(&signature).map_err(|_| WRONG)?,
        })
    }

    /// Whether this block signs a definition with this hash, by this key.
    pub(super) fn verify(&self, hash: &Digest, key: &PublicKey) -> Result<(), Refusal> {
        if self.kid != *key.key_id() {
            return Err(Refusal::Tool("signed by another key"));
        }
        if self.hash != *hash {
            return Err(Refusal::Tool("not the definition that was signed"));
        }
        if !self.signature.is_low_s() {
            return Err(WRONG);
        }
        let verified = key.verify(&self.digest(hash), &self.signature);
        verified.map_err(|_| WRONG)
    }

    pub(super) fn into_claims(self) -> ToolClaims {
        self.claims
    }

    /// The block as JSON, in canonical form.
    pub(super) fn to_json(&self, made_meta: bool) -> String {
        let (name, value) = ADDED_META;
        let mut out = String::with_capacity(384);
        out.push('{');
        if made_meta {
            out.push_str(&format!(r#""{name}":{value},"#));
        }
        self.push_origin(&mut out);
        let signature = self.signature.to_base64();
        out.push_str(&format!(
            r#","hash":"{}","kid":"{}","signature":"{signature}""#,
            self.hash, self.kid,
        ));
        self.push_rest(&mut out, None);
        out
    }

    /// SHA-256 of JCS{author_origin, ctx, kid, signed_at, tool_hash, version}.
    fn digest(&self, hash: &Digest) -> Digest {
        let mut signed = String::with_capacity(384);
        signed.push('{');
        self.push_origin(&mut signed);
        signed.push_str(&format!(
            r#","ctx":"{}","kid":"{}""#,
            statement::TOOL,
            self.kid
        ));
        self.push_rest(&mut signed, Some(hash));
        Digest::of(signed.as_bytes())
    }

    fn push_origin(&self, out: &mut String) {
        out.push_str(r#""author_origin":"#);
        match &self.claims.author_origin {
            Some(origin) => quote(origin, out),
            None => out.push_str("null"),
        }
    }

    fn push_rest(&self, out: &mut String, tool_hash: Option<&Digest>) {
        out.push_str(r#","signed_at":"#);
        quote(&self.signed_at, out);
        if let Some(hash) = tool_hash {
            out.push_str(&format!(r#","tool_hash":"{hash}""#));
        }
        out.push_str(r#","version":"#);
        quote(&self.claims.version, out);
        out.push('}');
    }
}

const WRONG: Refusal = Refusal::Tool("signature does not verify");

/// Whether this is `["_meta"]`.
fn is_meta_alone(added: Value<'_>) -> bool {
    let list = added.as_array().filter(|list| list.len() == 1);
    let only = list.and_then(|list| list.get(0)?.as_str());
    only.as_deref() == Some("_meta")
}

fn text(object: Object<'_>, name: &str) -> Option<String> {
    Some(object.get(name)?.as_str()?.into_owned())
}
