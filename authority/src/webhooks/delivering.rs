//! Delivering: what is due, by whichever replica takes it, for as long as it is polled.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use mcps_core::clock::Clock;
use mcps_core::json::{Document, Value};
use mcps_core::random::Random;
use tokio::time::sleep;

use super::{Form, SigningKey, pause};
use crate::error::Error;
use crate::outbound::{Outbound, OutboundError, Post, TIME};
use crate::secret::Secret;
use crate::signals::issuing::{CONTENT_TYPE, Telling, TokenIssuer, UNTOLD};
use crate::store::{Db, DueDelivery};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_millis(500);
/// After so many looks what was delivered long ago is forgotten.
const LOOKS: u32 = 7200;
/// How long what was delivered is kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Most bytes of what a receiver says of a token, and most characters of that which are kept.
const MAX_REFUSAL: usize = 16 * 1024;
const MAX_WORDS: usize = 200;

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
    tokens: Arc<TokenIssuer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Infallible {
    let sender = Sender { outbound, tokens };
    let (mut failing, mut looks) = (false, 0_u32);
    loop {
        match look(&db, &sender, clock.as_ref(), random.as_ref()).await {
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
            let forgotten = async {
                db.give_up_waiting(before, clock.now()).await?;
                db.forget_deliveries(before).await
            };
            if let Err(error) = forgotten.await {
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
    sender: &Sender,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<bool, Error> {
    let told = db.fan_out(clock.now()).await?;
    let due = db.lease_deliveries(clock.now()).await?;
    let any = !due.is_empty();
    let attempts = due.iter().map(|one| sender.attempt(one, clock));
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

/// What is sent with.
struct Sender {
    outbound: Outbound,
    tokens: Arc<TokenIssuer>,
}

impl Sender {
    async fn attempt(&self, one: &DueDelivery, clock: &dyn Clock) -> Attempt {
        match &one.form {
            Form::Standard(key) => self.message(one, key, clock).await,
            Form::Push { audience, token } => {
                self.token(one, audience, token.as_ref(), clock).await
            }
            // It is fetched, and never due.
            Form::Poll { .. } => Attempt::Failed("it is fetched, and not sent".to_owned()),
        }
    }

    /// By Standard Webhooks.
    async fn message(&self, one: &DueDelivery, key: &SigningKey, clock: &dyn Clock) -> Attempt {
        let now = clock.now();
        let Some(signature) = key.sign(&one.message_id, now, &one.body) else {
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
        match self.outbound.post(post).await {
            Ok(status) if status.is_success() => Attempt::Sent,
            Ok(StatusCode::GONE) => Attempt::Gone,
            Ok(status) => Attempt::Failed(OutboundError::Status(status).to_string()),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }

    /// As a security event token (RFC 8935).
    async fn token(
        &self,
        one: &DueDelivery,
        audience: &str,
        shown: Option<&Secret>,
        clock: &dyn Clock,
    ) -> Attempt {
        let telling = Telling {
            id: &one.message_id,
            stream: &one.webhook_id,
            audience,
            // Receivers refuse what was issued long ago, and the last attempt comes a day later.
            at: clock.now(),
            body: &one.body,
        };
        let token = match self.tokens.token(telling) {
            Ok(Some(token)) => token,
            Ok(None) => return Attempt::Failed(UNTOLD.to_owned()),
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let bearer = shown.map(|token| ("authorization", format!("Bearer {}", token.reveal())));
        let headers: Vec<_> = bearer.into_iter().collect();
        let post = Post {
            url: &one.url,
            content_type: CONTENT_TYPE,
            headers: &headers,
            body: &token,
        };
        let answer = match self.outbound.exchange(post, MAX_REFUSAL, TIME).await {
            Ok(answer) => answer,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        match answer.status() {
            StatusCode::ACCEPTED => Attempt::Sent,
            StatusCode::GONE => Attempt::Gone,
            StatusCode::BAD_REQUEST => Attempt::Failed(refusal(answer.into_body())),
            status if status.is_success() => Attempt::Failed(format!(
                "it answered {status}; who takes tokens answers 202"
            )),
            status => Attempt::Failed(OutboundError::Status(status).to_string()),
        }
    }
}

/// What a receiver says of a token that it did not take (RFC 8935 §2.3), for the operator.
fn refusal(body: Vec<u8>) -> String {
    let Ok(document) = Document::parse(body) else {
        return OutboundError::Status(StatusCode::BAD_REQUEST).to_string();
    };
    let text = |name| document.root().get(name).and_then(Value::as_str);
    let (err, description) = (text("err"), text("description"));
    let words = [err.as_deref(), description.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    let words = words.join(": ");
    let printed = words.chars().filter(|one| !one.is_control());
    let printed: String = printed.take(MAX_WORDS).collect();
    format!("it refused the token: {printed}")
}
