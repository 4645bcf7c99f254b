//! The configuration file: TOML, read strictly. A key that is unknown stops the start, since it
//! may be a rule that somebody believes is in force.

mod address;
mod api_key;
mod discovery;
mod level;
mod oidc;
mod passport;
mod policy;
mod rules;
mod segments;
mod server;
mod shared;
mod tenant;

pub use api_key::ApiKey;
pub(crate) use api_key::is_label;
pub use discovery::Discovery;
pub use level::Level;
pub use oidc::{Algorithm, Oidc, Typ};
pub use passport::ServerPassport;
pub use policy::PolicyFrom;
use rules::check_evidence;
pub use rules::{Admission, LookAlikes, QuarantineFrom, Rules};
pub use segments::Segments;
pub use server::{Era, Server, Tool};
pub use shared::Shared;
pub use tenant::{Tenant, Unrecorded};

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::GatewayError;
use crate::misread::Misread;

/// What stands between a server's name and its tool's where all servers are one.
pub const SEPARATOR: &str = "__";

/// After how many seconds without use a session ends, unless it is said.
pub(crate) const IDLE_S: u64 = 1800;
/// The most sessions of one endpoint, unless it is said.
pub(crate) const SESSIONS: usize = 1024;
/// The most of them of one caller, unless it is said.
pub(crate) const SESSIONS_EACH: usize = 256;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen at; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// Under which URLs callers reach us, up to and including `/mcp`.
    #[serde(default)]
    pub public_url: Vec<String>,
    /// Pages of these origins may call.
    #[serde(default)]
    pub allow_origin: Vec<String>,
    /// Certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// The key of it, PEM.
    pub tls_key: Option<PathBuf>,
    /// Where lines of records go; standard output unless given.
    pub record: Option<PathBuf>,
    /// How many records are kept.
    #[serde(default)]
    pub segments: Segments,
    /// Where several gateways remember together.
    pub shared: Option<Shared>,
    /// After how many seconds without use a session ends [default: 1800].
    pub session_idle_s: Option<u64>,
    /// The most sessions at a time, of each server and of all together [default: 1024].
    pub max_sessions: Option<usize>,
    /// The most of them of one caller that signs [default: 256].
    pub max_sessions_per_caller: Option<usize>,
    /// How callers at the endpoint of all servers find tools, unless their tenant says otherwise.
    #[serde(default)]
    pub discovery: Discovery,
    /// What is held back until an operator has looked at it.
    #[serde(default)]
    pub quarantine: Rules,
    /// Who there is.
    #[serde(default)]
    pub tenant: BTreeMap<String, Tenant>,
    /// Callers that come with a key.
    #[serde(default)]
    pub api_key: Vec<ApiKey>,
    /// Issuers of access tokens with which others come.
    #[serde(default)]
    pub oidc: Vec<Oidc>,
    /// What they may reach.
    #[serde(default)]
    pub server: Vec<Server>,
}

impl Config {
    /// Leaves out all that is for callers from outside this process, since others on the machine could
    /// come to where it listens: TLS, other URLs, and whoever need not sign.
    pub(crate) fn keep_within(&mut self) {
        (self.tls_cert, self.tls_key) = (None, None);
        (self.public_url, self.api_key, self.oidc) = (Vec::new(), Vec::new(), Vec::new());
        for tenant in self.tenant.values_mut() {
            tenant.anonymous = false;
        }
    }

    /// What of a server's tools is held back.
    pub(crate) fn rules_of(&self, server: &str) -> Rules {
        let known = self.server.iter().find(|known| known.name == server);
        match known.and_then(|known| known.hold) {
            Some(true) => Rules {
                new_servers: Admission::Hold,
                new_tools: Admission::Hold,
                ..self.quarantine
            },
            Some(false) => Rules {
                new_servers: Admission::Pin,
                ..self.quarantine
            },
            None => self.quarantine,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`GatewayError::Unreadable`]; [`GatewayError::Config`] with the line and what to write.
    pub fn load(path: &Path) -> Result<Self, GatewayError> {
        let text = std::fs::read_to_string(path).map_err(|source| GatewayError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text).map_err(|why| GatewayError::Config {
            path: path.to_owned(),
            why,
        })?;
        config.settle(beside(path));
        Ok(config)
    }

    /// Looks for files in that folder whose paths are relative. Those of policies have their names in
    /// records, and are looked for when they are read.
    fn settle(&mut self, folder: &Path) {
        let (own, shared) = (
            [&mut self.tls_cert, &mut self.tls_key, &mut self.record],
            self.shared.as_mut(),
        );
        let shared = shared.map(|shared| [&mut shared.password_file, &mut shared.ca]);
        let of_servers = self.server.iter_mut().map(|server| &mut server.ca_cert);
        let all = own.into_iter().chain(shared.into_iter().flatten());
        for path in all.chain(of_servers).flatten() {
            *path = folder.join(&path);
        }
    }

    /// Reads the text of one.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self =
            toml::from_str(text).map_err(|error| Misread::of(text, &error).to_string())?;
        config.check()?;
        Ok(config)
    }

