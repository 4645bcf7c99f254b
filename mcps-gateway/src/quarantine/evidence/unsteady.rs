//! Tools that are promoted and withdrawn again and again: a server that shows one list and then another
//! would fill the log with it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Grants;

/// So many withdrawals are nothing unusual: a definition is changed, published, and mended.
const USUAL: u32 = 3;
/// How long a tool rests after the first that is, and after each that follows twice as long.
const FIRST_REST: Duration = Duration::from_secs(60);
/// The longest rest, and how long after its end everything is forgotten.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Withdrawals of late, by server and tool.
#[derive(Debug, Default)]
pub(super) struct Unsteady(HashMap<(String, String), Recent>);

#[derive(Debug)]
struct Recent {
    count: u32,
    rests_until: Instant,
}

impl Unsteady {
    /// Takes note of what is not promoted any more, or as another definition. There are never more than
    /// were promoted within the last two hours.
    pub(super) fn note(&mut self, before: &Grants, after: &Grants, now: Instant) {
        self.0
            .retain(|_, recent| now < recent.rests_until + LONGEST_REST);
        let gone = before.iter().filter(|(name, grant)| {
            let still = after.get(*name);
            still.is_none_or(|still| still.hash != grant.hash)
        });
        for (name, _) in gone {
            let recent = self.0.entry(name.clone()).or_insert(Recent {
                count: 0,
                rests_until: now,
            });
            recent.count = recent.count.saturating_add(1);
            let doublings = recent.count.checked_sub(USUAL);
            let rest = doublings.map_or(Duration::ZERO, |doublings| {
                let times = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
                FIRST_REST.saturating_mul(times).min(LONGEST_REST)
            });
            recent.rests_until = now + rest;
            if !rest.is_zero() {
                let (server, tool) = name;
                tracing::warn!(
                    server,
                    tool,
                    rest_s = rest.as_secs(),
                    "{tool} of {server} changes again and again; evidence promotes it in {} s at the earliest",
                    rest.as_secs()
                );
            }
        }
    }

    /// Whether it is left alone for now.
    pub(super) fn rests(&self, name: &(String, String), now: Instant) -> bool {
        let recent = self.0.get(name);
        recent.is_some_and(|recent| now < recent.rests_until)
    }
}
