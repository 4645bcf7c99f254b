//! How long to wait before the authority is asked again.

use std::time::Duration;

use mcps_core::random::Random;

/// After the first failure.
const SHORTEST: Duration = Duration::from_millis(100);
/// However many there were.
const LONGEST: Duration = Duration::from_secs(5);
/// However long the authority asks for.
const MOST: Duration = Duration::from_secs(300);

/// Doubles with each failure in a row, and differs between followers: what ended all their
/// connections at once shall not have them back at once.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
}

impl Pauses {
    /// All is well again.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause: from half of the bound to the bound.
    pub(super) fn next(&mut self, random: &dyn Random) -> Duration {
        let bound = SHORTEST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        spread(bound, random)
    }

    /// The next pause where the authority said how long.
    pub(super) fn asked(&mut self, asked: Duration, random: &dyn Random) -> Duration {
        let own = self.next(random);
        asked.min(MOST).max(own) + own / 2
    }
}

/// From half of `bound` to `bound`.
pub(super) fn spread(bound: Duration, random: &dyn Random) -> Duration {
    let mut byte = [0];
    // Without randomness all wait for as long, which is the least of the worries then.
    let _ = random.fill(&mut byte);
    let [byte] = byte;
    bound / 2 + (bound / 2) * u32::from(byte) / 255
}

#[cfg(test)]
mod tests;
