//! An endpoint as it is to be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::digest::Digest;
use mcps_core::random::Random;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::secret::Secret;
use crate::signals::issuing;
use crate::subject::Tenant;
use crate::webhooks::{Form, SigningKey, TYPES};

/// Longest address, and audience.
const MAX_URL: usize = 2048;
/// Longest bearer token.
const MAX_TOKEN: usize = 4096;

/// What messages are signed with.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Signing {
    /// A key of this endpoint's own: whoever verifies cannot sign.
    #[default]
    Ed25519,
    /// A secret that both sides have.
    Hmac,
}

/// What messages look like.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::api) enum Shape {
    /// Standard Webhooks 1.0.0.
    #[default]
    Standard,
    /// Security event tokens of the Shared Signals Framework 1.0, signed by the authority's status key.
    SharedSignals,
}

/// An endpoint to be told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WebhookOrder {
    /// Where messages are sent: `https://`, and a public address. Left out where tokens are fetched.
    #[serde(default)]
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// What messages look like.
    #[serde(default)]
    form: Shape,
    /// Of `shared-signals`: tokens are fetched from here, with a bearer token that is made and shown once.
    #[serde(default)]
    polled: bool,
    /// Of `shared-signals`: `aud` of the tokens; `url` unless stated, or the endpoint's id where there is
    /// none.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 2048)]
    audience: Option<String>,
    /// Of `shared-signals` with `url`: the bearer token that is shown to the receiver.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 4096)]
    token: Option<String>,
    /// Only what is of this tenant; everything unless stated.
    #[serde(default)]
    pub(super) tenant: Option<Tenant>,
    /// Only these types, as `suspend` or `incident.proposed`; all unless stated.
    #[serde(default)]
    events: Vec<String>,
    /// Of `standard`: what they are signed with; `ed25519` unless stated.
    #[serde(default)]
    signing: Option<Signing>,
}

const fn invalid(member: &'static str, why: &'static str) -> Error {
    Error::Invalid { member, why }
}

impl WebhookOrder {
    /// Which types it is told of; those that there is a token for, where it takes tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(super) fn told(&self) -> Result<Vec<String>, Error> {
        let (known, why): (&[&str], _) = match self.form {
            Shape::Standard => (
                &TYPES,
                "has a type that there is not; docs/webhooks.md lists them",
            ),
            Shape::SharedSignals => (
                &issuing::TYPES,
                "has a type that no token tells of: suspend, revoke, reinstate, stop and key_block are told",
            ),
        };
        let known = |kind: &String| known.contains(&kind.as_str());
        if !self.events.iter().all(known) {
            return Err(invalid("events", why));
        }
        Ok(match self.form {
            Shape::SharedSignals if self.events.is_empty() => {
                issuing::TYPES.map(str::to_owned).to_vec()
            }
            _ => self.events.clone(),
        })
    }

    /// Where messages are sent; nowhere where they are fetched.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(super) fn address(&self) -> Result<Option<String>, Error> {
        match (&self.url, self.polled) {
            (Some(url), false) if url.len() > MAX_URL => {
                Err(invalid("url", "has more than 2048 bytes"))
            }
            (Some(url), false) => Ok(Some(url.clone())),
            (None, true) => Ok(None),
            (None, false) => Err(invalid("url", "is missing; only tokens are fetched")),
            (Some(_), true) => Err(invalid("url", "is where tokens are sent that are fetched")),
        }
    }

    /// What messages of the endpoint of that id look like, and the secret to be shown once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Random`].
    pub(super) fn made(
        &self,
        id: &str,
        random: &dyn Random,
    ) -> Result<(Form, Option<String>), Error> {
        let mut bytes = vec![0; 32];
        random.fill(&mut bytes)?;
        if self.form == Shape::Standard {
            let tokens = "belongs to `shared-signals`";
            for (name, given) in [
                ("polled", self.polled),
                ("audience", self.audience.is_some()),
                ("token", self.token.is_some()),
            ] {
                if given {
                    return Err(invalid(name, tokens));
                }
            }
            let key = match self.signing.unwrap_or_default() {
                Signing::Ed25519 => SigningKey::Ed25519(bytes),
                Signing::Hmac => SigningKey::Hmac(bytes),
            };
            let secret = key.secret();
            return Ok((Form::Standard(key), secret));
        }
        if self.signing.is_some() {
            let why = "is of standard webhooks; tokens are signed by the authority's status key";
            return Err(invalid("signing", why));
        }
        let audience = self.audience.as_ref().or(self.url.as_ref());
        let audience = audience.map_or(id, String::as_str).to_owned();
        if audience.is_empty() || audience.len() > MAX_URL {
            return Err(invalid("audience", "has 1 to 2048 bytes"));
        }
        if self.polled {
            if self.token.is_some() {
                return Err(invalid("token", "is made here where tokens are fetched"));
            }
            let secret = URL_SAFE_NO_PAD.encode(bytes);
            let token = Digest::of(secret.as_bytes());
            return Ok((Form::Poll { audience, token }, Some(secret)));
        }
        let token = self.token.as_deref().map(str::trim);
        let sound = |token: &str| {
            (1..=MAX_TOKEN).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !token.is_none_or(sound) {
            return Err(invalid("token", "is 1 to 4096 visible ASCII characters"));
        }
        let token = token.map(|token| Secret::new(token.to_owned()));
        Ok((Form::Push { audience, token }, None))
    }
}