    /// What no single key can get wrong.
    fn check(&self) -> Result<(), String> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("`tls_cert` and `tls_key` go together; write both or neither".to_owned());
        }
        at_least_one("session_idle_s", self.session_idle_s == Some(0), IDLE_S)?;
        at_least_one("max_sessions", self.max_sessions == Some(0), SESSIONS)?;
        let each = self.max_sessions_per_caller == Some(0);
        at_least_one("max_sessions_per_caller", each, SESSIONS_EACH)?;
        for url in &self.public_url {
            address::check_public(url)?;
        }
        for origin in &self.allow_origin {
            address::check_origin(origin)?;
        }
        self.segments.check()?;
        self.shared.as_ref().map_or(Ok(()), Shared::check)?;
        check_evidence("[quarantine]", self.quarantine.evidence)?;
        for (name, tenant) in &self.tenant {
            tenant.check(name)?;
        }
        let open: Vec<&str> = self.anonymous().collect();
        if let [one, other, ..] = open.as_slice() {
            return Err(format!(
                "[tenant.{one}] and [tenant.{other}] are both anonymous, so that nobody could tell whose a caller without a name is; leave `anonymous = true` to one of them"
            ));
        }
        for (at, key) in self.api_key.iter().enumerate() {
            key.check(self, self.api_key.get(..at).unwrap_or_default())?;
        }
        for (at, issuer) in self.oidc.iter().enumerate() {
            issuer.check(self)?;
            let mut before = self.oidc.iter().take(at);
            if before.any(|other| other.issuer == issuer.issuer) {
                return Err(format!(
                    "[[oidc]] {}: this issuer is there twice; write one of them, with every `audience`",
                    address::shown(&issuer.issuer)
                ));
            }
        }
        for (at, server) in self.server.iter().enumerate() {
            server.check(self)?;
            let before = self.server.iter().take(at);
            if before.into_iter().any(|other| other.name == server.name) {
                return Err(format!(
                    "two servers are named `{}`; give one of them another name",
                    server.name
                ));
            }
        }
        Ok(())
    }

    /// How callers of a tenant find tools.
    #[must_use]
    pub fn discovery(&self, tenant: &str) -> Discovery {
        let own = self.tenant.get(tenant).and_then(|known| known.discovery);
        own.unwrap_or(self.discovery)
    }

    /// Whether callers that do not sign may say who they are by a key or a token.
    #[must_use]
    pub fn knows_bearers(&self) -> bool {
        !self.api_key.is_empty() || !self.oidc.is_empty()
    }

    /// The tenants whose callers need not say who they are.
    fn anonymous(&self) -> impl Iterator<Item = &str> {
        let all = self.tenant.iter().filter(|(_, tenant)| tenant.anonymous);
        all.map(|(name, _)| name.as_str())
    }
}

/// The folder that paths in a configuration are relative to.
#[must_use]
pub fn beside(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}

fn at_least_one(key: &str, is_zero: bool, usual: impl Display) -> Result<(), String> {
    match is_zero {
        true => Err(format!("`{key}` is at least 1; leave it out for {usual}")),
        false => Ok(()),
    }
}

/// Whether a name can stand in a path and before a tool's name.
fn is_name(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let (first, last) = (text.bytes().next(), text.bytes().last());
    text.len() <= 64
        && ends(first)
        && ends(last)
        && text.bytes().all(part)
        && !text.contains(SEPARATOR)
}

#[cfg(test)]
mod tests;
