//! Operators by tokens of an OpenID provider (OpenID Connect Core 1.0, RFC 7519, RFC 9068): whoever it
//! vouches for holds what the configuration gives to what the token says.

mod issuer;
mod keys;
mod token;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::json::Value;

use crate::access::{Grant, Grants};
use crate::outbound::{Outbound, OutboundError};

use self::issuer::Issuer;
use self::token::Token;

/// How much the provider's clock may be off.
const SKEW: Duration = Duration::from_secs(60);
/// The longest name of a claim, and the longest value that is looked for.
const LONGEST: usize = 256;

/// Whom to believe, and what follows from what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcConfig {
    /// The provider's URL, exactly as `iss` has it.
    pub issuer: String,
    /// What `aud` has to name: at least one of these.
    pub audience: Vec<String>,
    /// Where its keys are; where its discovery document says, unless stated.
    pub jwks_url: Option<String>,
    /// What is held by whom.
    pub rules: Vec<Rule>,
}

/// What is held by those whose token has a claim of that value: `groups=oncall:responder@acme`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The claim: a text, or a list of texts.
    pub claim: String,
    /// What it is, or has.
    pub value: String,
    /// What follows.
    pub grant: Grant,
}

/// What is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write CLAIM=VALUE:ROLE@TENANT, as groups=oncall:responder@acme, or ROLE@* for every tenant"
)]
pub struct NoRule;

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let (said, grant) = text.rsplit_once(':').ok_or(NoRule)?;
        let (claim, value) = said.split_once('=').ok_or(NoRule)?;
        let sound = |text: &str| (1..=LONGEST).contains(&text.len());
        let grant = grant.parse().map_err(|_| NoRule)?;
        (sound(claim) && sound(value))
            .then(|| Self {
                claim: claim.to_owned(),
                value: value.to_owned(),
                grant,
            })
            .ok_or(NoRule)
    }
}

impl Rule {
    fn fits(&self, claims: Value<'_>) -> bool {
        let Some(claim) = claims.get(&self.claim) else {
            return false;
        };
        let is = |value: Value<'_>| value.as_str().is_some_and(|text| text == self.value);
        match claim.as_array() {
            Some(list) => list.iter().any(is),
            None => is(claim),
        }
    }
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// It is none, or not one that is believed. What is said helps whoever has the token, and nobody else.
    #[error("the token is not accepted: {0}")]
    Refused(&'static str),
    /// The provider's keys cannot be had, and those of before are too old.
    #[error(
        "the keys of the token's issuer cannot be had now, so nobody can say whether it is good; try again"
    )]
    Unreachable,
}

/// Why the provider's keys cannot be had, for the log.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("{0}")]
    Content(&'static str),
}

/// Whom a token vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Issuer and subject, which nobody else has.
    pub subject: String,
    /// For people.
    pub name: String,
    /// What is held.
    pub grants: Grants,
    /// Until when the token is good.
    pub until: Timestamp,
}

/// One provider.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    issuer: Issuer,
    clock: Arc<dyn Clock>,
}

impl Oidc {
    /// The provider of that configuration.
    #[must_use]
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Self {
        let issuer = Issuer::new(&config, Outbound::configured(), Arc::clone(&clock));
        Self {
            config,
            issuer,
            clock,
        }
    }

    /// Whom a token vouches for.
    ///
    /// # Errors
    /// [`OidcError`].
    pub async fn verify(&self, text: &str) -> Result<Vouched, OidcError> {
        let token = Token::read(text)?;
        // What is over is not worth a question to the provider; who lies about that gains nothing.
        let until = token.hold(&self.config, self.clock.now())?;
        self.issuer.verify(&token).await?;
        let claims = token.claims();
        let rules = self.config.rules.iter().filter(|rule| rule.fits(claims));
        let subject = token.text("sub").filter(|sub| sub.len() <= LONGEST);
        let subject = subject.ok_or(OidcError::Refused("it does not say whom it is about"))?;
        let names = ["preferred_username", "email", "name"];
        let name = names.into_iter().find_map(|name| token.text(name));
        let sound = |name: &String| {
            (1..=LONGEST).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        Ok(Vouched {
            name: name.filter(sound).unwrap_or_else(|| subject.clone()),
            subject: format!("{} {subject}", self.config.issuer),
            grants: Grants::new(rules.map(|rule| rule.grant.clone())),
            until,
        })
    }
}

#[cfg(test)]
mod tests;
