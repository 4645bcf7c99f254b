//! A server's manifest: every tool it may show, by name and hash, signed (PROTOCOL.md §5).
//!
//! What `tools/list` shows varies with the client, so a subset is fine. A tool that is not named,
//! or whose definition is another, is refused.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::json::{Document, Object, Value, quote};
use crate::key::PublicKey;
use crate::refusal::Refusal;
use crate::signer::Signer;
use crate::statement;
use crate::tool::SignedTool;

#[cfg(test)]
mod tests;

/// Most tools in one manifest.
pub const MAX_TOOLS: usize = 10_000;

const MEMBERS: [&str; 4] = ["server", "signature", "tools", "version"];

/// The tools that one version of one server may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    server: String,
    version: String,
    tools: BTreeMap<String, Digest>,
}

impl Manifest {
    /// From the signed tools of a server, which is named by [`crate::pin::Server::of`] its
    /// passport.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when two tools have one name, or there are more than [`MAX_TOOLS`].
    pub fn new<'a>(
        server: &str,
        version: &str,
        tools: impl IntoIterator<Item = &'a SignedTool>,
    ) -> Result<Self, Refusal> {
        let tools = tools
            .into_iter()
            .map(|tool| Ok((tool.name().to_owned(), *tool.hash())));
        Ok(Self {
            server: server.to_owned(),
            version: version.to_owned(),
            tools: collect(tools)?,
        })
    }

    /// The signed JSON, tools in order of their names.
    ///
    /// # Errors
    /// [`Refusal::Statement`] when the signer fails.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Refusal> {
        statement::sign(statement::MANIFEST, &self.to_json(), signer)
    }

    /// What it says, in one number: the same whoever signed it, when, and in which order its tools
    /// were written. Of one that [`Manifest::sign`] wrote it is what was signed.
    ///
    /// # Errors
    /// [`Refusal::Json`], which what was read already never causes.
    pub fn digest(&self) -> Result<Digest, Refusal> {
        let document = Document::parse(self.to_json())?;
        Ok(statement::digest(statement::MANIFEST, document.root()))
    }

    fn to_json(&self) -> String {
        let mut text = String::from(r#"{"server":"#);
        quote(&self.server, &mut text);
        text.push_str(r#","tools":["#);
        let mut separator = "";
        for (name, hash) in &self.tools {
            text.push_str(&format!(r#"{separator}{{"hash":"{hash}","name":"#));
            quote(name, &mut text);
            text.push('}');
            separator = ",";
        }
        text.push_str(r#"],"version":"#);
        quote(&self.version, &mut text);
        text.push('}');
        text
    }

    /// Reads a manifest that `key` signed for `server`. There is no way to one that is not
    /// verified.
    ///
    /// # Errors
    /// [`Refusal::Tool`] when the signature does not verify or it is another server's;
    /// [`Refusal::Statement`] when it is malformed.
    pub fn verify(manifest: Value<'_>, server: &str, key: &PublicKey) -> Result<Self, Refusal> {
        exactly(manifest, MEMBERS)?;
        statement::verify(statement::MANIFEST, manifest, key)
            .map_err(|_| Refusal::Tool("the manifest's signature does not verify"))?;
        let read = Self::read(manifest)?;
        if read.server != server {
            return Err(Refusal::Tool("the manifest of another server"));
        }
        Ok(read)
    }

    /// Reads a manifest that says what this [`Manifest::digest`] is of, which an authority vouches for.
    ///
    /// # Errors
    /// [`Refusal::Tool`] when it says something else; [`Refusal::Statement`] when it is malformed.
    pub fn vouched(manifest: Value<'_>, digest: &Digest) -> Result<Self, Refusal> {
        let read = Self::read(manifest)?;
        match read.digest()? == *digest {
            true => Ok(read),
            false => Err(Refusal::Tool("another manifest than was told of")),
        }
    }

    fn read(manifest: Value<'_>) -> Result<Self, Refusal> {
        let object = exactly(manifest, MEMBERS)?;
        let tools = object.get("tools").and_then(Value::as_array);
        let tools = tools.ok_or(malformed("`tools`"))?.iter().map(|entry| {
            let entry = exactly(entry, ["hash", "name"])?;
            let hash = Digest::from_hex(&text(entry, "hash")?).ok_or(malformed("`hash`"))?;
            Ok((text(entry, "name")?, hash))
        });
        Ok(Self {
            server: text(object, "server")?,
            version: text(object, "version")?,
            tools: collect(tools)?,
        })
    }

    /// Whether the server may show a tool with this name and this [`crate::tool::hash`].
    ///
    /// # Errors
    /// [`Refusal::Tool`] for an addition and for a changed definition.
    pub fn allows(&self, name: &str, hash: &Digest) -> Result<(), Refusal> {
        match self.tools.get(name) {
            Some(named) if named == hash => Ok(()),
            Some(_) => Err(Refusal::Tool("not the definition that the manifest names")),
            None => Err(Refusal::Tool("not in the server's manifest")),
        }
    }

    /// The server, as [`crate::pin::Server`] names it.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Names and hashes, in order of the names.
    pub fn tools(&self) -> impl Iterator<Item = (&str, &Digest)> {
        self.tools.iter().map(|(name, hash)| (name.as_str(), hash))
    }
}

fn collect(
    tools: impl Iterator<Item = Result<(String, Digest), Refusal>>,
) -> Result<BTreeMap<String, Digest>, Refusal> {
    let mut all = BTreeMap::new();
    for tool in tools {
        let (name, hash) = tool?;
        if all.insert(name, hash).is_some() {
            return Err(malformed("two tools with one name"));
        }
        if all.len() > MAX_TOOLS {
            return Err(malformed("too many tools"));
        }
    }
    Ok(all)
}

/// The object with these members and no others.
fn exactly<'d, const N: usize>(value: Value<'d>, names: [&str; N]) -> Result<Object<'d>, Refusal> {
    let object = value.as_object().ok_or(malformed("not an object"))?;
    let whole = object.len() == N && names.iter().all(|name| object.get(name).is_some());
    whole
        .then_some(object)
        .ok_or(malformed("members missing or unknown"))
}

fn text(object: Object<'_>, name: &str) -> Result<String, Refusal> {
    let text = object.get(name).and_then(Value::as_str);
    Ok(text
        .ok_or(malformed("a member is not a string"))?
        .into_owned())
}

const fn malformed(why: &'static str) -> Refusal {
    Refusal::Statement {
        what: "manifest",
        why,
    }
}
