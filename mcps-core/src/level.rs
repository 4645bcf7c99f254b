//! Trust levels L0–L4 and the rule that a level is never more than its weakest support.

use std::fmt;
use std::time::Duration;

/// How far a passport, a chain or a channel is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TrustLevel {
    /// Unsigned, or from an unknown issuer.
    L0 = 0,
    /// Identified: a passport was presented and its key proven.
    L1 = 1,
    /// Verified: identity and origin checked by a recognised authority.
    L2 = 2,
    /// Scanned: a passing security scan of this very version is on file.
    L3 = 3,
    /// Audited: a manual review by two people is on file.
    L4 = 4,
}

impl TrustLevel {
    /// Every level, lowest first.
    pub const ALL: [TrustLevel; 5] = [Self::L0, Self::L1, Self::L2, Self::L3, Self::L4];

    /// From 0 to 4.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| i64::from(level.number()) == number)
    }

    /// 0 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// `Unsigned`, `Identified`, `Verified`, `Scanned` or `Audited`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L0 => "Unsigned",
            Self::L1 => "Identified",
            Self::L2 => "Verified",
            Self::L3 => "Scanned",
            Self::L4 => "Audited",
        }
    }

    /// How old the knowledge of revocations may be at this level; `None` where none is needed.
    #[must_use]
    pub const fn status_bound(self) -> Option<Duration> {
        match self {
            Self::L0 => None,
            Self::L1 => Some(Duration::from_secs(24 * 3600)),
            Self::L2 => Some(Duration::from_secs(3600)),
            Self::L3 => Some(Duration::from_secs(15 * 60)),
            Self::L4 => Some(Duration::from_secs(60)),
        }
    }
}

/// `L2`.
impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.number())
    }
}

/// Accepts `2`, `L2` and `l2`.
impl std::str::FromStr for TrustLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix(['L', 'l']).unwrap_or(text);
        let level = digits.parse().ok().and_then(Self::from_number);
        level.ok_or_else(|| format!("`{text}` is not a trust level; write 0, 1, 2, 3 or 4"))
    }
}

/// The three inputs of a decision on trust, kept together for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// What the passport says.
    pub passport: TrustLevel,
    /// The cap of its issuer chain.
    pub cap: TrustLevel,
    /// What this channel has satisfied.
    pub channel: TrustLevel,
}

impl Effective {
    /// The minimum of the three.
    #[must_use]
    pub fn level(self) -> TrustLevel {
        self.passport.min(self.cap).min(self.channel)
    }
}

#[cfg(test)]
mod tests;
