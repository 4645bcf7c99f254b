//! Signed tool definitions (PROTOCOL.md §5).
//!
//! The whole tool object is signed: name, title, description, both schemas, annotations, icons and
//! whatever a later MCP adds. The signature travels in `_meta["dev.mcps/tool"]`, which is all that
//! [`sign`] writes and [`strip`] takes out again; every other byte of the definition stays.
//!
//! Signed bytes: JCS of `{author_origin, ctx, kid, signed_at, tool_hash, version}`, where
//! `tool_hash` is [`hash`].

mod block;
pub mod diff;
pub mod draft;

#[cfg(test)]
mod tests;

use block::{ADDED_META, Block};

use crate::clock::Timestamp;
use crate::digest::{Digest, Hasher};
use crate::jcs::{self, Overlay};
use crate::json::{Document, Limits, Object, Value};
use crate::key::PublicKey;
use crate::message;
use crate::refusal::Refusal;
use crate::signer::Signer;

/// Where a tool's signature stands in its `_meta`.
pub const BLOCK: &str = "dev.mcps/tool";

/// What the signer says of a tool besides its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolClaims {
    /// The origin of whoever wrote the tool, where that is known.
    pub author_origin: Option<String>,
    /// When it is signed.
    pub signed_at: Timestamp,
    /// The version of the server that offers it, or of the tool.
    pub version: String,
}

/// A tool whose signature was verified. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTool {
    name: String,
    hash: Digest,
    claims: ToolClaims,
}

impl SignedTool {
    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The [`hash`] of its definition: what manifests and pins name.
    #[must_use]
    pub const fn hash(&self) -> &Digest {
        &self.hash
    }

    /// The version it was signed as.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.claims.version
    }

    /// When it was signed.
    #[must_use]
    pub const fn signed_at(&self) -> Timestamp {
        self.claims.signed_at
    }

    /// The origin of its author, as the signer states it.
    #[must_use]
    pub fn author_origin(&self) -> Option<&str> {
        self.claims.author_origin.as_deref()
    }
}

/// SHA-256 of JCS(`tool` without our block, and without the `_meta` that was made to hold it).
/// The same before signing and after, and whether or not the tool is signed.
#[must_use]
pub fn hash(tool: Value<'_>) -> Digest {
    let ours = Placed::find(tool).map(|placed| {
        if placed.alone {
            placed.meta
        } else {
            placed.block
        }
    });
    let mut hasher = Hasher::new();
    let overlay = Overlay {
        without: ours.as_slice(),
        with: &[],
    };
    jcs::write_overlaid(tool, &overlay, &mut hasher);
    hasher.finish()
}

/// Signs a tool and returns its JSON with the block, otherwise byte for byte as it was.
///
/// # Errors
/// [`Refusal::Statement`] when it is no tool, has a block already, or the signer fails.
pub fn sign(tool: Value<'_>, claims: &ToolClaims, signer: &dyn Signer) -> Result<String, Refusal> {
    name(tool)?;
    let (document, object) = (copy(tool)?, malformed("not an object"));
    let tool = document.root().as_object().ok_or(object)?;
    let meta = tool.get("_meta");
    let holder = meta.map(|meta| {
        meta.as_object()
            .ok_or(malformed("`_meta` is not an object"))
    });
    let holder = holder.transpose()?;
    if holder.is_some_and(|meta| meta.get(BLOCK).is_some()) {
        return Err(malformed("signed already"));
    }
    let block = Block::sign(hash(document.root()), claims, signer)?;
    let mut text = document.text().to_owned();
    match holder {
        Some(meta) => message::insert_first(&mut text, meta, BLOCK, &block.to_json(false)),
        None => {
            let made = format!(r#"{{"{BLOCK}":{}}}"#, block.to_json(true));
            message::insert_first(&mut text, tool, "_meta", &made);
        }
    }
    Ok(text)
}

/// Verifies a signed tool by the key of its server's passport, by the native rules: canonical
/// base64, low S. Whether `author_origin` is one to trust is for the caller to say.
///
/// # Errors
/// [`Refusal::Tool`] when it is not signed, not by this key, or not this definition;
/// [`Refusal::Statement`] when the tool or its block is malformed.
pub fn verify(tool: Value<'_>, key: &PublicKey) -> Result<SignedTool, Refusal> {
    let name = name(tool)?;
    let placed = Placed::find(tool).ok_or(Refusal::Tool("not signed"))?;
    let block = Block::read(placed.block)?;
    if placed.made && !placed.alone {
        return Err(Refusal::Tool("`_meta` holds what its signer did not write"));
    }
    let hash = hash(tool);
    block.verify(&hash, key)?;
    let claims = block.into_claims();
    Ok(SignedTool { name, hash, claims })
}

/// Whether a tool has a block of ours, verified or not: its hash does not say what is in there.
#[must_use]
pub fn is_marked(tool: Value<'_>) -> bool {
    Placed::find(tool).is_some()
}

/// The JSON of a tool without our block, as its signer was given it. A tool that has none comes
/// back as it is. What is taken out is not verified.
///
/// # Errors
/// [`Refusal::Json`], which what stands in a parsed document never causes.
pub fn strip(tool: Value<'_>) -> Result<String, Refusal> {
    let document = copy(tool)?;
    let mut text = document.text().to_owned();
    if let Some(placed) = Placed::find(document.root()) {
        let (holder, name) = match document.root().as_object() {
            Some(tool) if placed.alone => (tool, "_meta"),
            _ => (placed.holder, BLOCK),
        };
        if let Some(member) = holder.member(name) {
            message::remove(&mut text, holder, member);
        }
    }
    Ok(text)
}

/// Where the block stands in a tool.
struct Placed<'d> {
    meta: Value<'d>,
    holder: Object<'d>,
    block: Value<'d>,
    /// The block says that `_meta` was made to hold it.
    made: bool,
    /// And nothing else stands in it, so the whole `_meta` is ours.
    alone: bool,
}

impl<'d> Placed<'d> {
    fn find(tool: Value<'d>) -> Option<Self> {
        let meta = tool.get("_meta")?;
        let holder = meta.as_object()?;
        let block = holder.get(BLOCK)?;
        let made = block.get(ADDED_META.0).is_some();
        let alone = made && holder.len() == 1;
        Some(Self {
            meta,
            holder,
            block,
            made,
            alone,
        })
    }
}

fn name(tool: Value<'_>) -> Result<String, Refusal> {
    let name = tool.get("name").and_then(Value::as_str);
    let name = name.filter(|name| !name.is_empty());
    Ok(name.ok_or(malformed("no `name`"))?.into_owned())
}

/// The tool as a document of its own, so that its text can be edited. It has passed the peer's
/// limits where it was read.
fn copy(tool: Value<'_>) -> Result<Document, Refusal> {
    let limits = Limits {
        bytes: usize::MAX,
        depth: usize::MAX,
    };
    Ok(Document::parse_with(tool.raw().into(), limits)?)
}

const fn malformed(why: &'static str) -> Refusal {
    Refusal::Statement { what: "tool", why }
}
