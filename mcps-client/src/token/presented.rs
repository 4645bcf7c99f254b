//! The access token that came with a request, as far as a signature speaks of it.

use http::{HeaderMap, header};
use mcps_core::digest::Digest;
use mcps_core::refusal::Refusal;

use super::{SCHEME, is_token};

/// What a request says in `Authorization`. The token itself is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// No access token; another scheme may be in use, which is nobody's business here.
    Nothing,
    /// One, with this hash.
    Token(Digest),
    /// Something that two readers might read differently.
    Unclear(&'static str),
}

impl Presented {
    /// Reads the headers of a request.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = match (values.next(), values.next()) {
            (None, _) => return Self::Nothing,
            (Some(value), None) => value.as_bytes(),
            (Some(_), Some(_)) => return Self::Unclear("there is more than one Authorization"),
        };
        let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
            return Self::Nothing;
        };
        // `Bearer` alone, and before whatever cannot go on with the scheme's name.
        let ends = rest.first().is_none_or(|byte| !is_name(*byte));
        if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) || !ends {
            return Self::Nothing;
        }
        let token = rest.iter().position(|byte| *byte != b' ');
        match token.and_then(|at| rest.get(at..).filter(|_| at > 0)) {
            Some(token) if is_token(token) => Self::Token(Digest::of(token)),
            _ => Self::Unclear("Authorization says Bearer and holds no token"),
        }
    }

    /// Whether it is the token that a signed message names: the same one, or none for none.
    ///
    /// # Errors
    /// [`Refusal::AccessToken`].
    pub(crate) fn is_bound(&self, ath: Option<&Digest>) -> Result<(), Refusal> {
        let why = match (self, ath) {
            (Self::Unclear(why), _) => why,
            (Self::Nothing, None) => return Ok(()),
            (Self::Token(own), Some(ath)) if own == ath => return Ok(()),
            (Self::Nothing, Some(_)) => "the one that was signed for did not come",
            (Self::Token(_), None) => "one came that was not signed for",
            (Self::Token(_), Some(_)) => "it is not the one that was signed for",
        };
        Err(Refusal::AccessToken(why))
    }

    /// Whether it may come with a message that nobody signed, which says nothing of tokens.
    ///
    /// # Errors
    /// [`Refusal::AccessToken`] where nobody could say which one is meant.
    pub fn is_clear(&self) -> Result<(), Refusal> {
        match self {
            Self::Nothing | Self::Token(_) => Ok(()),
            Self::Unclear(why) => Err(Refusal::AccessToken(why)),
        }
    }
}

/// A `tchar` (RFC 9110 §5.6.2), of which names of schemes are made.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
