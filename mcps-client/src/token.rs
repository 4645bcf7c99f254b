//! OAuth access tokens (RFC 6750) that travel beside signed messages. A token is never part of a
//! message: its hash is (`ath`), so that nobody on the way can put another in its place, take it
//! away, or add one.

mod presented;
mod source;

pub use presented::Presented;
pub use source::TokenSource;

use std::fmt;

use http::{HeaderMap, HeaderValue, header};
use mcps_core::digest::Digest;
use zeroize::Zeroizing;

/// The authentication scheme (RFC 6750 §2.1).
const SCHEME: &str = "Bearer";

/// Longest token, so that a head of a request has room for it and for a signed fetch.
const MAX_BYTES: usize = 16 * 1024;

/// An access token. Its debug output is only its size.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Reads a token, behind which a line end may stand. `None` for anything but a `b64token`
    /// (RFC 6750 §2.1) of at most 16 KiB.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let token = line.strip_suffix(b"\r").unwrap_or(line);
        if !is_token(token) {
            return None;
        }
        let text = std::str::from_utf8(token).ok()?;
        Some(Self(Zeroizing::new(text.to_owned())))
    }

    /// The one that came with a request; `None` where there is none.
    ///
    /// # Errors
    /// What [`Presented::Unclear`] says, where nobody could say which one is meant.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, &'static str> {
        let token = bearer(headers)?;
        Ok(token.and_then(Self::parse))
    }

    /// The token itself, for whoever has to judge it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What an envelope says of it: the SHA-256 of its bytes. RFC 9449 §4.2 has the same hash,
    /// written in base64url.
    #[must_use]
    pub fn ath(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The value of `Authorization`, which logs and debug output of headers leave out.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("{SCHEME} {}", self.0.as_str()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({} bytes)", self.0.len())
    }
}

/// The access token that headers hold, as it was written.
fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, &'static str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err("there is more than one Authorization"),
    };
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
        return Ok(None);
    };
    // `Bearer` alone, and before whatever cannot go on with the scheme's name.
    let ends = rest.first().is_none_or(|byte| !is_name(*byte));
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) || !ends {
        return Ok(None);
    }
    let token = rest.iter().position(|byte| *byte != b' ');
    let token = token.and_then(|at| rest.get(at..).filter(|_| at > 0));
    match token.filter(|token| is_token(token)) {
        Some(token) => Ok(Some(token)),
        None => Err("Authorization says Bearer and holds no token"),
    }
}

/// A `tchar` (RFC 9110 §5.6.2), of which names of schemes are made.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_token(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|byte| *byte != b'=');
    let core = end.and_then(|end| bytes.get(..=end)).unwrap_or_default();
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    !core.is_empty() && bytes.len() <= MAX_BYTES && core.iter().all(good)
}

#[cfg(test)]
mod tests;
