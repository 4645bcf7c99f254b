//! `mcps-authority serve --oidc-…`: operators by tokens of an OpenID provider.

use clap::Args;
use mcps_authority::oidc::{OidcConfig, Rule};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "OpenID provider")]
pub(crate) struct OidcOptions {
    /// Operators may present access tokens of this OpenID provider: its URL, exactly as `iss` has it.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_OIDC_ISSUER",
        value_name = "URL",
        requires_all = ["oidc_audience", "oidc_grant"]
    )]
    oidc_issuer: Option<String>,
    /// What `aud` of those tokens has to name. May be given several times.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_OIDC_AUDIENCE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    oidc_audience: Vec<String>,
    /// What follows from a claim: CLAIM=VALUE:ROLE@TENANT, as groups=oncall:responder@acme. May be given
    /// several times.
    #[arg(
        long,
        env = "MCPS_AUTHORITY_OIDC_GRANT",
        value_name = "RULE",
        value_delimiter = ','
    )]
    oidc_grant: Vec<Rule>,
    /// Where the provider's keys are [default: where its discovery document says].
    #[arg(
        long,
        env = "MCPS_AUTHORITY_OIDC_JWKS_URL",
        value_name = "URL",
        requires = "oidc_issuer"
    )]
    oidc_jwks_url: Option<String>,
}

impl OidcOptions {
    /// The provider, if there is one.
    pub(crate) fn config(&self) -> Option<OidcConfig> {
        self.oidc_issuer.clone().map(|issuer| OidcConfig {
            issuer,
            audience: self.oidc_audience.clone(),
            jwks_url: self.oidc_jwks_url.clone(),
            rules: self.oidc_grant.clone(),
        })
    }
}
