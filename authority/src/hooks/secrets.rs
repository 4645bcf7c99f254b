//! The secrets of sources, made here and shown once.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mcps_core::digest::Digest;
use mcps_core::random::{Random, RandomError};

use super::authentication::Authentication;
use super::client::{ClientProof, ClientProofError};
use super::signature::{KeyError, Verifier};
use super::tokens::{Transmitter, TransmitterError};

/// Fewest bytes of a secret that somebody else made.
const LEAST: usize = 16;
/// Most.
const MOST: usize = 256;

/// How a source is to prove itself, as an operator says it.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The scheme's name, as [`Authentication::scheme`] has it.
    pub scheme: String,
    /// `whpk_…`, of `ed25519`.
    pub public_key: Option<String>,
    /// The secret of `hmac`, `pagerduty` and `grafana`; one is made where none is given and the sender
    /// does not make it.
    pub secret: Option<String>,
    /// The issuer, the audience and the key set of `tokens`, as JSON.
    pub transmitter: Option<String>,
    /// Of `mtls`: the certificate in PEM.
    pub certificate: Option<String>,
    /// Of `mtls`: an alternative name of the certificate.
    pub san: Option<String>,
}

/// Why a source cannot prove itself so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// No such scheme.
    #[error(
        "there is no such authentication: ed25519, hmac, pagerduty, grafana, tokens, mtls, bearer and url are"
    )]
    Scheme,
    /// The sender makes it.
    #[error("`{0}` is needed for this authentication")]
    Missing(&'static str),
    /// It does not belong to it.
    #[error("`{0}` does not belong to this authentication")]
    Superfluous(&'static str),
    /// Too short or too long to be a secret.
    #[error("the secret has 16 to 256 bytes")]
    Secret,
    /// A key of Standard Webhooks.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A transmitter.
    #[error(transparent)]
    Transmitter(#[from] TransmitterError),
    /// A client certificate.
    #[error(transparent)]
    Client(#[from] ClientProofError),
    /// No randomness.
    #[error("there is no randomness to make a secret of")]
    Random,
}

impl From<RandomError> for WishError {
    fn from(_: RandomError) -> Self {
        Self::Random
    }
}

impl Wish {
    /// What is stored, and the secret to be shown once if it was made here.
    ///
    /// # Errors
    /// [`WishError`].
    pub fn grant(
        &self,
        random: &dyn Random,
    ) -> Result<(Authentication, Option<String>), WishError> {
        let given = [
            ("public_key", self.public_key.is_some(), "ed25519"),
            ("jwks", self.transmitter.is_some(), "tokens"),
        ];
        for (name, given, scheme) in given {
            match (given, self.scheme == scheme) {
                (true, false) => return Err(WishError::Superfluous(name)),
                (false, true) => return Err(WishError::Missing(name)),
                _ => {}
            }
        }
        let client = [
            ("certificate", self.certificate.is_some()),
            ("san", self.san.is_some()),
        ];
        let client = client.into_iter().find(|(_, given)| *given);
        if let Some((name, _)) = client.filter(|_| self.scheme != "mtls") {
            return Err(WishError::Superfluous(name));
        }
        match self.scheme.as_str() {
            "mtls" => {
                self.no_secret()?;
                let proof = ClientProof::new(self.certificate.as_deref(), self.san.as_deref())?;
                Ok((Authentication::Certificate(proof), None))
            }
            "ed25519" => {
                let key = self.public_key.as_deref().unwrap_or_default();
                self.no_secret()?;
                Ok((Authentication::Signature(Verifier::public_key(key)?), None))
            }
            "tokens" => {
                let text = self.transmitter.as_deref().unwrap_or_default();
                self.no_secret()?;
                Ok((Authentication::Tokens(Transmitter::parse(text)?), None))
            }
            "hmac" => {
                let made = match &self.secret {
                    Some(_) => None,
                    None => Some(format!("whsec_{}", STANDARD.encode(bytes(random)?))),
                };
                let text = self.secret.as_ref().or(made.as_ref());
                let verifier = Verifier::secret(text.map_or("", |text| text.trim()))?;
                Ok((Authentication::Signature(verifier), made))
            }
            // PagerDuty makes the secret of a subscription itself.
            "pagerduty" => {
                let secret = self.secret.as_deref();
                let secret = secret.ok_or(WishError::Missing("secret"))?;
                Ok((Authentication::PagerDuty(shared(secret)?), None))
            }
            "grafana" => {
                let made = match &self.secret {
                    Some(_) => None,
                    None => Some(unguessable(random)?),
                };
                let secret = shared(
                    self.secret
                        .as_ref()
                        .or(made.as_ref())
                        .map_or("", |text| text),
                )?;
                Ok((Authentication::Grafana(secret), made))
            }
            "bearer" | "url" => {
                self.no_secret()?;
                let made = unguessable(random)?;
                let digest = Digest::of(made.as_bytes());
                let authentication = match self.scheme.as_str() {
                    "bearer" => Authentication::Bearer(digest),
                    _ => Authentication::Address(digest),
                };
                Ok((authentication, Some(made)))
            }
            _ => Err(WishError::Scheme),
        }
    }

    /// What is only ever made here, or public.
    fn no_secret(&self) -> Result<(), WishError> {
        match self.secret {
            Some(_) => Err(WishError::Superfluous("secret")),
            None => Ok(()),
        }
    }
}

fn shared(secret: &str) -> Result<Vec<u8>, WishError> {
    let secret = secret.trim().as_bytes();
    let sound = (LEAST..=MOST).contains(&secret.len());
    sound.then(|| secret.to_vec()).ok_or(WishError::Secret)
}

fn bytes(random: &dyn Random) -> Result<[u8; 32], RandomError> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// 43 characters that may stand in a path.
fn unguessable(random: &dyn Random) -> Result<String, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes(random)?))
}
