//! `mcps passport request`.

use std::time::Duration;

use clap::Args;
use mcps_client::authority::{AuthorityClient, PassportRequest};
use mcps_client::enrol;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::options::duration;
use mcps_core::key::KeyId;
use mcps_core::passport::Kind;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer as _;
use serde_json::json;

use super::super::operator::{OperatorOptions, TokenOptions};
use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine, keygen};
use super::ca::CaOptions;
use super::{describe, show};

/// What `mcps passport request` can be told.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// Address of the trust authority.
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: String,
    /// Name of the agent or server, unique in its tenant.
    #[arg(long)]
    name: String,
    /// Its version.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    version: String,
    /// What it is: agent, server or gateway.
    #[arg(long, default_value_t = Kind::Agent)]
    kind: Kind,
    /// Who answers for it: a person or a team that can be reached. An enrolment token says so
    /// already.
    #[arg(long)]
    owner: Option<String>,
    /// Where a server lives: scheme, host and, unless it is the usual one, port.
    #[arg(long, value_name = "URI")]
    origin: Option<String>,
    /// Trust level that the operator decides on, 0 to 2 [default: the token's or the authority's, 1].
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    level: Option<u8>,
    /// How long it is to be good, as in 30m, 1h or 90d [default: the token's or the authority's].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    ttl: Option<Duration>,
    /// The tenant to belong to.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The authority's root key id, if its operator has told you [default: trusted on first use].
    #[arg(long, value_name = "KEYID", allow_hyphen_values = true, value_parser = key_id)]
    root: Option<KeyId>,
    /// Something it says it can do; may be given up to 64 times.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Only say what would be asked for, and of whom; nothing is made, and no token is used up.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(flatten)]
    output: OutputOptions,
    // Last: its heading in the help holds for all that follows.
    #[command(flatten)]
    ca: CaOptions,
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| {
        "a key id is 43 characters of base64url, as the authority prints it".to_owned()
    })
}

impl Request {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (credential, is_token) = self.token.credential(&self.operator, machine)?;
        if !is_token && self.owner.is_none() {
            return Err(CliError::NoOwner);
        }
        let home = machine.home()?;
        let authority = AuthorityClient::of_home(&self.authority, &home)?;
        if self.dry_run {
            return self.foresee(&home, &authority).await;
        }
        let first_use =
            self.root.is_none() && !home.authority().is_ok_and(|pin| pin.url == authority.url());
        ensure_key(&home, machine)?;
        let request = PassportRequest {
            tenant: self.tenant,
            name: self.name,
            version: self.version,
            kind: self.kind,
            owner: self.owner,
            origin: self.origin,
            capabilities: self.capabilities,
            trust_level: self.level,
            ttl_s: self.ttl.map(|ttl| ttl.as_secs()),
            ca: self.ca.json(),
        };
        let issued =
            enrol::request(&home, &authority, self.root.as_ref(), &credential, &request).await;
        let passport = issued.map_err(|error| other_root(error, &authority))?;
        if first_use && let Ok(pin) = home.authority() {
            let (name, root) = (pin.name, pin.root_kid);
            output::note(&format!(
                "Trusted {name} on first use; its operator can tell you whether its root key is {root}"
            ));
        }
        if self.output.is_json() {
            return output::print(&show::own_json(&passport));
        }
        output::print(&output::members(&describe(&passport, machine.clock.now())))
    }
}

impl Request {
    /// Says what would be asked for. The authority has to answer, and to be the one that is expected.
    async fn foresee(&self, home: &Home, authority: &AuthorityClient) -> Result<(), CliError> {
        let pinned = home.authority().ok();
        let pinned = pinned.filter(|pin| pin.url == authority.url());
        let root = match (&self.root, &pinned) {
            (Some(root), _) => Some(root.clone()),
            (None, Some(pin)) => Some(pin.root()?),
            (None, None) => None,
        };
        let met = enrol::meet(authority, root.as_ref()).await;
        let bundle = met.map_err(|error| other_root(error, authority))?;
        let key = match home.key() {
            Ok(key) => key.public_key().key_id().to_string(),
            Err(ClientError::Missing { .. }) => "a new one".to_owned(),
            Err(error) => return Err(error.into()),
        };
        let (root, level) = (bundle.signer().to_string(), self.level);
        let ttl = self.ttl.map(|ttl| ttl.as_secs());
        let json = json!({
            "dry_run": true, "authority": authority.url(), "issuer": bundle.authority(),
            "root_kid": root, "pinned": pinned.is_some() || self.root.is_some(),
            "kind": self.kind.as_str(), "tenant": self.tenant, "name": self.name,
            "owner": self.owner, "trust_level": level, "ttl_s": ttl,
        });
        let rows = [
            (
                "would ask",
                format!("{} at {}", bundle.authority(), authority.url()),
            ),
            ("root key", root),
            (
                "for",
                format!("{} {} of {}", self.kind, self.name, self.tenant),
            ),
            ("owner", self.owner.clone().unwrap_or_default()),
            (
                "level",
                level.map_or_else(String::new, |level| format!("L{level}")),
            ),
            (
                "for so long",
                ttl.map_or_else(String::new, |ttl| format!("{ttl} s")),
            ),
            ("key", key),
            ("next", "the same without --dry-run".to_owned()),
        ];
        self.output.members(&rows, &json)
    }
}

fn ensure_key(home: &Home, machine: &Machine) -> Result<(), ClientError> {
    match home.key() {
        Err(ClientError::Missing { path, .. }) => {
            let key = keygen::make(home, machine.random.as_ref(), false)?;
            output::note(&format!(
                "Made a new key, {}, in {}",
                key.public_key().key_id(),
                path.display()
            ));
            Ok(())
        }
        other => other.map(drop),
    }
}

/// What `UnknownIssuer` means when it is about the authority itself.
pub(super) fn other_root(error: ClientError, authority: &AuthorityClient) -> CliError {
    match error {
        ClientError::Refused(Refusal::UnknownIssuer) => CliError::OtherRoot {
            url: authority.url().to_owned(),
        },
        error => error.into(),
    }
}
