//! One issuer of access tokens: its keys are fetched beside the calls, kept for a while when it is
//! away, and asked for at once where a token names one that is new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use mcps_client::connect::Address;
use mcps_client::web::{Web, WebError};
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Fault;
use super::jwks::{KeySet, Missing};
use super::token::{self, Token};
use crate::call::Claims;
use crate::config::Oidc;

/// The longest document of an issuer's.
const LONGEST: usize = 256 * 1024;

/// Keys, and when they were what the issuer published.
#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    at: Timestamp,
}

/// One.
#[derive(Debug)]
pub(super) struct Issuer {
    config: Oidc,
    web: Web,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    /// When they were last asked for; whoever holds it asks, and all others wait for what comes.
    asked: Mutex<Option<Instant>>,
    /// The log has said that they cannot be had.
    failing: AtomicBool,
}

/// Why keys cannot be had, for the log.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error("{0}")]
    Address(String),
    #[error("{0}")]
    Content(&'static str),
}

impl Issuer {
    pub(super) fn new(config: Oidc, web: Web, clock: Arc<dyn Clock>) -> Self {
        Self {
            config,
            web,
            clock,
            held: ArcSwapOption::empty(),
            asked: Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Its URL.
    pub(super) fn name(&self) -> &str {
        &self.config.issuer
    }

    pub(super) const fn config(&self) -> &Oidc {
        &self.config
    }

    /// Whether it is that one of a configuration.
    pub(super) fn is_of(&self, config: &Oidc) -> bool {
        self.config == *config
    }

    /// The claims of a token that is good for the endpoint of that server, or of all.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) async fn verify(
        &self,
        token: &Token<'_>,
        server: Option<&str>,
    ) -> Result<Claims, Fault> {
        if !self.config.algorithms.contains(&token.algorithm) {
            return Err(Fault::Invalid(
                "it is signed in a way that its issuer does not use",
            ));
        }
        token.is_access(self.config.typ)?;
        // What is over is not worth a question. Who lies about that gains nothing.
        token::hold(&token.claims, &self.config, server, self.clock.now())?;
        let held = self.held.load_full();
        if let Some(verified) = self.by(held.as_deref(), token) {
            return verified;
        }
        self.fetch(held.as_ref()).await;
        let held = self.held.load_full();
        let verified = self.by(held.as_deref(), token);
        verified.unwrap_or_else(|| match self.fresh(held.as_deref()) {
            Some(_) => Err(Fault::Invalid(
                "its issuer has no key of the name that it says",
            )),
            None => Err(Fault::Unreachable),
        })
    }

    /// What keys say of a token; `None` where others might say more.
    fn by(&self, held: Option<&Held>, token: &Token<'_>) -> Option<Result<Claims, Fault>> {
        match self.fresh(held)?.verify(token) {
            Ok(verified) => Some(verified),
            Err(Missing::Unnamed) => Some(Err(Fault::Invalid(
                "it does not say which of its issuer's keys it is signed with",
            ))),
            Err(Missing::Unknown) => None,
        }
    }

    /// Keys, if they are not older than keys may be.
    fn fresh<'a>(&self, held: Option<&'a Held>) -> Option<&'a KeySet> {
        let held = held?;
        let stale = Duration::from_secs(self.config.stale_s);
        (self.age(held) <= stale).then_some(&*held.keys)
    }

    /// As old as it seems new, after a clock was set back.
    fn age(&self, held: &Held) -> Duration {
        Duration::from_millis(self.clock.now().since(held.at).unsigned_abs())
    }

    /// Fetches the keys if it is time to.
    pub(super) async fn refresh(&self) {
        let held = self.held.load_full();
        let every = Duration::from_secs(self.config.refresh_s);
        if held.as_deref().is_none_or(|held| self.age(held) >= every) {
            self.fetch(held.as_ref()).await;
        }
    }

    /// Fetches the keys, unless others came since `seen`, or they were asked for just before.
    async fn fetch(&self, seen: Option<&Arc<Held>>) {
        let mut asked = self.asked.lock().await;
        let now = self.held.load_full();
        let same = match (seen, &now) {
            (Some(seen), Some(now)) => Arc::ptr_eq(seen, now),
            (None, None) => true,
            _ => false,
        };
        let pause = self.config.refetch();
        if !same || asked.is_some_and(|asked| asked.elapsed() < pause) {
            return;
        }
        // Whoever asks may be gone before there is an answer.
        *asked = Some(Instant::now());
        let answered = self.ask().await;
        *asked = Some(Instant::now());
        let issuer = self.name();
        match answered {
            Ok(keys) => {
                let same = now.filter(|now| now.keys.is_same(&keys));
                let keys = same.map_or_else(|| Arc::new(keys), |now| Arc::clone(&now.keys));
                let at = self.clock.now();
                self.held.store(Some(Arc::new(Held { keys, at })));
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(issuer, "the keys of {issuer} can be had again");
                }
            }
            Err(failure) => {
                let for_s = self.config.stale_s;
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        issuer, error = %failure,
                        "the keys of {issuer} cannot be had, the last ones are good for {for_s} s: {failure}"
                    );
                }
            }
        }
    }

    async fn ask(&self) -> Result<KeySet, Failure> {
        let address = match &self.config.jwks_url {
            Some(url) => self.address(url)?,
            None => self.discover().await?,
        };
        let document = self.web.get(&address, LONGEST).await?;
        let none = Failure::Content("the document of its keys has none that could be used here");
        KeySet::read(&document).ok_or(none)
    }

    /// Where it says that its keys are. It must say it of itself (OpenID Connect Discovery 1.0 §4.3).
    async fn discover(&self) -> Result<Address, Failure> {
        let address = self.address(&self.config.discovery())?;
        let document = self.web.get(&address, LONGEST).await?;
        let text = |name: &str| document.root().get(name).and_then(Value::as_str);
        if text("issuer").as_deref() != Some(self.name()) {
            return Err(Failure::Content(
                "what is published there is another issuer's; write `issuer` as it says it itself",
            ));
        }
        let url = text("jwks_uri");
        let url = url.ok_or(Failure::Content(
            "it does not say where its keys are; write `jwks_url`",
        ))?;
        self.address(&url)
    }

    fn address(&self, url: &str) -> Result<Address, Failure> {
        self.config.address(url).map_err(Failure::Address)
    }
}
