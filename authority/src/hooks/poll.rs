//! Where a source's tokens are fetched that does not push them (RFC 8936).

use crate::secret::Secret;

/// Longest address.
const MAX_URL: usize = 2048;
/// Longest bearer token.
const MAX_TOKEN: usize = 4096;

/// Where tokens are fetched.
#[derive(Clone, Debug)]
pub struct Poll {
    url: String,
    token: Secret,
}

/// Why tokens are not fetched so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollFormError {
    /// Too long.
    #[error("the address to poll has more than 2048 bytes")]
    Url,
    /// Not what may stand in a header.
    #[error("the bearer token for polling is 1 to 4096 visible ASCII characters")]
    Token,
}

impl Poll {
    /// An address, and the bearer token that is shown there.
    ///
    /// # Errors
    /// [`PollFormError`].
    pub fn new(url: String, token: &str) -> Result<Self, PollFormError> {
        let token = token.trim();
        if url.len() > MAX_URL {
            return Err(PollFormError::Url);
        }
        let sound = (1..=MAX_TOKEN).contains(&token.len());
        if !sound || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PollFormError::Token);
        }
        let token = Secret::new(token.to_owned());
        Ok(Self { url, token })
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.token
    }
}

#[cfg(test)]
mod tests;
