//! Joining the gateways that remember together, where there are several.

use std::sync::Arc;

use mcps_client::home::Home;
use mcps_client::listen::Horizon;
use mcps_client::replay::Replay;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::random::Random;
use mcps_core::replay::ReplayGuard;

use super::Options;
use crate::config::Shared;
use crate::error::GatewayError;
use crate::history::Found;
use crate::shared::{Past, SharedNonces, Store, Way, leave, was_shared};

/// What it takes to join.
pub(super) struct Sharing<'a> {
    pub(super) home: &'a Home,
    pub(super) options: &'a Options,
    /// Up to when this gateway accepted messages.
    pub(super) horizon: &'a Horizon,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) random: &'a Arc<dyn Random>,
}

impl Sharing<'_> {
    /// Joins those who share, where the configuration says so. A gateway that shared once and does not
    /// any more knows of nobody what they did meanwhile, nor which messages the others took.
    pub(super) async fn join(
        &self,
        shared: Option<&Shared>,
        found: &mut Found,
    ) -> Result<Option<Arc<Store>>, GatewayError> {
        let Some(shared) = shared else {
            if was_shared(self.home) {
                tracing::error!(
                    "this gateway shared what sessions did with others and does not any more, so every sensitive fact is assumed of everybody; remove shared-store from its home to begin anew"
                );
                leave(self.home, || {
                    let others = self.clock.now().plus(self.options.window.future);
                    self.horizon.cover(others)?;
                    tracing::warn!(
                        "which messages other gateways took is not known either: those signed before {} are refused",
                        self.horizon.floor()
                    );
                    Ok(())
                })?;
                // What it had before it shared says nothing of what was done since.
                found.stored.clear();
                found.damaged = true;
            }
            return Ok(None);
        };
        let way = Way {
            shared,
            secret: self.options.shared_password.as_ref(),
        };
        let past = Past {
            floor: self.horizon.floor(),
            damaged: found.damaged,
        };
        let with = (Arc::clone(self.clock), Arc::clone(self.random));
        let skew = self.options.window.future;
        let store = Store::open(way, self.home, past, skew, with).await;
        let store = store.map_err(|source| GatewayError::Shared {
            place: shared.place(),
            source,
        })?;
        Ok(Some(Arc::new(store)))
    }

    /// How the nonces of callers are remembered.
    pub(super) fn replay(&self, store: Option<&Arc<Store>>) -> Arc<dyn Replay> {
        let limits = self.options.window.replay_limits();
        match store {
            None => Arc::new(ReplayGuard::since(limits, self.horizon.floor())),
            Some(store) => {
                // The store knows what was accepted before this process was.
                let guard = ReplayGuard::since(limits, Timestamp::from_millis(0));
                let window = self.options.window.past;
                Arc::new(SharedNonces::new(guard, Arc::clone(store), window))
            }
        }
    }
}
