//! An access token in the form of RFC 9068: a JWT (RFC 7519), signed by its issuer (RFC 7515). What is
//! read here is not believed before [`super::issuer`] has verified it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Limits, Value};

use super::Fault;
use crate::call::Claims;
use crate::config::{Algorithm, Oidc, Typ};

/// The longest token, and how deep its claims may nest.
const WITHIN: Limits = Limits {
    bytes: 16 * 1024,
    depth: 16,
};
/// The longest name of a key.
const KID: usize = 256;
/// What `typ` of an access token is (RFC 9068 §4), and of a JWT that may be anything.
const TYPES: (&str, &str) = ("at+jwt", "jwt");
/// Claims that an ID token has and an access token has no use for (OpenID Connect Core 1.0 §2, §3.3.2.11;
/// `s_hash` is FAPI's).
const OF_ID_TOKENS: [&str; 4] = ["nonce", "at_hash", "c_hash", "s_hash"];

/// One as it was received.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
    pub(super) algorithm: Algorithm,
    /// Which key it is signed with, as it says.
    pub(super) kid: Option<String>,
    pub(super) claims: Claims,
    /// It says of itself that it is an access token.
    typed: bool,
}

impl Token<'_> {
    /// Whether it is an access token, as far as its issuer lets anybody tell. What else an issuer signs,
    /// such as an ID token, says who somebody is and was given to a program that may not come here with it.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub(super) fn is_access(&self, typ: Typ) -> Result<(), Fault> {
        if self.typed {
            return Ok(());
        }
        if typ == Typ::AccessToken {
            return Err(Fault::Invalid(
                "it does not say that it is an access token: its `typ` is not `at+jwt`; for an issuer that never says so write `typ = \"any\"`",
            ));
        }
        let root = self.claims.root();
        // Keycloak has the kind among the claims.
        let kind = root.get("typ");
        let other = kind.is_some_and(|kind| kind.as_str().as_deref() != Some("Bearer"));
        if other || OF_ID_TOKENS.iter().any(|name| root.get(name).is_some()) {
            return Err(Fault::Invalid(
                "it is an ID token, or another that is no access token",
            ));
        }
        Ok(())
    }
}

/// Reads one.
///
/// # Errors
/// [`Fault::Invalid`].
pub(super) fn read(text: &str) -> Result<Token<'_>, Fault> {
    let malformed = Fault::Invalid("it is neither a key nor a token");
    if text.len() > WITHIN.bytes {
        return Err(Fault::Invalid("it is longer than a token may be"));
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(malformed)?;
    if claims.contains('.') {
        return Err(malformed);
    }
    let json = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed)?;
        Document::parse_with(bytes, WITHIN).map_err(|_| malformed)
    };
    let header = json(header)?;
    let header = header.root();
    let member = |name: &str| header.get(name);
    if member("crit").is_some() {
        return Err(Fault::Invalid(
            "it has critical members that nobody here knows",
        ));
    }
    let typed = match member("typ") {
        None => false,
        Some(kind) => {
            let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            if kind != TYPES.0 && kind != TYPES.1 {
                return Err(Fault::Invalid(
                    "it says of itself that it is something else than an access token",
                ));
            }
            kind == TYPES.0
        }
    };
    let algorithm = member("alg").and_then(Value::as_str);
    let algorithm = algorithm.and_then(|name| {
        let mut all = Algorithm::ALL.into_iter();
        all.find(|algorithm| algorithm.name() == name)
    });
    let algorithm = algorithm.ok_or(Fault::Invalid(
        "it is not signed in a way that proves its issuer",
    ))?;
    let kid = member("kid").map(|kid| {
        let kid = kid.as_str().filter(|kid| kid.len() <= KID);
        kid.map(std::borrow::Cow::into_owned).ok_or(malformed)
    });
    Ok(Token {
        signed,
        signature,
        algorithm,
        kid: kid.transpose()?,
        claims: Claims::new(json(claims)?).ok_or(malformed)?,
        typed,
    })
}

/// Who issued it, as its claims say.
///
/// # Errors
/// [`Fault::Invalid`].
pub(super) fn issuer(claims: &Claims) -> Result<String, Fault> {
    let issuer = claims.root().get("iss").and_then(Value::as_str);
    let issuer = issuer.ok_or(Fault::Invalid("it does not say who its issuer is"))?;
    Ok(issuer.into_owned())
}

