//! How it is known that a report is its source's own: from the bytes as they came, before anything is
//! read from them.

use std::fmt;

use aws_lc_rs::hmac;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;

use super::client::{ClientProof, ShownClient};
use super::signature::{Headers, TOLERANCE, Unsigned, Verifier};
use super::tokens::{TokenError, Transmitter};

/// Most signatures that are looked at in one header: more than one while a key is changed.
const MAX_SIGNATURES: usize = 8;

/// How a source proves that a report is its own.
#[derive(Clone)]
pub enum Authentication {
    /// Standard Webhooks.
    Signature(Verifier),
    /// PagerDuty's `x-pagerduty-signature`: `v1=` and HMAC-SHA256 over the body, in hex.
    PagerDuty(Vec<u8>),
    /// Grafana's `x-grafana-alerting-signature`: HMAC-SHA256 over `timestamp:body`, in hex, with the
    /// timestamp in `x-grafana-alerting-timestamp`.
    Grafana(Vec<u8>),
    /// Security event tokens (RFC 8417), signed by one of the transmitter's keys.
    Tokens(Transmitter),
    /// A client certificate, by which the connection is proven.
    Certificate(ClientProof),
    /// `authorization: Bearer …`; the SHA-256 of the token.
    Bearer(Digest),
    /// A last part of the path that nobody guesses; its SHA-256.
    Address(Digest),
}

/// No secret is shown.
impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

/// How much it proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The sender has a key, and these are the sender's bytes.
    Signed,
    /// The sender has seen a secret.
    Bearer,
    /// The sender has seen an address.
    Address,
}

/// A report as it came.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The last part of the path behind the source's name.
    pub address: Option<&'a str>,
    /// Finds a header's value.
    pub headers: &'a dyn HeaderLookup,
    /// The client certificate of the connection, verified.
    pub client: Option<ShownClient<'a>>,
    /// The bytes.
    pub body: &'a [u8],
}

/// Where header values are found.
pub trait HeaderLookup: fmt::Debug + Sync {
    /// The value of a header, in lower case named, if it is text.
    fn header(&self, name: &str) -> Option<&str>;
}

/// What is known of a report once it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Believed {
    /// The id that the sender gave it, where the authentication has one.
    pub id: Option<String>,
    /// The text to read: the body, or what a token states.
    pub text: Vec<u8>,
}

