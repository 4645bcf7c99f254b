//! `mcps manifest publish`.

use std::path::PathBuf;

use clap::Args;
use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Limits, Value};
use mcps_core::key::SecretKey;
use mcps_core::manifest::Manifest;
use mcps_core::passport::Passport;
use mcps_core::pin::Server;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use mcps_core::tool::{self, ToolClaims};
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::{CliError, Machine, input, server};

/// Where the tools come from, for `--help`.
const TOOLS: &str = "\
FILE is what the server answers to tools/list: {\"tools\": [...]}, or the whole answer. Every tool that it
may ever show belongs in it; it may show fewer. A version is published once: the same again changes
nothing, and something else is refused and recorded.";

/// What `mcps manifest publish` can be told.
#[derive(Args, Debug)]
#[command(after_help = TOOLS)]
pub(crate) struct Publish {
    /// The server's id, as listed by `mcps server list`.
    #[arg(long, value_name = "ID")]
    server: String,
    /// The file with the tools; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    tools: PathBuf,
    /// The version [default: the one in this home's passport].
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Only sign, and say what would be published.
    #[arg(long)]
    dry_run: bool,
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

/// A manifest and its tools, signed.
struct Signed {
    manifest: Manifest,
    text: String,
    tools: Vec<String>,
}

impl Publish {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = server::id(&self.server)?;
        let home = machine.home()?;
        let (key, passport) = (home.key()?, home.passport()?);
        if key.public_key().key_id() != passport.public_key().key_id() {
            return Err(CliError::OtherKey);
        }
        let version = self
            .version
            .as_deref()
            .unwrap_or_else(|| passport.agent_version());
        let listed = self.listed()?;
        let tools = tools(&listed).ok_or_else(|| CliError::NoTools { what: self.what() })?;
        let signed = sign(tools, &key, &passport, version, machine.clock.now());
        let signed = signed.map_err(|refusal| CliError::Refused {
            what: "list of tools",
            refusal,
        })?;
        let digest = signed.manifest.digest().map_err(ClientError::from)?;
        if self.dry_run {
            let json = json!({
                "dry_run": true, "server_id": id, "version": version,
                "digest": digest.to_string(), "tools": signed.tools.len(),
            });
            let rows = [
                ("would publish", version.to_owned()),
                ("of", signed.manifest.server().to_owned()),
                ("tools", signed.tools.len().to_string()),
                ("digest", digest.to_string()),
                ("next", "the same without --dry-run".to_owned()),
            ];
            return self.output.members(&rows, &json);
        }
        let authority = match &self.authority {
            Some(url) => AuthorityClient::new(url)?,
            None => AuthorityClient::new(&home.authority()?.url)?,
        };
        let published = authority
            .publish(id, passport.id(), &signed.text, &signed.tools)
            .await?;
        if self.output.is_json() {
            return print_json(published.text());
        }
        let member = |name| text_at(published.root(), &[name]);
        output::print(&output::members(&[
            ("published", member("version")),
            ("of", signed.manifest.server().to_owned()),
            ("number", member("number")),
            ("tools", member("tools")),
            ("digest", member("digest")),
            ("at", member("published_at")),
        ]))
    }

    fn what(&self) -> String {
        match self.tools.as_os_str() == "-" {
            true => "standard input".to_owned(),
            false => self.tools.display().to_string(),
        }
    }

    fn listed(&self) -> Result<Document, CliError> {
        let limits = Limits::default();
        let bytes = input::read(&self.tools, limits.bytes)?;
        Document::parse(bytes).map_err(|error| CliError::Refused {
            what: "list of tools",
            refusal: error.into(),
        })
    }
}

/// The tools in an answer to `tools/list`, or in its result.
fn tools(listed: &Document) -> Option<Vec<Value<'_>>> {
    let root = listed.root();
    let result = root.get("result").unwrap_or(root);
    Some(result.get("tools")?.as_array()?.iter().collect())
}

fn sign(
    tools: Vec<Value<'_>>,
    key: &SecretKey,
    passport: &Passport,
    version: &str,
    now: Timestamp,
) -> Result<Signed, Refusal> {
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
    let manifest = Manifest::new(&server, version, &signed)?;
    Ok(Signed {
        text: manifest.sign(key)?,
        manifest,
        tools: texts,
    })
}
