//! The access token that came with a request, as far as a signature speaks of it.

use http::HeaderMap;
use mcps_core::digest::Digest;
use mcps_core::refusal::Refusal;

use super::bearer;

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
        match bearer(headers) {
            Ok(None) => Self::Nothing,
            Ok(Some(token)) => Self::Token(Digest::of(token)),
            Err(why) => Self::Unclear(why),
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
