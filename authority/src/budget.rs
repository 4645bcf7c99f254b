//! How often a caller may ask. What issues, what cuts off and what fetches tokens have budgets of their
//! own, so that no flood of the one keeps the others waiting.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most callers that are kept apart. Only those are kept whose budget is not whole.
const MAX_CALLERS: usize = 100_000;

/// So many requests in so much time; all at once, if need be, and then as time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    requests: u32,
    window: Duration,
}

impl Quota {
    /// What applies unless something else is configured: 2000 a second.
    pub const USUAL: Self = Self {
        requests: 2000,
        window: Duration::from_secs(1),
    };
    /// What applies to fetching tokens, of which one answer has a hundred: 120 a minute.
    pub const FETCH: Self = Self {
        requests: 120,
        window: Duration::from_secs(60),
    };

    /// How much time one request takes off the budget.
    fn cost(self) -> Duration {
        self.window / self.requests
    }
}

impl FromStr for Quota {
    type Err = &'static str;

    /// Reads `REQUESTS/SECONDS`: `100/60` is 100 a minute.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "write REQUESTS/SECONDS, as 100/60 for 100 a minute; up to 1000000 requests in up to 3600 seconds";
        let (requests, seconds) = text.split_once('/').ok_or(WRONG)?;
        let requests: u32 = requests.parse().map_err(|_| WRONG)?;
        let seconds: u64 = seconds.parse().map_err(|_| WRONG)?;
        if !(1..=1_000_000).contains(&requests) || !(1..=3600).contains(&seconds) {
            return Err(WRONG);
        }
        Ok(Self {
            requests,
            window: Duration::from_secs(seconds),
        })
    }
}

/// Whose budget it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An operator, by id, wherever the request comes from.
    Operator(String),
    /// Whoever fetches a webhook's tokens, by the webhook's id, wherever the request comes from.
    Receiver(String),
    /// Whoever asks from there: an IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
}

impl Caller {
    /// The caller at an address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            address => address,
        })
    }
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether it was within the budget.
    pub allowed: bool,
    /// How many more are, now.
    pub remaining: u32,
    /// How long until the budget is whole again; until one more is allowed, if this one was not.
    pub wait: Duration,
}

/// The budgets of all callers for one class of requests.
#[derive(Debug)]
pub struct Budget {
    /// Its name in headers.
    pub name: &'static str,
    /// What each caller may do.
    pub quota: Quota,
    /// When each caller's budget is whole again.
    whole_at: Mutex<HashMap<Caller, Instant>>,
}

impl Budget {
    /// Nobody has spent anything yet.
    #[must_use]
    pub fn new(name: &'static str, quota: Quota) -> Self {
        Self {
            name,
            quota,
            whole_at: Mutex::default(),
        }
    }

    /// Takes one request off a caller's budget, if there is one left.
    pub fn spend(&self, caller: Caller, now: Instant) -> Spent {
        let Quota { requests, window } = self.quota;
        let cost = self.quota.cost();
        let mut table = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = table.get(&caller).map_or(Duration::ZERO, |whole_at| {
            whole_at.saturating_duration_since(now)
        });
        let after = spent + cost;
        if after > window {
            return Spent {
                allowed: false,
                remaining: 0,
                wait: after.saturating_sub(window),
            };
        }
        if table.len() >= MAX_CALLERS && !table.contains_key(&caller) {
            table.retain(|_, whole_at| *whole_at > now);
            // An operator or a receiver always has a budget; there are not many.
            if table.len() >= MAX_CALLERS && matches!(caller, Caller::Address(_)) {
                return Spent {
                    allowed: false,
                    remaining: 0,
                    wait: cost,
                };
            }
        }
        table.insert(caller, now + after);
        let left = window.saturating_sub(after).as_nanos() / cost.as_nanos().max(1);
        Spent {
            allowed: true,
            remaining: u32::try_from(left).unwrap_or(requests).min(requests),
            wait: after,
        }
    }

    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    #[must_use]
    pub fn policy(&self) -> String {
        let Quota { requests, window } = self.quota;
        format!("\"{}\";q={requests};w={}", self.name, window.as_secs())
    }

    /// `RateLimit` (the same).
    #[must_use]
    pub fn state(&self, spent: Spent) -> String {
        let Spent {
            remaining, wait, ..
        } = spent;
        format!("\"{}\";r={remaining};t={}", self.name, seconds(wait))
    }
}

/// Whole seconds, upwards.
#[must_use]
pub fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
