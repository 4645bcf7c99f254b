//! Points at which a test may let the process die, as a power cut would: no destructor runs. Built
//! with the feature `kill-points` alone, which no shipped program has; without it, nothing.

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The bytes of a passport are stored; it is not signed.
    Prepared,
    /// A passport is signed; nobody knows.
    Signed,
    /// The signature is stored; the caller has not been answered.
    Completed,
    /// The feed's head has moved, in a transaction that is not committed.
    HeadMoved,
    /// An order is committed; nobody has been woken.
    Ordered,
    /// The other replicas are about to be woken.
    Notifying,
    /// A frame is signed; no follower has it.
    Sealed,
    /// A frame is where followers find it.
    Published,
}

impl Point {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Prepared,
        Self::Signed,
        Self::Completed,
        Self::HeadMoved,
        Self::Ordered,
        Self::Notifying,
        Self::Sealed,
        Self::Published,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Signed => "signed",
            Self::Completed => "completed",
            Self::HeadMoved => "head-moved",
            Self::Ordered => "ordered",
            Self::Notifying => "notifying",
            Self::Sealed => "sealed",
            Self::Published => "published",
        }
    }
}

#[cfg(not(feature = "kill-points"))]
pub(crate) const fn at(_: Point) {}

#[cfg(feature = "kill-points")]
pub use armed::arm;
#[cfg(feature = "kill-points")]
pub(crate) use armed::at;

#[cfg(feature = "kill-points")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    /// Where this process dies, and how many times it comes by before.
    static ARMED: OnceLock<(Point, AtomicU64)> = OnceLock::new();

    /// Lets this process die when it comes to a point, as `signed:3` says for the third time.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn arm(text: &str) -> Result<(), &'static str> {
        const FORM: &str = "a kill point is NAME:N, as signed:3";
        let (name, times) = text.split_once(':').ok_or(FORM)?;
        let point = Point::ALL.into_iter().find(|point| point.as_str() == name);
        let times: u64 = times.parse().map_err(|_| FORM)?;
        ARMED
            .set((point.ok_or(FORM)?, AtomicU64::new(times)))
            .map_err(|_| "this process has its kill point already")
    }

    /// The process comes by this point.
    pub(crate) fn at(point: Point) {
        let Some((armed, left)) = ARMED.get() else {
            return;
        };
        if *armed == point && left.fetch_sub(1, Ordering::SeqCst) <= 1 {
            std::process::abort();
        }
    }
}
