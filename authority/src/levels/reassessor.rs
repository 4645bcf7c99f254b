//! What lapses by itself: looked at once a second, in every replica.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::Clock;
use tokio::time::sleep;

use super::Policy;
use crate::error::Error;
use crate::feed::Feed;
use crate::store::{Db, Told};

/// How often it looks.
const POLL: Duration = Duration::from_secs(1);
/// How many subjects it looks at before it looks anew.
const BATCH: i64 = 256;

/// Computes the levels anew that lapse, for as long as it is polled.
pub async fn reassess_for_ever(
    db: Db,
    feed: Arc<Feed>,
    policy: Policy,
    clock: Arc<dyn Clock>,
) -> Infallible {
    let mut failing = false;
    loop {
        match look(&db, &feed, &policy, clock.as_ref()).await {
            // There may be more.
            Ok(true) => continue,
            Ok(false) => failing = false,
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(
                        error,
                        "levels that lapse are not told until this works again"
                    );
                }
                failing = true;
            }
        }
        sleep(POLL).await;
    }
}

/// One look; whether there was as much as it takes at once. Two replicas may look at the same
/// subject: the second finds it as it should be.
async fn look(db: &Db, feed: &Feed, policy: &Policy, clock: &dyn Clock) -> Result<bool, Error> {
    let now = clock.now();
    let lapsed = db.lapsed(now, BATCH).await?;
    let many = i64::try_from(lapsed.len()).is_ok_and(|found| found >= BATCH);
    let mut failed = None;
    for subject in lapsed {
        match db.reassess(&subject, policy, now).await {
            Ok(Told { position: None, .. }) => {}
            Ok(Told { position, .. }) => {
                let (tenant, name) = (subject.tenant.as_str(), subject.name.as_str());
                tracing::info!(
                    tenant,
                    name,
                    position,
                    "what the level of {name} rested on has lapsed"
                );
                feed.wake();
            }
            // The others are not held up by it.
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(many), Err)
}
