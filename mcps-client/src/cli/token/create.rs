//! `mcps token create`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mcps_client::authority::AuthorityClient;
use mcps_client::options::duration;
use mcps_core::json::Value;
use mcps_core::passport::Kind;
use serde_json::json;

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine, secret_file};
use super::{Asking, listed, member, name};

/// What `mcps token create` can be told.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Name of the agent or server it is for.
    #[arg(long, required_unless_present = "name_prefix")]
    name: Option<String>,
    /// It is for any name that begins so.
    #[arg(long, value_name = "PREFIX", conflicts_with = "name")]
    name_prefix: Option<String>,
    /// What it is for: an agent, server or gateway.
    #[arg(long, default_value_t = Kind::Agent)]
    kind: Kind,
    /// Who answers for it: a person or a team that can be reached.
    #[arg(long)]
    owner: String,
    /// Where the server lives: scheme, host and, unless it is the usual one, port.
    #[arg(long, value_name = "URI")]
    origin: Option<String>,
    /// Highest trust level of the passport, 0 to 2 [default: the authority's, 1].
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    level: Option<u8>,
    /// Longest life of the passport, as in 30m, 1h or 90d [default: the authority's].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    ttl: Option<Duration>,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Something it may say it can do; may be given up to 64 times.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// How long the token may be used, at most 7d [default: 10m].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    valid_for: Option<Duration>,
    /// Write the token to this new file, mode 0600, and do not print it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Only say what it would entitle to; the authority is asked whether it knows your key.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Create {
    async fn foresee(&self, authority: &AuthorityClient, key: &str) -> Result<(), CliError> {
        authority.operator(key).tokens("?limit=1").await?;
        let prefix = || {
            let prefix = self.name_prefix.as_ref();
            prefix.map_or_else(String::new, |prefix| format!("{prefix}…"))
        };
        let name = self.name.clone().unwrap_or_else(prefix);
        let (level, ttl) = (self.level, self.ttl.map(|ttl| ttl.as_secs()));
        let json = json!({
            "dry_run": true, "authority": authority.url(), "tenant": self.tenant,
            "kind": self.kind.as_str(), "name": self.name, "name_prefix": self.name_prefix,
            "owner": self.owner, "origin": self.origin, "capabilities": self.capabilities,
            "trust_level": level, "ttl_s": ttl,
            "valid_for_s": self.valid_for.map(|time| time.as_secs()),
        });
        let rows = [
            (
                "would entitle",
                format!("{} {name} of {}", self.kind, self.tenant),
            ),
            ("at", authority.url().to_owned()),
            ("owner", self.owner.clone()),
            ("origin", self.origin.clone().unwrap_or_default()),
            ("capabilities", self.capabilities.join(", ")),
            (
                "level",
                level.map_or_else(String::new, |level| format!("up to L{level}")),
            ),
            ("next", "the same without --dry-run".to_owned()),
        ];
        self.output.members(&rows, &json)
    }

    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        if self.dry_run {
            return self.foresee(&authority, &key).await;
        }
        let file_name = self
            .token_file
            .as_ref()
            .map(|path| path.display().to_string());
        let exact_name = self.name.clone();
        // Before there is a token that could not be kept.
        let file = self.token_file.as_deref().map(secret_file::create);
        let file = file.transpose()?;
        let mut grant = json!({
            "tenant": self.tenant,
            "kind": self.kind.as_str(),
            "owner": self.owner,
            "capabilities": self.capabilities,
        });
        let optional = [
            ("name", self.name.map(Into::into)),
            ("name_prefix", self.name_prefix.map(Into::into)),
            ("origin", self.origin.map(Into::into)),
            ("trust_level", self.level.map(Into::into)),
            ("ttl_s", self.ttl.map(|ttl| ttl.as_secs().into())),
            (
                "valid_for_s",
                self.valid_for.map(|time| time.as_secs().into()),
            ),
        ];
        if let Some(members) = grant.as_object_mut() {
            let stated = optional.into_iter();
            members.extend(stated.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        let made = authority.operator(&key).create_token(&grant).await;
        let made = match (made, &self.token_file) {
            (Err(error), Some(path)) => {
                // Empty, it would only be in the way of the next try.
                let _ = std::fs::remove_file(path);
                return Err(error.into());
            }
            (made, _) => made?,
        };
        let root = made.root();
        let mut token = member(root, "token");
        if let (Some(file), Some(path)) = (file, &self.token_file) {
            secret_file::fill(file, path, &token)?;
            token = path.display().to_string();
        }
        if self.output.is_json() {
            let mut json: serde_json::Value = serde_json::from_str(made.text()).unwrap_or_default();
            if let (Some(members), true) = (json.as_object_mut(), self.token_file.is_some()) {
                members.remove("token");
            }
            return output::print(&output::pretty(&json));
        }
        let mut next = format!(
            "mcps passport request --authority {} --enrolment-token-file {} --name {}",
            authority.url(),
            file_name.as_deref().unwrap_or("FILE"),
            exact_name.as_deref().unwrap_or("NAME"),
        );
        if self.kind != Kind::Agent {
            next.push_str(&format!(" --kind {}", self.kind));
        }
        if self.tenant != "default" {
            next.push_str(&format!(" --tenant {}", self.tenant));
        }
        let level = root.get("trust_level").and_then(Value::as_i64);
        output::print(&output::members(&[
            ("token", token),
            ("token id", member(root, "token_id")),
            ("for", format!("{} {}", member(root, "kind"), name(root))),
            ("tenant", member(root, "tenant")),
            ("owner", member(root, "owner")),
            ("origin", member(root, "origin")),
            ("capabilities", listed(root, "capabilities")),
            (
                "level",
                level
                    .map(|level| format!("up to L{level}"))
                    .unwrap_or_default(),
            ),
            ("use it until", member(root, "expires_at")),
            ("next", next),
        ]))
    }
}
