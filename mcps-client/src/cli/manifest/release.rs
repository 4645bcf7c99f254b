//! One version of a server's tools, signed by the key of its home.

use std::path::Path;

use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::json::{Document, Limits, Value};
use mcps_core::key::SecretKey;
use mcps_core::manifest::Manifest;
use mcps_core::passport::{Passport, PassportId};
use mcps_core::pin::Server;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::tool::{self, ToolClaims};

use super::super::{CliError, input};

/// A manifest and its tools, signed.
pub(crate) struct Release {
    passport: PassportId,
    manifest: Manifest,
    digest: Digest,
    text: String,
    tools: Vec<String>,
}

impl Release {
    /// Signs what a file lists, as the server of this home; `version` is that of its passport unless it is
    /// said.
    ///
    /// # Errors
    /// Key and passport that do not belong together, a file that lists no tools.
    pub(crate) fn sign(
        home: &Home,
        file: &Path,
        version: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let (key, passport) = (home.key()?, home.passport()?);
        if key.public_key().key_id() != passport.public_key().key_id() {
            return Err(CliError::OtherKey);
        }
        let version = version.unwrap_or_else(|| passport.agent_version());
        let refused = |refusal| CliError::Refused {
            what: "list of tools",
            refusal,
        };
        let limits = Limits::default();
        let listed = Document::parse(input::read(file, limits.bytes)?);
        let listed = listed.map_err(|error| refused(error.into()))?;
        let listed = tools(&listed).ok_or_else(|| CliError::NoTools { what: what(file) })?;
        let (manifest, tools) = signed(listed, &key, &passport, version, now).map_err(refused)?;
        Ok(Self {
            passport: passport.id().clone(),
            digest: manifest.digest().map_err(ClientError::from)?,
            text: manifest.sign(&key).map_err(refused)?,
            manifest,
            tools,
        })
    }

    /// Publishes it as of the registered server `id`.
    pub(crate) async fn publish(
        &self,
        authority: &AuthorityClient,
        id: &str,
    ) -> Result<Document, ClientError> {
        let published = authority.publish(id, &self.passport, &self.text, &self.tools);
        published.await
    }

    /// As what the server is known to its callers.
    pub(crate) fn server(&self) -> &str {
        self.manifest.server()
    }

    /// The version.
    pub(crate) fn version(&self) -> &str {
        self.manifest.version()
    }

    /// The digest of what it says.
    pub(crate) const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many tools there are.
    pub(crate) const fn count(&self) -> usize {
        self.tools.len()
    }
}

fn what(file: &Path) -> String {
    match file.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => file.display().to_string(),
    }
}

/// The tools in an answer to `tools/list`, or in its result.
fn tools(listed: &Document) -> Option<Vec<Value<'_>>> {
    let root = listed.root();
    let result = root.get("result").unwrap_or(root);
    Some(result.get("tools")?.as_array()?.iter().collect())
}

fn signed(
    tools: Vec<Value<'_>>,
    key: &SecretKey,
    passport: &Passport,
    version: &str,
    now: Timestamp,
) -> Result<(Manifest, Vec<String>), Refusal> {
    let claims = ToolClaims {
        author_origin: passport.origin().map(str::to_owned),
        signed_at: now,
        version: version.to_owned(),
    };
    let (mut texts, mut signed) = (Vec::new(), Vec::new());
    for listed in tools {
        // It may come from a server behind `mcps-wrap`, which signed it as it was listed.
        let bare = Document::parse(tool::strip(listed)?)?;
        let text = tool::sign(bare.root(), &claims, key)?;
        let document = Document::parse(text.as_str())?;
        signed.push(tool::verify(document.root(), key.public_key())?);
        texts.push(text);
    }
    let server = Server::of(passport).to_string();
    Ok((Manifest::new(&server, version, &signed)?, texts))
}
