//! Enrolment tokens: the right to one passport, given by an operator to whoever will have the key.

use std::fmt;
use std::time::Duration;

use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::Kind;
use mcps_core::random::{Random, RandomError};

use crate::bearer;
use crate::error::Error;
use crate::issue::{Asked, AskedLevel, Order, seconds};

/// What every token begins with.
pub const PREFIX: &str = "mcps_et_";
/// How long a token may be redeemed, unless something else is asked for.
pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(600);
/// The longest that a token may be redeemed.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// An enrolment token: [`PREFIX`] and 43 characters of base64url. Shown once, never logged.
#[derive(Clone)]
pub struct EnrolmentToken(String);

impl EnrolmentToken {
    /// A new token.
    ///
    /// # Errors
    /// [`RandomError`] when the source fails.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        bearer::generate(PREFIX, random).map(Self)
    }

    /// Reads a token; anything that cannot be one is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bearer::is_sound(PREFIX, text).then(|| Self(text.to_owned()))
    }

    /// The token itself, for showing it this once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentToken(..)")
    }
}

/// Which names a token may be redeemed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// This one.
    Exactly(String),
    /// One that begins so.
    Beginning(String),
}

impl Named {
    fn allows(&self, name: &str) -> bool {
        match self {
            Self::Exactly(own) => own == name,
            Self::Beginning(prefix) => name.starts_with(prefix),
        }
    }
}

/// What a token entitles to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tenant's id.
    pub tenant: String,
    /// What kind of subject.
    pub kind: Kind,
    /// Which names.
    pub named: Named,
    /// Who answers for it.
    pub owner: String,
    /// What the subject may say that it can do.
    pub capabilities: Vec<String>,
    /// Where it lives.
    pub origin: Option<String>,
    /// The level that is stated.
    pub trust_level: TrustLevel,
    /// For how long.
    pub life: Duration,
}

impl Grant {
    /// The order of whoever has the token. What they leave out is as granted; what they state may
    /// be less, never more or other.
    ///
    /// # Errors
    /// [`Error::TokenBound`] naming the first member that goes beyond, [`Error::Invalid`].
    pub fn order(&self, asked: Asked, token_id: &str) -> Result<Order, Error> {
        let bound = |member, within: bool| within.then_some(()).ok_or(Error::TokenBound { member });
        bound("tenant", asked.tenant == self.tenant)?;
        bound("kind", asked.kind == self.kind)?;
        bound("name", self.named.allows(&asked.name))?;
        let owner = asked.owner.as_ref();
        bound("owner", owner.is_none_or(|owner| *owner == self.owner))?;
        let origin = asked.origin.as_ref();
        let same = |origin: &String| Some(origin) == self.origin.as_ref();
        bound("origin", origin.is_none_or(same))?;
        let capabilities = asked.capabilities;
        let granted = |one: &String| self.capabilities.contains(one);
        let within = capabilities
            .as_ref()
            .is_none_or(|all| all.iter().all(granted));
        bound("capabilities", within)?;
        let level = asked.trust_level.unwrap_or(self.trust_level);
        bound("trust_level", level <= self.trust_level)?;
        bound("ca", asked.ca.is_none())?;
        let life = asked.ttl_s.map_or(Ok(self.life), seconds)?;
        bound("ttl_s", life <= self.life)?;
        Ok(Order {
            kind: self.kind,
            version: asked.version,
            owner: self.owner.clone(),
            capabilities: capabilities.unwrap_or_else(|| self.capabilities.clone()),
            origin: self.origin.clone(),
            level: AskedLevel::Exactly(level),
            life,
            ca: None,
            renews: None,
            rotation: None,
            token: Some(token_id.to_owned()),
            issued_by: token_id.to_owned(),
        })
    }
}

/// The level of a token, 1 unless stated: what an operator may decide on.
///
/// # Errors
/// [`Error::EvidenceNeeded`] for 3 and 4, [`Error::Invalid`] for what is no level.
pub fn level(asked: Option<i64>) -> Result<TrustLevel, Error> {
    match asked.map_or(Ok(TrustLevel::L1), crate::issue::level)? {
        level @ (TrustLevel::L0 | TrustLevel::L1 | TrustLevel::L2) => Ok(level),
        TrustLevel::L3 | TrustLevel::L4 => Err(Error::EvidenceNeeded),
    }
}

/// How long a token may be redeemed.
///
/// # Errors
/// [`Error::Invalid`] when it is not between one second and seven days.
pub fn validity(asked_s: Option<i64>) -> Result<Duration, Error> {
    let Some(asked) = asked_s else {
        return Ok(DEFAULT_VALIDITY);
    };
    let asked = u64::try_from(asked).ok().map(Duration::from_secs);
    let allowed = |life: &Duration| !life.is_zero() && *life <= LONGEST_VALIDITY;
    asked.filter(allowed).ok_or(Error::Invalid {
        member: "valid_for_s",
        why: "must be 1 to 604800 seconds (7 days)",
    })
}

#[cfg(test)]
mod tests;