/// Whether claims hold now, for the endpoint of that server or of all.
///
/// # Errors
/// [`Fault::Invalid`].
pub(super) fn hold(
    claims: &Claims,
    config: &Oidc,
    server: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let root = claims.root();
    let issuer = root.get("iss").and_then(Value::as_str);
    if issuer.as_deref() != Some(&*config.issuer) {
        return Err(Fault::Invalid("its issuer is another"));
    }
    if !root
        .get("aud")
        .is_some_and(|aud| is_for(aud, config, server))
    {
        return Err(Fault::Invalid("it is for somebody else than this gateway"));
    }
    if root.get("exp").is_none() {
        return Err(Fault::Invalid("it never expires"));
    }
    if !is_current(claims, config, now) {
        return Err(Fault::Invalid("it has expired"));
    }
    let (now, skew) = (whole(now), skew(config));
    for name in ["nbf", "iat"] {
        let since = root.get(name).map(seconds).transpose()?;
        if since.is_some_and(|since| since > now.saturating_add(skew)) {
            return Err(Fault::Invalid("it is not good yet"));
        }
    }
    Ok(())
}

/// Whether claims have not expired, the issuer's clock being off by as much as it may.
pub(super) fn is_current(claims: &Claims, config: &Oidc, now: Timestamp) -> bool {
    let expires = claims.root().get("exp").map(seconds);
    let past = whole(now).saturating_sub(skew(config));
    expires.is_some_and(|expires| expires.is_ok_and(|expires| past < expires))
}

/// Whole seconds.
const fn whole(now: Timestamp) -> i64 {
    now.as_millis().div_euclid(1000)
}

fn skew(config: &Oidc) -> i64 {
    i64::try_from(config.skew_s).unwrap_or(0)
}

/// Whether claims have all scopes that their issuer's tokens need here: `scope` (RFC 9068 §2.2.3), or `scp`
/// of issuers that have another name for it, in one text or in a list.
///
/// # Errors
/// [`Fault::Scope`].
pub(super) fn reaches(claims: &Claims, config: &Oidc) -> Result<(), Fault> {
    let root = claims.root();
    let mut have = HashSet::new();
    for value in ["scope", "scp"]
        .into_iter()
        .filter_map(|name| root.get(name))
    {
        let list = value.as_array().into_iter().flatten();
        for text in list.chain([value]).filter_map(Value::as_str) {
            have.extend(text.split(' ').map(str::to_owned));
        }
    }
    match config.scopes.iter().all(|scope| have.contains(scope)) {
        true => Ok(()),
        false => Err(Fault::Scope),
    }
}

/// Whether an audience is this gateway or, of its endpoints, the one that is asked.
fn is_for(aud: Value<'_>, config: &Oidc, server: Option<&str>) -> bool {
    let ours = |one: Value<'_>| {
        let Some(one) = one.as_str() else {
            return false;
        };
        config.audience.iter().any(|own| {
            let rest = one.strip_prefix(own.as_str());
            let Some(rest) = rest else {
                return false;
            };
            rest.is_empty() || (server.is_some() && rest.strip_prefix('/') == server)
        })
    };
    match aud.as_array() {
        // One that is no text makes a list that nobody can read.
        Some(list) => list.iter().all(|one| one.as_str().is_some()) && list.iter().any(ours),
        None => ours(aud),
    }
}

/// A NumericDate (RFC 7519 §2) in whole seconds. A text is none.
fn seconds(value: Value<'_>) -> Result<i64, Fault> {
    if let Some(seconds) = value.as_i64().filter(|seconds| *seconds >= 0) {
        return Ok(seconds);
    }
    // Up to 9999, which a double tells to the millisecond.
    let range = 0.0..=253_402_300_799.0;
    let number = value.as_f64().filter(|number| range.contains(number));
    let number = number.ok_or(Fault::Invalid("a time in it is no number of seconds"))?;
    #[expect(clippy::cast_possible_truncation, reason = "it is within that range")]
    let seconds = number.floor() as i64;
    Ok(seconds)
}

#[cfg(test)]
mod tests;
