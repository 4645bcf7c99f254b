//! Incident response from outside: webhooks that suspend and revoke.
//!
//! A source is somebody who reports: how we know that it is they ([`authentication`]), what their
//! reports look like ([`adapter`], [`mapping`]), and what they may do: at most a ceiling, in their
//! tenant, to so many subjects. The stronger the authentication, the higher the ceiling may be; a
//! source that is configured above it is refused ([`Hook::check`]). Bytes are authenticated before they
//! are parsed.

pub mod adapter;
pub mod authentication;
pub mod client;
pub mod mapping;
pub mod poll;
pub mod secrets;
pub mod signature;
pub mod tokens;

use std::fmt;
use std::time::Duration;

use mcps_core::clock::Timestamp;

use adapter::Adapter;
use authentication::{Authentication, Strength};
use mapping::Mapping;
use poll::Poll;

/// Longest time for which a source may suspend that proves itself by its address alone.
pub const BRIEFLY: Duration = Duration::from_secs(24 * 3600);
/// Most subjects that one alert may reach, and one hour, of a source that proves itself by its address
/// alone.
pub const FEW: i64 = 100;
/// How many subjects one alert may reach, unless something else is configured.
pub const REACH: i64 = 10;
/// How many subjects the alerts of an hour may reach, unless something else is configured.
pub const PER_HOUR: i64 = 100;
/// The most that either may be.
pub const MOST: i64 = 1_000_000;

/// The most that a source may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Deserialize,
    serde::Serialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// Be recorded.
    Observe,
    /// Propose something, which an operator carries out or not.
    Propose,
    /// Suspend.
    Suspend,
    /// Revoke for good.
    Revoke,
}

impl Ceiling {
    const ALL: [Self; 4] = [Self::Observe, Self::Propose, Self::Suspend, Self::Revoke];

    /// `observe`, `propose`, `suspend` or `revoke`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Propose => "propose",
            Self::Suspend => "suspend",
            Self::Revoke => "revoke",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == text)
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One source.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name, the last part of its URL.
    pub name: String,
    /// What its reports look like.
    pub adapter: Adapter,
    /// How it is known that a report is its own.
    pub authentication: Authentication,
    /// The most that it may do.
    pub ceiling: Ceiling,
    /// The only tenant that it reaches; all when there is none.
    pub tenant: Option<String>,
    /// How many subjects one alert may reach; what reaches more is proposed.
    pub reach: i64,
    /// How many subjects the alerts of an hour may reach; what reaches more is proposed.
    pub per_hour: i64,
    /// How long it suspends; until somebody reinstates unless stated.
    pub suspend_for: Option<Duration>,
    /// How its reports are read, where that differs from the adapter's own mapping.
    pub mapping: Option<Mapping>,
    /// Where its tokens are fetched, if it does not push them.
    pub poll: Option<Poll>,
    /// Since when nothing of it is believed.
    pub disabled_at: Option<Timestamp>,
}

/// Why a source is not set up so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A bearer token may be replayed and is seen by every proxy.
    #[error(
        "a bearer token proves too little to revoke for good: whoever has seen it once may send anything. Set the ceiling to suspend, or have the source sign"
    )]
    Bearer,
    /// An address is seen by more than a token.
    #[error(
        "an address that nobody guesses proves too little to revoke for good: it stands in logs of proxies. Set the ceiling to propose, or to suspend for at most 24 h, or have the source sign"
    )]
    Address,
    /// An address alone may suspend for a limited time.
    #[error(
        "a source that proves itself by its address alone suspends for a limited time only: say for how long, at most 24 h, or set the ceiling to propose"
    )]
    AddressForever,
    /// An address alone may reach few.
    #[error(
        "a source that proves itself by its address alone may reach at most 100 subjects by one alert and in an hour, if it may suspend"
    )]
    AddressFar,
    /// A number is out of its range.
    #[error("`{0}` must be 1 to 1,000,000 subjects")]
    Radius(&'static str),
    /// A suspension of no time.
    #[error("a suspension lasts at least 1 s and at most 365 days")]
    Duration,
    /// Security event tokens are read from tokens alone.
    #[error(
        "shared-signals is read from signed tokens: give the transmitter's jwks, issuer and audience, and no other adapter takes them"
    )]
    Tokens,
    /// Only tokens prove themselves wherever they come from.
    #[error(
        "only security event tokens are fetched: give the transmitter's jwks, issuer and audience, or leave the address to poll out"
    )]
    Poll,
    /// An address or a token that is none.
    #[error(transparent)]
    PollForm(#[from] poll::PollFormError),
    /// The adapter has no mapping that names a target.
    #[error("the mapping: {0}")]
    Mapping(#[from] mapping::MappingError),
}

impl Hook {
    /// Whether its authentication bears its ceiling, and its mapping can be used.
    ///
    /// # Errors
    /// [`ProfileError`], whose text says what to do instead.
    pub fn check(&self) -> Result<(), ProfileError> {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        for (name, count) in [("reach", self.reach), ("per_hour", self.per_hour)] {
            if !(1..=MOST).contains(&count) {
                return Err(ProfileError::Radius(name));
            }
        }
        let length = self.suspend_for.unwrap_or(BRIEFLY);
        if length < Duration::from_secs(1) || length > YEAR {
            return Err(ProfileError::Duration);
        }
        if (self.adapter == Adapter::SharedSignals) != self.authentication.is_tokens() {
            return Err(ProfileError::Tokens);
        }
        if self.poll.is_some() && !self.authentication.is_tokens() {
            return Err(ProfileError::Poll);
        }
        self.adapter.mapping(self.mapping.as_ref())?;
        match (self.authentication.strength(), self.ceiling) {
            (Strength::Bearer, Ceiling::Revoke) => Err(ProfileError::Bearer),
            (Strength::Address, Ceiling::Revoke) => Err(ProfileError::Address),
            (Strength::Address, Ceiling::Suspend) => self.check_address(),
            _ => Ok(()),
        }
    }

    fn check_address(&self) -> Result<(), ProfileError> {
        if self.suspend_for.is_none_or(|length| length > BRIEFLY) {
            return Err(ProfileError::AddressForever);
        }
        if self.reach > FEW || self.per_hour > FEW {
            return Err(ProfileError::AddressFar);
        }
        Ok(())
    }

    /// Who gives the orders that it has carried out.
    #[must_use]
    pub fn giver(&self) -> String {
        format!("{GIVER}{}", self.name)
    }
}

/// What the name of whoever gives an order begins with, when it is a source.
pub const GIVER: &str = "hook:";

#[cfg(test)]
mod tests;
