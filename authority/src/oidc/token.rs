//! A JWT (RFC 7519) as it was received. What is read here is not believed before its signature is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Limits, Value};

use super::{OidcConfig, OidcError, SKEW};

/// The longest token, and how deep its claims may nest.
const WITHIN: Limits = Limits {
    bytes: 16 * 1024,
    depth: 16,
};
/// Ways of signing by which nobody can make what only the provider can: none that shares a secret, and
/// not the one that is none.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];
/// Claims that an ID token has and an access token has no use for (OpenID Connect Core 1.0 §2, §3.3.2.11).
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// One.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    pub(super) algorithm: Algorithm,
    /// Which key it is signed with, as it says.
    pub(super) kid: Option<String>,
    claims: Document,
}

/// The algorithm of that name, if it is one that is believed.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let mut known = ALGORITHMS.into_iter();
    known.find(|(own, _)| *own == name).map(|(_, own)| own)
}

impl<'a> Token<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// [`OidcError::Refused`].
    pub(super) fn read(text: &'a str) -> Result<Self, OidcError> {
        let malformed = || OidcError::Refused("it cannot be read as one");
        if text.len() > WITHIN.bytes {
            return Err(OidcError::Refused("it is longer than a token may be"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        if claims.contains('.') {
            return Err(malformed());
        }
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed())?;
            Document::parse_with(bytes, WITHIN).map_err(|_| malformed())
        };
        let header = json(header)?;
        let header = header.root();
        if header.get("crit").is_some() {
            let unknown = "it has critical members that nobody here knows";
            return Err(OidcError::Refused(unknown));
        }
        if let Some(kind) = header.get("typ") {
            let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            if kind != "jwt" && kind != "at+jwt" {
                let other = "it says of itself that it is something else than an access token";
                return Err(OidcError::Refused(other));
            }
        }
        let named = header.get("alg").and_then(Value::as_str);
        let algorithm = named.and_then(|name| algorithm(&name));
        let algorithm = algorithm.ok_or(OidcError::Refused(
            "it is not signed in a way that proves its issuer",
        ))?;
        let kid = header.get("kid").map(|kid| {
            let kid = kid.as_str().filter(|kid| kid.len() <= 256);
            kid.map(std::borrow::Cow::into_owned).ok_or_else(malformed)
        });
        let claims = json(claims)?;
        claims.root().as_object().ok_or_else(malformed)?;
        Ok(Self {
            signed,
            signature,
            algorithm,
            kid: kid.transpose()?,
            claims,
        })
    }

    /// What it says.
    pub(super) fn claims(&self) -> Value<'_> {
        self.claims.root()
    }

    /// A claim that is a text.
    pub(super) fn text(&self, claim: &str) -> Option<String> {
        let text = self.claims().get(claim)?.as_str()?;
        Some(text.into_owned())
    }

    /// Holds its claims against whom it has to be from and for, and against the time. Until when it is
    /// good.
    ///
    /// # Errors
    /// [`OidcError::Refused`].
    pub(super) fn hold(&self, config: &OidcConfig, now: Timestamp) -> Result<Timestamp, OidcError> {
        let refused = |why| Err(OidcError::Refused(why));
        if self.text("iss").as_deref() != Some(&*config.issuer) {
            return refused("its issuer is another than the one that is believed here");
        }
        if !self.is_for(&config.audience) {
            return refused("it is for somebody else than this authority");
        }
        if OF_ID_TOKENS
            .iter()
            .any(|name| self.claims().get(name).is_some())
        {
            return refused(
                "it is an ID token, which is for the program that asked for it; send an access token",
            );
        }
        let Some(until) = self.instant("exp")? else {
            return refused("it never expires");
        };
        if until.plus(SKEW) <= now {
            return refused("it has expired");
        }
        for name in ["nbf", "iat"] {
            if self
                .instant(name)?
                .is_some_and(|since| since > now.plus(SKEW))
            {
                return refused("it is not good yet");
            }
        }
        Ok(until.plus(SKEW))
    }

    fn is_for(&self, audience: &[String]) -> bool {
        let Some(aud) = self.claims().get("aud") else {
            return false;
        };
        let ours = |one: Value<'_>| {
            let text = one.as_str();
            text.is_some_and(|text| audience.iter().any(|own| *own == text))
        };
        match aud.as_array() {
            Some(list) => list.iter().any(ours),
            None => ours(aud),
        }
    }

    /// A NumericDate (RFC 7519 §2), in whole seconds. A text is none.
    fn instant(&self, claim: &str) -> Result<Option<Timestamp>, OidcError> {
        let Some(value) = self.claims().get(claim) else {
            return Ok(None);
        };
        // Up to 9999, which a double tells to the millisecond.
        let range = 0.0..=253_402_300_799.0;
        let number = value.as_f64().filter(|number| range.contains(number));
        let number = number.ok_or(OidcError::Refused("a time in it is no number of seconds"))?;
        #[expect(clippy::cast_possible_truncation, reason = "it is within that range")]
        let seconds = number.floor() as i64;
        Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1000))))
    }
}
