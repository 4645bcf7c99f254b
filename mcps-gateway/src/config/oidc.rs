//! `[[oidc]]`: callers that do not sign and come with an access token of an issuer that is believed
//! here.

use std::collections::BTreeMap;
use std::time::Duration;

use mcps_client::connect::Address;
use mcps_core::level::TrustLevel;
use serde::{Deserialize, Deserializer};

use super::api_key::is_label;
use super::{Config, address};

/// How tokens may be signed: by a key of which the gateway knows only the public half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names of RFC 7518 and RFC 8037")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in a token's `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

/// What the header of a token must say that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Typ {
    /// An access token (RFC 9068 §4).
    #[default]
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// That, a JWT of any kind, or nothing.
    #[serde(rename = "any")]
    Any,
}

/// One issuer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its URL, as it stands in `iss`.
    pub issuer: String,
    /// What `aud` must have: this gateway. One text, or a list of which one suffices.
    #[serde(deserialize_with = "one_or_more")]
    pub audience: Vec<String>,
    /// The tenant of all its callers.
    pub tenant: Option<String>,
    /// The claim that says the tenant.
    pub tenant_claim: Option<String>,
    /// Which tenant a value of that claim means; without any, it is the tenant's name.
    #[serde(default)]
    pub tenants: BTreeMap<String, String>,
    /// The claim that says the caller's name.
    #[serde(default = "sub")]
    pub name_claim: String,
    /// What stands before each name, so that no caller has the name of an agent that signs.
    #[serde(default)]
    pub name_prefix: String,
    /// The claim that says who answers for the caller.
    pub owner_claim: Option<String>,
    /// The claim that says the caller's groups.
    pub groups_claim: Option<String>,
    /// What its tokens must say that they are.
    #[serde(default)]
    pub typ: Typ,
    /// What of each `scope` or `scp` must have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How its tokens may be signed.
    #[serde(default = "usual")]
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are, if that is not to be asked of the issuer.
    pub jwks_url: Option<String>,
    /// Whether another machine may be asked for them without TLS.
    #[serde(default)]
    pub allow_insecure_http: bool,
    /// How far its clock may be off.
    #[serde(default = "skew_s")]
    pub skew_s: u64,
    /// How often its keys are fetched.
    #[serde(default = "refresh_s")]
    pub refresh_s: u64,
    /// How long they are not fetched again, whatever comes: after a failure, or a key that is unknown.
    #[serde(default = "refetch_s")]
    pub refetch_s: u64,
    /// How long keys are good that cannot be fetched again.
    #[serde(default = "stale_s")]
    pub stale_s: u64,
}

/// Whether a text can be one scope (RFC 6749 §3.3).
fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(fits)
}

fn sub() -> String {
    "sub".to_owned()
}

fn usual() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256]
}

const fn skew_s() -> u64 {
    60
}

const fn refresh_s() -> u64 {
    300
}

const fn refetch_s() -> u64 {
    10
}

const fn stale_s() -> u64 {
    3600
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text, or a list of them")]
    enum Either {
        One(String),
        More(Vec<String>),
    }
    Ok(match Either::deserialize(from)? {
        Either::One(one) => vec![one],
        Either::More(more) => more,
    })
}

impl Oidc {
    /// Where an address of the issuer's leads.
    ///
    /// # Errors
    /// Why nothing is fetched from there.
    pub(crate) fn address(&self, url: &str) -> Result<Address, String> {
        address::to_send_to(url, self.allow_insecure_http)
    }

    /// Where it describes itself (OpenID Connect Discovery 1.0 §4).
    pub(crate) fn discovery(&self) -> String {
        let issuer = self.issuer.trim_end_matches('/');
        format!("{issuer}/.well-known/openid-configuration")
    }

    pub(crate) const fn refetch(&self) -> Duration {
        Duration::from_secs(self.refetch_s)
    }

    pub(super) fn check(&self, config: &Config) -> Result<(), String> {
        let issuer = address::shown(&self.issuer);
        let wrong = |what: String| Err(format!("[[oidc]] {issuer}: {what}"));
        for (key, url) in [
            ("issuer", Some(&self.issuer)),
            ("jwks_url", self.jwks_url.as_ref()),
        ] {
            if let Some(Err(why)) = url.map(|url| self.address(url)) {
                return wrong(format!("`{key}`: {why}"));
            }
        }
        if self.audience.is_empty() || self.audience.iter().any(|one| one.trim().is_empty()) {
            return wrong(
                "write what tokens for this gateway name in `aud`: `audience = \"https://gateway.example.com/mcp\"`".to_owned(),
            );
        }
        if self.algorithms.is_empty() {
            return wrong("`algorithms` names none; leave it out for RS256 and ES256".to_owned());
        }
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            return wrong(
                "`scopes` is a list, each scope by itself and of visible ASCII: `scopes = [\"tools\", \"files\"]`"
                    .to_owned(),
            );
        }
        if !self.name_prefix.is_empty() && !is_label(&self.name_prefix) {
            return wrong(
                "`name_prefix` has something that is not shown; write letters and digits"
                    .to_owned(),
            );
        }
        if self.skew_s > 300 {
            return wrong("`skew_s` is at most 300: set the clocks of both machines".to_owned());
        }
        if self.refetch_s == 0 || self.refresh_s < self.refetch_s || self.stale_s < self.refresh_s {
            return wrong(
                "`refetch_s` is at least 1, `refresh_s` no less than that, and `stale_s` no less than `refresh_s`".to_owned(),
            );
        }
        if self.stale_s > 86_400 {
            return wrong(
                "`stale_s` is at most 86400: a key that was withdrawn is good for as long"
                    .to_owned(),
            );
        }
        match (&self.tenant, &self.tenant_claim) {
            (Some(_), None) if self.tenants.is_empty() => {}
            (None, Some(_)) => {}
            _ => {
                return wrong(
                    "say whose its callers are: `tenant = \"…\"`, or `tenant_claim = \"…\"` and, if its values are other names, [oidc.tenants]".to_owned(),
                );
            }
        }
        for tenant in self.tenant.iter().chain(self.tenants.values()) {
            let Some(known) = config.tenant.get(tenant) else {
                return wrong(format!(
                    "there is no tenant `{tenant}`; add [tenant.{tenant}]"
                ));
            };
            if known.min_level.0 > TrustLevel::L0 {
                return wrong(format!(
                    "callers with a token have L0, so `min_level` of [tenant.{tenant}] lets none of them in; demand the level at servers or tools instead"
                ));
            }
        }
        Ok(())
    }
}
