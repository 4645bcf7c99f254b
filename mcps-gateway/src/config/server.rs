//! `[[server]]`: one server, how it is reached, and what its callers and its tools are worth.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mcps_client::connect::Address;
use serde::Deserialize;

use super::{Admission, Config, Level, SEPARATOR, ServerPassport, address, at_least_one, is_name};
use crate::policy::Class;

/// How long an answer may take in seconds, unless it is said.
const ANSWER_S: u64 = 3600;

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its name: the end of its path, and what its tools' names begin with where all are one.
    pub name: String,
    /// The tenant whose server it is, which may reach it.
    pub tenant: Option<String>,
    /// Tenants that may reach it too; with neither key, all may.
    pub tenants: Option<Vec<String>>,
    /// The command that starts it.
    pub command: Option<Vec<String>>,
    /// Whether all who speak 2026-07-28 share one process of the command.
    #[serde(default)]
    pub shared: bool,
    /// The one era that it speaks: callers of the other are translated. Absent, each call goes on in the
    /// era in which it came.
    pub era: Option<Era>,
    /// Where it is, over Streamable HTTP.
    pub url: Option<String>,
    /// Whether a `mcps-wrap` is there, with which messages are signed both ways.
    #[serde(default)]
    pub signed: bool,
    /// The passport that it must show.
    pub passport: Option<ServerPassport>,
    /// The level that its passport must be worth [default: 2].
    pub passport_level: Option<Level>,
    /// Certificates that are trusted beside the machine's own, PEM.
    pub ca_cert: Option<PathBuf>,
    /// Whether another machine may be reached without TLS.
    #[serde(default)]
    pub allow_insecure_http: bool,
    /// Headers of callers that it is to have, beside those of MCP.
    #[serde(default)]
    pub forward_headers: Vec<String>,
    /// How many seconds an answer may take [default: 3600].
    pub answer_s: Option<u64>,
    /// The level from which on it may be called.
    #[serde(default)]
    pub min_level: Level,
    /// Whether calls of tools that it does not list are passed on. Nobody knows what those do.
    #[serde(default)]
    pub pass_unlisted: bool,
    /// Whether its tools are held back until an operator has promoted them: all of them, or with `false`
    /// only those that come after its first list. Absent, as `[quarantine]` has it.
    pub hold: Option<bool>,
    /// What is known of its tools, by their own names.
    #[serde(default)]
    pub tool: BTreeMap<String, Tool>,
}

/// An era of the protocol, by its last revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Era {
    /// Sessions.
    #[serde(rename = "2025-11-25")]
    Older,
    /// Each request by itself.
    #[serde(rename = "2026-07-28")]
    Newer,
}

impl From<Era> for mcps_client::listen::Era {
    fn from(era: Era) -> Self {
        match era {
            Era::Older => Self::Legacy,
            Era::Newer => Self::Modern,
        }
    }
}

/// One tool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The level from which on it may be called, and is listed.
    #[serde(default)]
    pub min_level: Level,
    /// What it does. What a server says of its own tools is only a hint.
    #[serde(default)]
    pub class: Vec<Class>,
}

impl Server {
    pub(super) fn check(&self, config: &Config) -> Result<(), String> {
        let name = &self.name;
        if !is_name(name) {
            return Err(format!(
                "server `{name}`: write a name of letters, digits, `-`, `_` and `.`, at most 64 of them and without `{SEPARATOR}`"
            ));
        }
        let wrong = |what: &str| Err(format!("server `{name}`: {what}"));
        match (&self.command, &self.url) {
            (Some(words), None) if words.is_empty() => {
                return wrong("`command` is empty; write the program and its arguments");
            }
            (Some(_), None) => {}
            (None, Some(url)) => {
                if let Err(why) = self.address(url) {
                    return wrong(&format!("`url`: {why}"));
                }
            }
            (Some(_), Some(_)) => return wrong("write `command` or `url`, not both"),
            (None, None) => {
                return wrong("write how it is reached: `command = [\"…\"]` or `url = \"…\"`");
            }
        }
        if let Err(why) = at_least_one("answer_s", self.answer_s == Some(0), ANSWER_S) {
            return wrong(&why);
        }
        let over_http = [
            ("signed", self.signed),
            ("ca_cert", self.ca_cert.is_some()),
            ("allow_insecure_http", self.allow_insecure_http),
            ("forward_headers", !self.forward_headers.is_empty()),
        ];
        if let Some((key, _)) = over_http
            .iter()
            .find(|(_, is)| *is && self.command.is_some())
        {
            return wrong(&format!(
                "`{key}` is for a server with a `url`; leave it out"
            ));
        }
        if self.shared && self.url.is_some() {
            return wrong("`shared` is for a server with a `command`; leave it out");
        }
        if !self.signed && (self.passport.is_some() || self.passport_level.is_some()) {
            return wrong("only a server that signs shows a passport; add `signed = true`");
        }
        if self.pass_unlisted && config.rules_of(name).new_servers == Admission::Hold {
            return wrong(
                "`pass_unlisted` lets through what nobody has looked at, and new servers are held back; add `hold = false`, or leave it out",
            );
        }
        for tenant in self.members() {
            if !config.tenant.contains_key(tenant) {
                return wrong(&format!(
                    "there is no tenant `{tenant}`; add [tenant.{tenant}]"
                ));
            }
        }
        for header in &self.forward_headers {
            if http::HeaderName::try_from(header.as_str()).is_err() {
                // Not which: somebody may have written its value too.
                return wrong(
                    "`forward_headers` has something that is no header; write names alone, as in [\"X-Request-Id\"]",
                );
            }
            if header.eq_ignore_ascii_case("authorization") && config.knows_bearers() {
                return wrong(
                    "`forward_headers` has `Authorization`, which would give the server the keys and tokens of this gateway's callers; leave it out",
                );
            }
        }
        Ok(())
    }

    /// The tenant whose server it is, as far as anybody says.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        let shown = self.passport.as_ref().and_then(ServerPassport::tenant);
        self.tenant.as_deref().or(shown)
    }

    /// Where it is.
    pub(crate) fn address(&self, url: &str) -> Result<Address, String> {
        address::to_send_to(url, self.allow_insecure_http)
    }

    fn members(&self) -> impl Iterator<Item = &String> {
        let several = self.tenants.iter().flatten();
        self.tenant.iter().chain(several)
    }

    /// Whether callers of that tenant may reach it.
    #[must_use]
    pub fn admits(&self, tenant: &str) -> bool {
        let nobody_named = self.tenant.is_none() && self.tenants.is_none();
        nobody_named || self.members().any(|member| member == tenant)
    }
}
