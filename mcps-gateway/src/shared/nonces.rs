//! Nonces that several gateways remember together.

use std::sync::Arc;
use std::time::Duration;

use mcps_client::replay::{Replay, Taken, Used};
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;

use super::Store;
use super::cells::Cells as _;

/// How often the store may turn out to be another one.
const ATTEMPTS: usize = 3;
/// Kept for so much longer, so that no clock's rounding makes one good again.
const SLACK: Duration = Duration::from_secs(1);

/// Takes every message once, whichever gateway it comes to. What this process remembers by itself is
/// asked first: it costs nothing, and its bounds hold for all.
#[derive(Debug)]
pub struct SharedNonces {
    guard: ReplayGuard,
    store: Arc<Store>,
    /// How long after its timestamp a message is good.
    window: Duration,
}

impl SharedNonces {
    /// With a memory of its own that refuses nothing for its age, since the store knows.
    #[must_use]
    pub const fn new(guard: ReplayGuard, store: Arc<Store>, window: Duration) -> Self {
        Self {
            guard,
            store,
            window,
        }
    }

    async fn take_shared(&self, used: Used<'_>, now: Timestamp) -> Result<(), Refusal> {
        let end = used.stamped.plus(self.window).plus(self.store.skew());
        let left = u64::try_from(end.since(now)).unwrap_or(0);
        let (nonce, keep) = (fingerprint(used), Duration::from_millis(left) + SLACK);
        let unavailable = |error| {
            tracing::debug!(error = %error, "no nonce can be taken: {error}");
            Refusal::SharedStateUnavailable
        };
        for _ in 0..ATTEMPTS {
            let marker = self.store.marker();
            if used.stamped < marker.floor {
                return Err(Refusal::BeforeBoot);
            }
            let taken = self.store.take(&marker, &nonce, keep).await;
            match taken.map_err(unavailable)? {
                Some(true) => return Ok(()),
                Some(false) => return Err(Refusal::Replayed),
                None => self.store.find().await.map_err(unavailable)?,
            }
        }
        Err(Refusal::SharedStateUnavailable)
    }
}

impl Replay for SharedNonces {
    fn take<'a>(&'a self, used: Used<'a>, now: Timestamp) -> Taken<'a> {
        Box::pin(async move {
            let Used {
                passport,
                aud,
                nonce,
                stamped,
            } = used;
            self.guard
                .check_and_insert(passport, aud, nonce, stamped, now)?;
            self.take_shared(used, now).await
        })
    }
}

/// The same in every gateway, so it cannot be keyed as those in memory are; SHA-256 needs no key to have no
/// two of them meet. Lengths keep the parts apart.
fn fingerprint(used: Used<'_>) -> [u8; 32] {
    let mut text = Vec::new();
    for part in [used.passport.as_str(), used.aud, used.nonce] {
        text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    *Digest::of(&text).as_bytes()
}
