//! `mcps manifest publish`.

use std::path::PathBuf;

use clap::Args;
use mcps_client::authority::AuthorityClient;
use serde_json::json;

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::{CliError, Machine, server};
use super::release::Release;

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

impl Publish {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let id = server::id(&self.server)?;
        let home = machine.home()?;
        let now = machine.clock.now();
        let release = Release::sign(&home, &self.tools, self.version.as_deref(), now)?;
        if self.dry_run {
            let json = json!({
                "dry_run": true, "server_id": id, "version": release.version(),
                "digest": release.digest().to_string(), "tools": release.count(),
            });
            let rows = [
                ("would publish", release.version().to_owned()),
                ("of", release.server().to_owned()),
                ("tools", release.count().to_string()),
                ("digest", release.digest().to_string()),
                ("next", "the same without --dry-run".to_owned()),
            ];
            return self.output.members(&rows, &json);
        }
        let authority = match &self.authority {
            Some(url) => AuthorityClient::new(url)?,
            None => AuthorityClient::new(&home.authority()?.url)?,
        };
        let published = release.publish(&authority, id).await?;
        if self.output.is_json() {
            return print_json(published.text());
        }
        let member = |name| text_at(published.root(), &[name]);
        output::print(&output::members(&[
            ("published", member("version")),
            ("of", release.server().to_owned()),
            ("number", member("number")),
            ("tools", member("tools")),
            ("digest", member("digest")),
            ("at", member("published_at")),
        ]))
    }
}