/// Why a report is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disbelieved {
    /// No proof, or not the source's.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// A token that is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Authentication {
    /// Its name in JSON and in the database.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Signature(verifier) => verifier.scheme(),
            Self::PagerDuty(_) => "pagerduty",
            Self::Grafana(_) => "grafana",
            Self::Tokens(_) => "tokens",
            Self::Certificate(_) => "mtls",
            Self::Bearer(_) => "bearer",
            Self::Address(_) => "url",
        }
    }

    /// How much it proves.
    #[must_use]
    pub const fn strength(&self) -> Strength {
        match self {
            Self::Signature(_)
            | Self::PagerDuty(_)
            | Self::Grafana(_)
            | Self::Tokens(_)
            | Self::Certificate(_) => Strength::Signed,
            Self::Bearer(_) => Strength::Bearer,
            Self::Address(_) => Strength::Address,
        }
    }

    /// Whether it is by security event tokens.
    #[must_use]
    pub const fn is_tokens(&self) -> bool {
        matches!(self, Self::Tokens(_))
    }

    /// The bytes to be stored.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Signature(verifier) => verifier.bytes().to_vec(),
            Self::PagerDuty(secret) | Self::Grafana(secret) => secret.clone(),
            Self::Tokens(transmitter) => transmitter.text().into_bytes(),
            Self::Certificate(proof) => proof.text().into_bytes(),
            Self::Bearer(digest) | Self::Address(digest) => digest.as_bytes().to_vec(),
        }
    }

    /// What was stored; `None` for what this version does not understand.
    #[must_use]
    pub fn stored(scheme: &str, bytes: Vec<u8>) -> Option<Self> {
        let digest = |bytes: Vec<u8>| Some(Digest::from_bytes(bytes.try_into().ok()?));
        match scheme {
            "pagerduty" => Some(Self::PagerDuty(bytes)),
            "grafana" => Some(Self::Grafana(bytes)),
            "tokens" => {
                let text = String::from_utf8(bytes).ok()?;
                Transmitter::parse(&text).ok().map(Self::Tokens)
            }
            "mtls" => {
                let text = String::from_utf8(bytes).ok()?;
                ClientProof::stored(&text).map(Self::Certificate)
            }
            "bearer" => digest(bytes).map(Self::Bearer),
            "url" => digest(bytes).map(Self::Address),
            _ => Verifier::stored(scheme, bytes).map(Self::Signature),
        }
    }

    /// Whether a report is the source's own, and what is to be read of it.
    ///
    /// # Errors
    /// [`Disbelieved`].
    pub fn believe(&self, report: Incoming<'_>, now: Timestamp) -> Result<Believed, Disbelieved> {
        // An address is for those sources alone that prove themselves by it.
        if report.address.is_some() != matches!(self, Self::Address(_)) {
            return Err(Unsigned::Signature.into());
        }
        let header = |name| report.headers.header(name);
        let body = || report.body.to_vec();
        match self {
            Self::Signature(verifier) => {
                let headers = Headers {
                    id: header("webhook-id"),
                    timestamp: header("webhook-timestamp"),
                    signature: header("webhook-signature"),
                };
                let id = verifier.verify(headers, report.body, now)?.to_owned();
                let (id, text) = (Some(id), body());
                Ok(Believed { id, text })
            }
            Self::PagerDuty(secret) => {
                const NAME: &str = "x-pagerduty-signature";
                let given = header(NAME).ok_or(Unsigned::Header(NAME))?;
                let mut given = given.split(',').take(MAX_SIGNATURES);
                let good = given.any(|one| {
                    let hex = one.trim().strip_prefix("v1=");
                    hex.is_some_and(|hex| signed(secret, report.body, hex))
                });
                let id = None;
                good.then(|| Believed { id, text: body() })
                    .ok_or_else(|| Unsigned::Signature.into())
            }
            Self::Grafana(secret) => {
                const NAME: &str = "x-grafana-alerting-signature";
                const AT: &str = "x-grafana-alerting-timestamp";
                let hex = header(NAME).ok_or(Unsigned::Header(NAME))?;
                let at = header(AT).filter(|text| text.len() <= 12);
                let at = at.ok_or(Unsigned::Header(AT))?;
                let seconds: i64 = at.parse().map_err(|_| Unsigned::Header(AT))?;
                let stated = Timestamp::from_millis(seconds.saturating_mul(1000));
                if now.since(stated).unsigned_abs() > TOLERANCE.as_millis() as u64 {
                    return Err(Unsigned::Time.into());
                }
                let message = [at.as_bytes(), b":", report.body].concat();
                let id = None;
                let good = signed(secret, &message, hex.trim());
                good.then(|| Believed { id, text: body() })
                    .ok_or_else(|| Unsigned::Signature.into())
            }
            Self::Tokens(transmitter) => Ok(transmitter.believe(report.body, now)?),
            Self::Certificate(proof) => {
                let good = report.client.is_some_and(|shown| proof.is(shown));
                good.then(|| named(report))
                    .ok_or_else(|| Unsigned::Signature.into())
            }
            Self::Bearer(digest) => {
                let given = header("authorization").and_then(|value| value.split_once(' '));
                let token = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                let token = token.map(|(_, token)| token.trim());
                shown(token, digest, report)
            }
            Self::Address(digest) => shown(report.address, digest, report),
        }
    }
}

/// Whoever shows a secret may give the report an id too; it is as good as the rest.
fn shown(
    secret: Option<&str>,
    digest: &Digest,
    report: Incoming<'_>,
) -> Result<Believed, Disbelieved> {
    // Digests are compared in the same time whatever they are.
    let good = secret.is_some_and(|secret| Digest::of(secret.as_bytes()).is_same(digest));
    good.then(|| named(report))
        .ok_or_else(|| Unsigned::Signature.into())
}

/// A report with the id that its sender gave it in a header.
fn named(report: Incoming<'_>) -> Believed {
    let sound = |id: &&str| (1..=128).contains(&id.len());
    let id = report.headers.header("webhook-id").filter(sound);
    Believed {
        id: id.map(str::to_owned),
        text: report.body.to_vec(),
    }
}

fn signed(secret: &[u8], message: &[u8], hex: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let given = Digest::from_hex(hex);
    given.is_some_and(|given| hmac::verify(&key, message, given.as_bytes()).is_ok())
}

#[cfg(test)]
mod tests;
