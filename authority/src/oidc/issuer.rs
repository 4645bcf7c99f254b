//! Where a provider's keys are kept: fetched when they are needed, again when they are old or a token
//! names one that is new, and relied upon for a while when the provider is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::json::{Document, Limits, Value};
use tokio::sync::Mutex;

use super::keys::KeySet;
use super::token::Token;
use super::{Failure, OidcConfig, OidcError};
use crate::outbound::Outbound;

/// The longest document of a provider's.
const LONGEST: usize = 256 * 1024;
/// After how long keys are fetched again.
const REFRESH: Duration = Duration::from_secs(15 * 60);
/// How long they are relied upon when they cannot be.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// How long nobody asks again, whatever tokens say: who makes names up must not make us ask for each.
const PAUSE: Duration = Duration::from_secs(30);

/// Keys, and when they were what the provider published.
#[derive(Debug)]
struct Held {
    keys: KeySet,
    at: Timestamp,
}

/// One provider's keys.
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    jwks_url: Option<String>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    /// When they were last asked for; whoever holds it asks, and all others wait for what comes.
    asked: Mutex<Option<Timestamp>>,
    /// The log has said that they cannot be had.
    failing: AtomicBool,
}

impl Issuer {
    pub(super) fn new(config: &OidcConfig, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: config.issuer.clone(),
            jwks_url: config.jwks_url.clone(),
            outbound,
            clock,
            held: ArcSwapOption::empty(),
            asked: Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Whether the provider signed a token.
    ///
    /// # Errors
    /// [`OidcError`].
    pub(super) async fn verify(&self, token: &Token<'_>) -> Result<(), OidcError> {
        let held = self.within(REFRESH);
        if let Some(verified) = held.as_ref().and_then(|held| held.keys.verify(token)) {
            return verified;
        }
        self.fetch().await;
        let held = self.within(STALE).ok_or(OidcError::Unreachable)?;
        let unknown = OidcError::Refused("its issuer has no key of the name that it says");
        held.keys.verify(token).unwrap_or(Err(unknown))
    }

    /// Keys that are no older than that. After a clock was set back they are as old as they seem new.
    fn within(&self, longest: Duration) -> Option<Arc<Held>> {
        let held = self.held.load_full()?;
        let age = Duration::from_millis(self.clock.now().since(held.at).unsigned_abs());
        (age <= longest).then_some(held)
    }

    /// Fetches the keys, unless they were asked for just before.
    async fn fetch(&self) {
        let mut asked = self.asked.lock().await;
        let now = self.clock.now();
        let age = |asked: Timestamp| Duration::from_millis(now.since(asked).unsigned_abs());
        if asked.is_some_and(|asked| age(asked) < PAUSE) {
            return;
        }
        *asked = Some(now);
        let issuer = &self.name;
        match self.ask().await {
            Ok(keys) => {
                self.held.store(Some(Arc::new(Held { keys, at: now })));
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(issuer, "the keys of {issuer} can be had again");
                }
            }
            Err(failure) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        issuer,
                        error = &failure as &dyn std::error::Error,
                        "the keys of {issuer} cannot be had, the last ones are good for a day: {failure}"
                    );
                }
            }
        }
    }

    async fn ask(&self) -> Result<KeySet, Failure> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let none = Failure::Content("the document of its keys has none that could be used here");
        KeySet::read(&self.document(&url).await?).ok_or(none)
    }

    /// Where it says that its keys are. It must say it of itself (OpenID Connect Discovery 1.0 §4.3).
    async fn discover(&self) -> Result<String, Failure> {
        let base = self.name.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let document = self.document(&url).await?;
        let text = |name: &str| document.root().get(name).and_then(Value::as_str);
        if text("issuer").as_deref() != Some(&*self.name) {
            return Err(Failure::Content(
                "what is published there is another issuer's; write --oidc-issuer as it says it itself",
            ));
        }
        let url = text("jwks_uri").map(std::borrow::Cow::into_owned);
        url.ok_or(Failure::Content(
            "it does not say where its keys are; write --oidc-jwks-url",
        ))
    }

    async fn document(&self, url: &str) -> Result<Document, Failure> {
        let bytes = self.outbound.get(url, LONGEST).await?;
        let limits = Limits {
            bytes: LONGEST,
            ..Limits::default()
        };
        let read = Document::parse_with(bytes, limits);
        read.map_err(|_| Failure::Content("what it publishes is not JSON"))
    }
}
