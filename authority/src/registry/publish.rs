//! What has to hold before a manifest is published.

use mcps_core::digest::Digest;
use mcps_core::json::{Document, Limits};
use mcps_core::manifest::Manifest;
use mcps_core::passport::{Kind, Passport, PassportId};
use mcps_core::pin::Server;
use mcps_core::status::State;
use mcps_core::tool;

use crate::authority::Authority;
use crate::error::Error;
use crate::store::{Record, ServerRecord};
use crate::subject::ManifestVersion;

/// Deepest nesting of a tool's definition.
const DEPTH: usize = 64;

/// A manifest whose signatures were verified: its own and those of all its tools.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version.
    pub version: ManifestVersion,
    /// SHA-256 of what it says.
    pub digest: Digest,
    /// The signed manifest, byte for byte.
    pub manifest: String,
    /// The signed tools in the order of their names, as `{"tools":[…]}`.
    pub tools: String,
    /// How many.
    pub tool_count: usize,
    /// By whose key.
    pub passport_id: PassportId,
}

impl Published {
    /// Verifies a manifest and the tools that it names, no more and no fewer, by the passport's key.
    ///
    /// # Errors
    /// [`Error::ManifestRefused`] when a signature does not hold or it is another server's,
    /// [`Error::Invalid`] for what it names and does not bring, or brings and does not name.
    pub fn verify(manifest: &str, tools: &[&str], publisher: &Passport) -> Result<Self, Error> {
        let key = publisher.public_key();
        let document = Document::parse(manifest)?;
        let server = Server::of(publisher).to_string();
        let read = Manifest::verify(document.root(), &server, key);
        let read = read.map_err(Error::ManifestRefused)?;
        let version = ManifestVersion::try_from(read.version().to_owned()).map_err(|why| {
            let member = "manifest.version";
            Error::Invalid { member, why }
        })?;
        let limits = Limits {
            depth: DEPTH,
            ..Limits::default()
        };
        let mut signed = Vec::with_capacity(tools.len());
        for text in tools {
            let document = Document::parse_with((*text).into(), limits)?;
            let tool = tool::verify(document.root(), key).map_err(Error::ManifestRefused)?;
            let allowed = read.allows(tool.name(), tool.hash());
            allowed.map_err(Error::ManifestRefused)?;
            signed.push((tool.name().to_owned(), *text));
        }
        // All are named, and no name is there twice: then as many are there as are named.
        signed.sort_unstable();
        let twice = signed
            .windows(2)
            .any(|pair| matches!(pair, [one, two] if one.0 == two.0));
        if twice || signed.len() != read.tools().count() {
            return Err(Error::Invalid {
                member: "tools",
                why: "must hold every tool that the manifest names, once",
            });
        }
        let texts: Vec<&str> = signed.iter().map(|(_, text)| *text).collect();
        Ok(Self {
            version,
            digest: read.digest().map_err(Error::ManifestRefused)?,
            manifest: manifest.to_owned(),
            tools: format!(r#"{{"tools":[{}]}}"#, texts.join(",")),
            tool_count: texts.len(),
            passport_id: publisher.id().clone(),
        })
    }
}

/// The passport of a server's publisher, if it is live and the very server's.
///
/// # Errors
/// [`Error::PassportNotFound`], [`Error::NotPublisher`] with what does not fit.
pub async fn live_publisher(
    authority: &Authority,
    server: &ServerRecord,
    id: &PassportId,
) -> Result<Passport, Error> {
    let record = authority.issued(id).await?;
    let standing = authority.judged(&record, authority.now()).await?;
    match standing.state {
        State::Good => {}
        State::Expired => return Err(Error::NotPublisher("has expired; renew it")),
        _ => return Err(Error::NotPublisher("is revoked or held back")),
    }
    belongs(&record, server)?;
    record.passport().map_err(Error::Stored)
}

fn belongs(record: &Record, server: &ServerRecord) -> Result<(), Error> {
    let why = if record.kind != Kind::Server {
        "is not a server's"
    } else if record.tenant != server.tenant || record.name != server.name {
        "is another server's: tenant and name must be those that are registered"
    } else if record.origin != server.origin {
        "states another origin than the one that is registered"
    } else if record.owner != server.owner {
        "states another owner than the one that is registered"
    } else {
        return Ok(());
    };
    Err(Error::NotPublisher(why))
}
