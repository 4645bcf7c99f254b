//! `mcps trust scanner`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mcps_client::error::ClientError;
use mcps_core::key::PublicKey;
use serde_json::json;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine, input};
use super::in_path;

/// Largest file with a key.
const LIMIT: usize = 16 * 1024;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Scanner {
    /// Have a tenant believe the reports that a scanner signs.
    Add(Add),
    /// List whose scans a tenant believes.
    List(List),
    /// Revoke a scanner: all that leans on it is void at once. `operator` is what operators say or bring
    /// unsigned, and may be revoked and added as well.
    Revoke(Revoke),
}

/// In which tenant.
#[derive(Args, Debug)]
struct Where {
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// What `mcps trust scanner add` can be told.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// What to call it.
    name: String,
    /// File with its public key, P-256 as PEM (openssl ec -in key.pem -pubout); `operator` has none.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// In what it may report: sarif, cyclonedx, mcp-scanner, snyk-agent-scan or in-toto-vulns. May be given
    /// several times.
    #[arg(long = "format", value_name = "FORMAT")]
    formats: Vec<String>,
    /// Only say who would be believed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps trust scanner list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps trust scanner revoke` can be told.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Its name.
    name: String,
    /// Why, for the trail.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only say how many levels would fall.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Scanner {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Revoke(revoke) => revoke.run(machine).await,
        }
    }
}

impl Where {
    fn tenant(&self, name: &str) -> Result<&str, CliError> {
        let sound = in_path(&self.tenant) && in_path(name);
        sound.then_some(self.tenant.as_str()).ok_or(CliError::Needed(
            "a name is letters, digits, `.`, `_` or `-`; a tenant lower-case letters, digits or `-`",
        ))
    }
}

impl Add {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let tenant = self.place.tenant(&self.name)?;
        let mut jwk = None;
        if let Some(path) = &self.public_key {
            let pem = input::read(path, LIMIT)?;
            let key = PublicKey::from_pem(str::from_utf8(&pem).unwrap_or_default());
            let key = key.map_err(|error| ClientError::Content {
                path: path.clone(),
                why: error.to_string(),
            })?;
            jwk = serde_json::from_str::<serde_json::Value>(&key.to_jwk()).ok();
        }
        let asked = json!({ "name": self.name, "formats": self.formats, "public_key": jwk });
        let (authority, operator) = self.asking.open(machine)?;
        let operator = authority.operator(&operator).rehearsing(self.dry_run);
        let added = operator.add_scanner(tenant, &asked).await?;
        if self.output.is_json() {
            return print_json(added.text());
        }
        let member = |name| text_at(added.root(), &[name]);
        let rows = vec![
            ("scanner", member("name")),
            ("key id", member("key_id")),
            ("may report in", self.formats.join(", ")),
            ("state", member("state")),
        ];
        output::print(&output::foreseen(self.dry_run, "add a scanner", rows))
    }
}

impl List {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let tenant = self.place.tenant("operator")?;
        let (authority, operator) = self.asking.open(machine)?;
        let scanners = authority.operator(&operator).scanners(tenant).await?;
        if self.output.is_json() {
            return print_json(scanners.text());
        }
        let rows = items(scanners.root(), "scanners").map(|one| {
            let member = |name| text_at(one, &[name]);
            let formats = one.get("formats").and_then(|all| all.as_array());
            let formats = formats.into_iter().flatten().filter_map(|one| one.as_str());
            let formats: Vec<String> = formats.map(|one| one.into_owned()).collect();
            vec![
                member("name"),
                member("state"),
                formats.join(" "),
                member("key_id"),
                member("revoked_at"),
            ]
        });
        let head = ["SCANNER", "STATE", "FORMATS", "KEY", "REVOKED"];
        output::print(&output::table(&head, rows.collect()))
    }
}

impl Revoke {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let tenant = self.place.tenant(&self.name)?;
        let (authority, operator) = self.asking.open(machine)?;
        let operator = authority.operator(&operator).rehearsing(self.dry_run);
        let revoked = operator.revoke_scanner(tenant, &self.name, self.reason.as_deref());
        let revoked = revoked.await?;
        if self.output.is_json() {
            return print_json(revoked.text());
        }
        let member = |name| text_at(revoked.root(), &[name]);
        let rows = match self.dry_run {
            true => vec![
                ("scanner", member("name")),
                ("levels that fall", member("fallen")),
            ],
            false => vec![
                ("revoked", member("name")),
                ("levels that fell", member("fallen")),
            ],
        };
        output::print(&output::foreseen(self.dry_run, "revoke a scanner", rows))
    }
}
