//! Delivering: what is due, by whichever replica takes it, for as long as it is polled.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use mcps_core::clock::Clock;
use mcps_core::random::Random;
use tokio::time::sleep;

use super::pause;
use crate::error::Error;
use crate::outbound::{Outbound, OutboundError, Post};
use crate::store::{Db, DueDelivery};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_millis(500);
/// After so many looks what was delivered long ago is forgotten.
const LOOKS: u32 = 7200;
/// How long what was delivered is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an attempt came to.
enum Attempt {
    Sent,
    Failed(String),
    /// Its endpoint says that it is gone for good.
    Gone,
}

/// Delivers what is due until it is dropped. What fails is logged once, and tried again.
pub async fn deliver_for_ever(
    db: Db,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Infallible {
    let (mut failing, mut looks) = (false, 0_u32);
    loop {
        match look(&db, &outbound, clock.as_ref(), random.as_ref()).await {
            // There may be more.
            Ok(true) => continue,
            Ok(false) => failing = false,
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "webhooks are not delivered until this works again");
                }
                failing = true;
            }
        }
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS) {
            let before = clock.now().minus(KEPT);
            if let Err(error) = db.forget_deliveries(before).await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "what was delivered long ago is not forgotten yet");
            }
        }
        sleep(LOOK).await;
    }
}

/// One look; whether there was anything to do.
async fn look(
    db: &Db,
    outbound: &Outbound,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<bool, Error> {
    let told = db.fan_out(clock.now()).await?;
    let due = db.lease_deliveries(clock.now()).await?;
    let any = !due.is_empty();
    let attempts = due.iter().map(|one| attempt(one, outbound, clock));
    for (one, attempt) in due.iter().zip(join_all(attempts).await) {
        let now = clock.now();
        match attempt {
            Attempt::Sent => db.delivered(one, now).await?,
            Attempt::Gone => {
                tracing::warn!(
                    webhook_id = one.webhook_id,
                    "the endpoint answered 410: it is not told any more"
                );
                db.delivery_failed(one, None, "410 Gone", now).await?;
                db.disable_webhook(&one.webhook_id, now).await?;
            }
            Attempt::Failed(why) => {
                let mut spread = [0];
                random.fill(&mut spread)?;
                let [spread] = spread;
                let next = pause(one.attempts, spread).map(|pause| now.plus(pause));
                if next.is_none() {
                    tracing::warn!(
                        webhook_id = one.webhook_id,
                        message_id = one.message_id,
                        "a message could not be delivered and is a dead letter: {why}"
                    );
                }
                db.delivery_failed(one, next, &why, now).await?;
            }
        }
    }
    Ok(told || any)
}

async fn attempt(one: &DueDelivery, outbound: &Outbound, clock: &dyn Clock) -> Attempt {
    let now = clock.now();
    let Some(signature) = one.key.sign(&one.message_id, now, &one.body) else {
        return Attempt::Failed("its signing key cannot be used".to_owned());
    };
    let seconds = now.as_millis() / 1000;
    let headers = [
        ("webhook-id", one.message_id.clone()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature),
    ];
    let post = Post {
        url: &one.url,
        content_type: "application/json",
        headers: &headers,
        body: &one.body,
    };
    match outbound.post(post).await {
        Ok(status) if status.is_success() => Attempt::Sent,
        Ok(StatusCode::GONE) => Attempt::Gone,
        Ok(status) => Attempt::Failed(OutboundError::Status(status).to_string()),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}
