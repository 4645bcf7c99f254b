//! How long the stages of a request took.

use std::time::{Duration, Instant};

/// A watch that is read at the end of each stage.
#[derive(Clone, Debug)]
pub struct Stages {
    began: Instant,
    last: Instant,
    took: Vec<(&'static str, Duration)>,
}

impl Stages {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
            took: Vec::with_capacity(5),
        }
    }

    /// The stage of that name ends, and the next begins.
    pub fn end(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.took.push((stage, now.duration_since(self.last)));
        self.last = now;
    }

    /// Those that have ended, and how long each took.
    pub fn took(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.took.iter().copied()
    }

    /// Since the end of the last one.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.last.elapsed()
    }

    /// All of it up to now.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.began.elapsed()
    }
}
