//! The keys that this process signs with: those that the key set in the database calls active, as
//! far as they are here. When the set changes, by whichever process, they are exchanged whole.

mod change;
mod ring;
mod root;

pub use change::{Changed, KeyChangeError, KeyOrder, OVERLAP, Step, carry_out};
pub use ring::{Keyring, SERVING, Trouble};

use std::sync::Arc;

use arc_swap::ArcSwap;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::key::KeyId;
use mcps_core::refusal::Refusal;
use mcps_core::signer::Signer;
use mcps_core::trust::{KeyUse, TrustBundle};
use tokio::sync::Mutex;

use crate::custody::Custody;
use crate::error::Error;
use crate::store::{Db, KeyChange};

/// The keys of this process, and how they are exchanged.
#[derive(Debug)]
pub struct Keys {
    present: ArcSwap<Keyring>,
    /// Where others come from; without it the keys stay what they are.
    source: Option<Source>,
    clock: Arc<dyn Clock>,
    /// Held while the ring is exchanged.
    exchange: Mutex<()>,
}

#[derive(Debug)]
struct Source {
    db: Db,
    custody: Custody,
}

impl Keys {
    /// Keys that are exchanged as the database says.
    #[must_use]
    pub fn new(ring: Keyring, db: Db, custody: Custody, clock: Arc<dyn Clock>) -> Self {
        Self {
            source: Some(Source { db, custody }),
            ..Self::fixed(ring, clock)
        }
    }

    /// Keys that stay what they are.
    #[must_use]
    pub fn fixed(ring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self {
            present: ArcSwap::from_pointee(ring),
            source: None,
            clock,
            exchange: Mutex::default(),
        }
    }

    /// The keys of this moment.
    #[must_use]
    pub fn ring(&self) -> Arc<Keyring> {
        self.present.load_full()
    }

    /// Who signs that now.
    ///
    /// # Errors
    /// As [`Keyring::signer`].
    pub fn signer(&self, usage: KeyUse) -> Result<Arc<dyn Signer>, Error> {
        self.ring().signer(usage, self.clock.now())
    }

    /// Where the keys are, if they can be exchanged.
    #[must_use]
    pub fn custody(&self) -> Option<&Custody> {
        self.source.as_ref().map(|source| &source.custody)
    }

    /// Looks whether there is another key set, or a key that was missing has come, and takes it into
    /// use. A set that is older, or signed by neither the root nor one that it led to, is not.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn refresh(&self) -> Result<(), Error> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let _one = self.exchange.lock().await;
        let ring = self.ring();
        let founding = source.db.founding().await?;
        let text = founding.map(|founding| founding.bundle).unwrap_or_default();
        if text == ring.bundle().text() && ring.trouble().is_none() {
            return Ok(());
        }
        let bundle = match successor(&ring, &text) {
            Ok(bundle) => bundle,
            Err(refusal) => {
                self.note(&ring, ring.refusing(&refusal));
                return Ok(());
            }
        };
        let changes = source.db.key_changes().await?;
        let custody = source.custody.clone();
        let (old, now) = (Arc::clone(&ring), self.clock.now());
        // Not in this task, which others share.
        let gathered = tokio::task::spawn_blocking(move || {
            Keyring::gather(bundle, &changes, &custody, now, Some(&old))
        });
        if let Ok(next) = gathered.await {
            self.note(&ring, next);
        }
        Ok(())
    }

    fn note(&self, old: &Keyring, next: Keyring) {
        if next.bundle().number() != old.bundle().number() {
            let number = next.bundle().number();
            tracing::info!(number, "key set {number} is in use");
        }
        let (was, root) = (old.bundle().signer(), next.bundle().signer());
        if was != root {
            tracing::info!(%was, %root, "the root key is {root} now, which {was} led to");
        }
        match (old.trouble(), next.trouble()) {
            (was, Some(now)) if was != Some(now) => {
                tracing::error!(usage = now.usage, "{}", now.log);
            }
            (Some(_), None) => tracing::info!("all keys are here again"),
            _ => {}
        }
        self.present.store(Arc::new(next));
    }
}

/// The set of that text, if it may follow the present one.
fn successor(ring: &Keyring, text: &str) -> Result<TrustBundle, Refusal> {
    let bundle = TrustBundle::parse(text)?;
    let present = ring.bundle();
    bundle.verify(present.signer())?;
    let later = bundle.number() > present.number();
    if (later || text == present.text()) && bundle.authority() == present.authority() {
        return Ok(bundle);
    }
    Err(Refusal::Statement {
        what: "key set",
        why: "it is older than the one in use",
    })
}

/// From when on a key signs, as the changes say; one of the founding always has.
fn begins(changes: &[KeyChange], key: &KeyId) -> Option<i64> {
    let own = changes.iter().rev().filter(|change| change.kid == *key);
    let from = own.filter_map(|change| change.signs_from).next();
    from.map(Timestamp::as_millis)
}
