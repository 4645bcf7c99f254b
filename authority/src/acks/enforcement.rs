//! How far a position of the feed is enforced, and by whom not.

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::feed::Cursor;

use crate::store::FollowerRecord;

/// For how long after its last word a follower counts as alive: it speaks twice in that time.
pub const ALIVE: Duration = Duration::from_secs(60);
/// For how long one that is silent is named.
pub const NAMED: Duration = Duration::from_secs(600);
/// For how long it is remembered at all.
pub const REMEMBERED: Duration = Duration::from_secs(3600);

/// How far a position is enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// Which.
    pub position: Cursor,
    /// When its event was committed; `None` before the first, and when it is not kept any more.
    pub committed_at: Option<Timestamp>,
    /// How many followers are alive.
    pub followers: usize,
    /// How many of them enforce it.
    pub enforcing: usize,
    /// The times, after it was committed, by which half, 99 of 100 and all of those enforced it who
    /// were known then and are alive. The authority's clock, at which it was told so: no later.
    pub by: By,
    /// Who is alive and does not enforce it, by name.
    pub lagging: Vec<FollowerRecord>,
    /// Who was heard of within [`NAMED`], but not within [`ALIVE`], by name.
    pub silent: Vec<FollowerRecord>,
}

/// By when how many did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// Half.
    pub p50: Option<Timestamp>,
    /// 99 of 100.
    pub p99: Option<Timestamp>,
    /// All.
    pub all: Option<Timestamp>,
}

/// Counts `followers`, who were heard of within [`NAMED`].
#[must_use]
pub fn enforcement(
    position: Cursor,
    committed_at: Option<Timestamp>,
    followers: Vec<FollowerRecord>,
    now: Timestamp,
) -> Enforcement {
    let (alive, silent): (Vec<_>, Vec<_>) = followers
        .into_iter()
        .partition(|follower| follower.heard_at > now.minus(ALIVE));
    let by = committed_at.map_or(By::default(), |at| by(position, at, &alive));
    let count = alive.len();
    let lagging: Vec<FollowerRecord> = alive
        .into_iter()
        .filter(|follower| follower.position < position)
        .collect();
    Enforcement {
        position,
        committed_at,
        followers: count,
        enforcing: count - lagging.len(),
        by,
        lagging,
        silent,
    }
}

/// Whoever came later enforced it from its first word on, and says nothing about how long it took.
fn by(position: Cursor, committed_at: Timestamp, alive: &[FollowerRecord]) -> By {
    let known: Vec<&FollowerRecord> = alive
        .iter()
        .filter(|follower| follower.since <= committed_at)
        .collect();
    let mut times: Vec<Timestamp> = known
        .iter()
        .filter(|follower| follower.position >= position)
        .map(|follower| follower.reached_at.max(committed_at))
        .collect();
    times.sort_unstable();
    let nth = |percent: usize| {
        let count = (known.len() * percent).div_ceil(100);
        times.get(count.checked_sub(1)?).copied()
    };
    By {
        p50: nth(50),
        p99: nth(99),
        all: nth(100),
    }
}

#[cfg(test)]
mod tests;
