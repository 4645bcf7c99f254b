//! Keeping the passport fresh: renewed in the background at half its life.

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use mcps_core::passport::Passport;
use mcps_core::signer::Signer as _;

use crate::enrol;
use crate::home::Home;
use crate::identity::Identity;

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// How often it is said that the key was exchanged.
const EXCHANGED: Duration = Duration::from_secs(60);
/// Never more often than this, however short the passport's life.
const SHORTEST: Duration = Duration::from_millis(500);

/// How long from `now` until the passport is to be renewed: at half its life.
#[must_use]
pub fn due_in(passport: &Passport, clock: &dyn Clock) -> Duration {
    let life = passport.expires_at().since(passport.issued_at());
    let at = passport.issued_at().as_millis() + life / 2;
    let wait = at - clock.now().as_millis();
    Duration::from_millis(u64::try_from(wait).unwrap_or(0)).max(SHORTEST)
}

/// Whether the home has another key by now than the one in use.
fn exchanged(home: &Home, identity: &Identity) -> bool {
    let key = home.key();
    key.is_ok_and(|key| key.public_key() != identity.signer().public_key())
}

/// Renews for ever. Runs beside a link and ends when it is dropped.
pub async fn keep(home: Home, identity: Arc<Identity>, clock: Arc<dyn Clock>) {
    loop {
        let Ok(passport) = identity.passport() else {
            return;
        };
        tokio::time::sleep(due_in(&passport, clock.as_ref())).await;
        let life = u64::try_from(passport.expires_at().since(passport.issued_at()) / 1000).ok();
        match enrol::renew(&home, identity.signer(), &passport, life).await {
            Ok(renewed) => match identity.renewed(&renewed) {
                Ok(()) => {
                    tracing::info!(passport_id = %renewed.id(), expires_at = %renewed.expires_at(), "passport renewed until {}", renewed.expires_at())
                }
                Err(error) => {
                    tracing::error!(error = %error, "the renewed passport cannot be used: {error}")
                }
            },
            Err(_) if exchanged(&home, &identity) => {
                let until = passport.expires_at();
                tracing::error!(
                    "the key of this home was exchanged for another, and the one in use here gets no new passport; start this program again before {until}"
                );
                tokio::time::sleep(EXCHANGED).await;
            }
            Err(error) => {
                let left = passport.expires_at().since(clock.now()) / 1000;
                tracing::warn!(error = %error, "passport not renewed ({left} s left): {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
