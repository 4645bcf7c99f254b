//! Callers that do not sign: what they come with in `Authorization` says who they are. They are worth
//! L0, since nothing that they say is bound to them.

mod api_keys;
pub mod cli;
mod fault;
mod identity;
mod issuer;
mod jwks;
mod resource;
mod token;

pub(crate) use fault::Fault;
pub(crate) use resource::{Resource, WELL_KNOWN, challenge};

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use mcps_client::link::Guest;
use mcps_client::token::AccessToken;
use mcps_client::web::Web;
use mcps_core::clock::{Clock, Timestamp};
use tokio::time::sleep;

use crate::call::{Claims, Principal, Proof};
use crate::config::{ApiKey, Config};
use api_keys::{ApiKeys, PREFIX};
use identity::from_claims;
use issuer::Issuer;

/// How often it is looked whether keys of an issuer are to be fetched.
const GLANCE: Duration = Duration::from_secs(1);

const FOREIGN: Fault = Fault::Invalid("nobody whose tokens are good here is its issuer");

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The tenant, which may be none that is configured.
    pub(crate) tenant: String,
    pub(crate) principal: Principal,
}

impl Known {
    /// The same as a session knows its caller.
    pub(crate) fn guest(&self) -> Guest {
        Guest {
            tenant: self.tenant.clone(),
            name: self.principal.name.clone(),
            owner: self.principal.owner.clone(),
            issuer: self.principal.issuer.clone(),
        }
    }
}

/// Whoever may be recognised, by one configuration.
#[derive(Debug)]
pub struct Callers {
    keys: ApiKeys,
    issuers: Vec<Arc<Issuer>>,
    web: Web,
    clock: Arc<dyn Clock>,
}

impl Callers {
    /// By a configuration. Documents of issuers come from `web`.
    #[must_use]
    pub fn new(config: &Config, web: Web, clock: Arc<dyn Clock>) -> Self {
        Self::made(config, &[], web, clock)
    }

    /// By another configuration; issuers that stay the same keep their keys.
    #[must_use]
    pub fn again(&self, config: &Config) -> Self {
        let (web, clock) = (self.web.clone(), Arc::clone(&self.clock));
        Self::made(config, &self.issuers, web, clock)
    }

    fn made(config: &Config, before: &[Arc<Issuer>], web: Web, clock: Arc<dyn Clock>) -> Self {
        let issuers = config.oidc.iter().map(|own| {
            let same = before.iter().find(|issuer| issuer.is_of(own));
            same.cloned().unwrap_or_else(|| {
                let issuer = Issuer::new(own.clone(), web.clone(), Arc::clone(&clock));
                Arc::new(issuer)
            })
        });
        Self {
            keys: ApiKeys::new(&config.api_key),
            issuers: issuers.collect(),
            web,
            clock,
        }
    }

    /// Whether nobody can be.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.issuers.is_empty()
    }

    /// The issuers of tokens that are good here.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| issuer.name())
    }

    /// All scopes that tokens may need here.
    pub(crate) fn scopes(&self) -> BTreeSet<&str> {
        let all = self
            .issuers
            .iter()
            .flat_map(|issuer| &issuer.config().scopes);
        all.map(String::as_str).collect()
    }

    /// The scopes that a token like this one needs; without one, a token of the only issuer.
    pub(crate) fn scopes_of(&self, token: Option<&AccessToken>) -> &[String] {
        let issuer = match (token, self.issuers.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(token), all) => {
                let token = token::read(token.reveal()).ok();
                let named = token.and_then(|token| token::issuer(&token.claims).ok());
                all.iter()
                    .find(|issuer| Some(issuer.name()) == named.as_deref())
            }
        };
        issuer.map_or(&[], |issuer| &issuer.config().scopes)
    }

    /// Who comes with a token, to the endpoint of that server or of all. Waits for nobody, unless its
    /// issuer has a key that is not known here.
    ///
    /// # Errors
    /// Why nobody is recognised by it.
    pub(crate) async fn recognise(
        &self,
        token: &AccessToken,
        server: Option<&str>,
    ) -> Result<Known, Fault> {
        let text = token.reveal();
        if text.starts_with(PREFIX) {
            return self.keys.recognise(text, self.clock.now());
        }
        let token = token::read(text)?;
        let named = token::issuer(&token.claims)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name() == named);
        let issuer = issuer.ok_or(FOREIGN)?;
        let claims = issuer.verify(&token, server).await?;
        token::reaches(&claims, issuer.config())?;
        from_claims(issuer.config(), claims)
    }

    /// Whether somebody who was recognised would not be any more, whatever they come with.
    pub(crate) fn is_gone(&self, guest: &Guest, now: Timestamp) -> bool {
        match guest.issuer.as_str() {
            api_keys::ISSUER => !self.keys.has(&guest.tenant, &guest.name, now),
            issuer => !self.issuers().any(|name| name == issuer),
        }
    }

    /// Whether what somebody came with is good still: this very key, or a token that has not expired.
    pub(crate) fn knows(&self, known: &Known, now: Timestamp) -> bool {
        let principal = &known.principal;
        match &principal.proof {
            Proof::Passport { .. } => true,
            Proof::ApiKey { id } => self.keys.knows(&known.tenant, &principal.name, id, now),
            Proof::Token => {
                let mut issuers = self.issuers.iter();
                let issuer = issuers.find(|issuer| issuer.name() == principal.issuer);
                let claims = principal.claims.as_ref();
                issuer
                    .zip(claims)
                    .is_some_and(|(issuer, claims)| token::is_current(claims, issuer.config(), now))
            }
        }
    }

    async fn refresh(&self) {
        join_all(self.issuers.iter().map(|issuer| issuer.refresh())).await;
    }
}

/// Who the holder of a key of that name is.
///
/// # Errors
/// That there is none, or none that is good still.
pub(crate) fn with_key(
    config: &Config,
    tenant: &str,
    name: &str,
    now: Timestamp,
) -> Result<Known, Fault> {
    let named = |key: &&ApiKey| key.tenant == tenant && key.name == name;
    let mut keys = config.api_key.iter().filter(named).peekable();
    if keys.peek().is_none() {
        return Err(Fault::Invalid(
            "no [[api_key]] has this name; name it as TENANT/NAME",
        ));
    }
    let good = keys.find(|key| !key.is_over(now));
    good.map(api_keys::known)
        .ok_or(Fault::Invalid("every key of this name has expired"))
}

/// Who would be recognised by a token of these claims, if its issuer had signed it, at the endpoint of
/// that server.
///
/// # Errors
/// Why nobody would.
pub(crate) fn with_claims(
    config: &Config,
    claims: Claims,
    server: &str,
    now: Timestamp,
) -> Result<Known, Fault> {
    let named = token::issuer(&claims)?;
    let issuer = config.oidc.iter().find(|issuer| issuer.issuer == named);
    let issuer = issuer.ok_or(FOREIGN)?;
    token::hold(&claims, issuer, Some(server), now)?;
    token::reaches(&claims, issuer)?;
    from_claims(issuer, claims)
}

/// Keeps the keys of issuers, whichever there are, for ever.
pub(crate) async fn keep(callers: &ArcSwap<Callers>) -> Infallible {
    loop {
        let now = callers.load_full();
        now.refresh().await;
        sleep(GLANCE).await;
    }
}

#[cfg(test)]
mod tests;
