//! Sequences: patterns over what happened before, each with constant state.
//!
//! An event is the set of facts that became true at one moment: at a call, its result, a refusal or
//! an approval. The forms are past-time metric logic cut down:
//!
//! | form | acts at an event when |
//! |---|---|
//! | `A` | A holds |
//! | `A ; B ; C` | C holds, and B before it or with it, and A before B or with it |
//! | `A & B` | one of them holds, and the other did before or does |
//! | `A since B` | A holds, and has at every event of its kind since some B |
//! | `never A before B` | A holds, and B did not before |
//! | `count(A, 60s) > 20` | A holds, and did so more than 20 times within the window |
//!
//! `within` bounds the age of the first fact of a chain, of the oldest of `&`, of B in the others.
//! For a chain the latest start of each prefix is kept: of two starts the later one is within the
//! bound whenever the earlier is, so the answer is exact with one number a prefix.

mod buckets;
mod bytes;
mod commit;
mod foreign;
mod layout;
mod memory;
mod merge;
mod parse;

#[cfg(test)]
mod tests;

pub use bytes::same_but_for_counts;
pub(crate) use layout::{LARGEST, Layout, Pattern};
pub use memory::{Memory, MemoryError};
pub(crate) use parse::parse;

use std::time::Duration;

use super::fact::FactSet;
use super::level_text;
use mcps_core::level::TrustLevel;

/// At most this many sequences a tenant.
pub(crate) const MOST: usize = 128;
/// Buckets a window is cut into.
pub(super) const BUCKETS: i64 = 12;
/// No time yet.
pub(super) const NONE: i64 = i64::MIN;

/// One form over facts, by their places in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In this order; one alone is a chain too.
    Chain(Vec<usize>),
    /// In any order.
    All(Vec<usize>),
    /// The first has held at each event of its kind since the second.
    Since { held: usize, since: usize },
    /// The first must not come before the second.
    Never { fact: usize, before: usize },
    /// More than `over` within `window` milliseconds.
    Count { fact: usize, window: i64, over: u16 },
}

impl Form {
    /// Facts whose coming can make it act.
    pub(crate) fn acts_on(&self) -> FactSet {
        let of = |places: &[usize]| {
            places
                .iter()
                .fold(FactSet::default(), |set, at| set.with(*at))
        };
        match self {
            Self::Chain(chain) => of(chain.last().map_or(&[], std::slice::from_ref)),
            Self::All(all) => of(all),
            Self::Since { held: fact, .. }
            | Self::Never { fact, .. }
            | Self::Count { fact, .. } => of(&[*fact]),
        }
    }

    /// How many instants it keeps beside the latest time of each fact.
    pub(crate) fn instants(&self) -> usize {
        match self {
            Self::Chain(chain) => chain.len().saturating_sub(2),
            Self::All(_) => 0,
            Self::Since { .. } | Self::Never { .. } | Self::Count { .. } => 1,
        }
    }

    /// How many counters it keeps.
    pub(crate) fn counters(&self) -> usize {
        match self {
            Self::Count { .. } => BUCKETS as usize + 1,
            _ => 0,
        }
    }
}

/// The width of a window's buckets in milliseconds.
pub(super) const fn width(window: i64) -> i64 {
    let width = (window + BUCKETS - 1) / BUCKETS;
    if width < 1 { 1 } else { width }
}

/// What a sequence or policy asks for when it acts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Refuse.
    Deny,
    /// Hold until people approve.
    Approve(Approve),
    /// Trust the caller no further than this from now on.
    LowerTrust(#[serde(with = "level_text")] TrustLevel),
    /// Tell the operators.
    Alert,
    /// Refuse, and everything after it in the same scope.
    StopSession,
}

/// Who must approve.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Approve {
    /// As members of which group.
    pub group: String,
    /// How many of them.
    pub quorum: u32,
    /// How long the call may wait, in seconds.
    pub ttl_s: u64,
}

impl Approve {
    /// Reads `secops,2,15m`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',').map(str::trim);
        let (group, quorum, ttl) = (parts.next(), parts.next(), parts.next());
        let quorum = quorum
            .and_then(|text| text.parse().ok())
            .filter(|quorum| *quorum > 0);
        let ttl = ttl.and_then(duration);
        match (
            group.filter(|group| !group.is_empty()),
            quorum,
            ttl,
            parts.next(),
        ) {
            (Some(group), Some(quorum), Some(ttl), None) => Ok(Self {
                group: group.to_owned(),
                quorum,
                ttl_s: ttl.as_secs().max(1),
            }),
            _ => Err(format!(
                "`{text}` is no approval; write group, people and time: secops,2,15m"
            )),
        }
    }
}

impl Then {
    /// Reads `deny`, `approve(secops, 2, 15m)`, `lower_trust(L1)`, `alert` or `stop_session`; an
    /// annotation's `lower_trust:L1` too.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inner = |name: &str| {
            let rest = text.strip_prefix(name)?.trim_start();
            rest.strip_prefix('(')
                .and_then(|rest| rest.strip_suffix(')'))
                .or_else(|| rest.strip_prefix(':'))
        };
        match text {
            "deny" => return Ok(Self::Deny),
            "alert" => return Ok(Self::Alert),
            "stop_session" => return Ok(Self::StopSession),
            _ => {}
        }
        if let Some(inner) = inner("approve") {
            return Approve::parse(inner).map(Self::Approve);
        }
        if let Some(inner) = inner("lower_trust") {
            return inner.trim().parse().map(Self::LowerTrust);
        }
        Err(format!(
            "`{text}` is nothing to do; write deny, approve(group, people, time), lower_trust(L1), \
             alert or stop_session"
        ))
    }
}

/// Reads `500ms`, `60s`, `30m`, `12h` or `7d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text.get(..at)?.parse().ok()?;
    let unit = match text.get(at..)? {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number
        .checked_mul(unit)
        .filter(|millis| (1..=366 * 86_400_000).contains(millis))?;
    Some(Duration::from_millis(millis))
}
