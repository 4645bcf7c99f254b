//! How often and after which pauses a broken stream is asked for again.

use std::time::Duration;

/// Tries after which it is given up, unless something came of one.
const TRIES: u32 = 5;
/// Before the first try; doubled before each further one.
const FIRST: Duration = Duration::from_millis(500);
/// The shortest pause, whatever a server asks for.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);

/// The tries that are left, and the pause before the next one.
#[derive(Debug, Default)]
pub(super) struct Patience {
    tried: u32,
    asked: Option<Duration>,
}

impl Patience {
    /// The server said how long to wait (`retry:`).
    pub(super) fn wait(&mut self, asked: Option<Duration>) {
        self.asked = asked.or(self.asked);
    }

    /// Something came, so the next break is the first again.
    pub(super) const fn renew(&mut self) {
        self.tried = 0;
    }

    /// The pause before the next try; `None` when there were enough.
    pub(super) fn next(&mut self) -> Option<Duration> {
        if self.tried >= TRIES {
            return None;
        }
        let grown = FIRST * 2_u32.pow(self.tried);
        self.tried += 1;
        // A server that asks to be left alone for a while is; one that does not is not hammered.
        let pause = match self.asked {
            Some(asked) if self.tried == 1 => asked,
            Some(asked) => asked.max(grown),
            None => grown,
        };
        Some(pause.clamp(SHORTEST, LONGEST))
    }
}

#[cfg(test)]
mod tests;
