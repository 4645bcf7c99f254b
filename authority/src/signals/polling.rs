//! Fetching tokens (RFC 8936): by one replica at a time, for as long as it is polled.
//!
//! A token is acknowledged once what came of it is committed, by the next request; what is lost in
//! between comes again, and changes nothing.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::http::{HeaderMap, StatusCode, header};
use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, JsonError, Value as Read};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Refused, take};
use crate::authority::Authority;
use crate::error::Error;
use crate::outbound::{OutboundError, Post, TIME};
use crate::store::DuePoll;

/// How often it is looked whether something is to be polled.
const LOOK: Duration = Duration::from_millis(500);
/// How many sources one process polls at once.
const AT_ONCE: usize = 32;
/// How long a transmitter may wait for news before it answers.
const HELD: Duration = Duration::from_secs(20);
/// How long a source rests that answers at once that there is nothing.
const REST: Duration = Duration::from_secs(2);
/// An answer that took no longer than this came at once.
const AT_ONE: Duration = Duration::from_secs(1);
/// Most tokens that are asked for, and that are taken of one answer.
const MOST: usize = 32;
/// Most bytes of an answer.
const LIMIT: usize = 1 << 20;
/// Most requests of one turn.
const ROUNDS: usize = 100;
/// How long after the first failure the next turn comes, and at most.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
/// Longest that a transmitter may ask us to stay away.
const AWAY: Duration = Duration::from_secs(3600);

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error("it answered {status} and is to be asked again after {} s", after.as_secs())]
    Later { status: StatusCode, after: Duration },
    #[error("its answer is no strict JSON: {0}")]
    Json(#[from] JsonError),
    #[error("its answer has no `sets` as RFC 8936 has them")]
    Form,
    #[error("it gives tokens again that were acknowledged")]
    Again,
    /// What was fetched could not be taken; the log says why.
    #[error("a token could not be taken here")]
    Taking(#[source] Error),
}

impl PollError {
    /// How long the transmitter wants to be left alone.
    const fn after(&self) -> Duration {
        match self {
            Self::Later { after, .. } => *after,
            _ => Duration::ZERO,
        }
    }
}

/// How a turn ended.
enum Turn {
    /// There was nothing, after a while.
    Waited,
    /// There was nothing at once.
    Nothing,
    /// It is another replica's, or the source is another.
    Lost,
}

/// Fetches what there is until it is dropped. What fails is logged once, and tried again.
pub async fn poll_for_ever(authority: Arc<Authority>) -> Infallible {
    let (mut turns, mut failing) = (JoinSet::new(), false);
    loop {
        while turns.try_join_next().is_some() {}
        let room = i64::try_from(AT_ONCE - turns.len().min(AT_ONCE)).unwrap_or_default();
        match authority.db().lease_polls(room, authority.now()).await {
            Ok(due) => {
                failing = false;
                for one in due {
                    turns.spawn(turn(Arc::clone(&authority), one));
                }
            }
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "no source is polled until this works again");
                }
                failing = true;
            }
        }
        sleep(LOOK).await;
    }
}

async fn turn(authority: Arc<Authority>, due: DuePoll) {
    let source = due.hook.name.as_str();
    let came = fetch(&authority, &due).await;
    let now = authority.now();
    let (next, failure) = match came {
        Ok(Turn::Lost) => return,
        Ok(Turn::Waited) => (now, None),
        Ok(Turn::Nothing) => (now.plus(REST), None),
        Err(error) => {
            if due.failures == 0 {
                let cause = &error as &dyn std::error::Error;
                tracing::warn!(source, error = cause, "a source cannot be polled: {error}");
            }
            let mut spread = [0];
            // Without randomness replicas and sources are tried together, which does no harm.
            let _ = authority.random().fill(&mut spread);
            let [spread] = spread;
            let rest = pause(due.failures, spread).max(error.after());
            (now.plus(rest), Some(error.to_string()))
        }
    };
    if due.failures > 0 && failure.is_none() {
        tracing::info!(source, "a source can be polled again");
    }
    let ended = authority.db().polled(&due, next, failure.as_deref(), now);
    if let Err(error) = ended.await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(source, error, "the end of a poll was not written down");
    }
}

/// How long after a failure the next turn comes, after so many before it.
fn pause(failures: i64, spread: u8) -> Duration {
    let doubled = u32::try_from(failures).unwrap_or(u32::MAX).min(10);
    let base = PAUSE.saturating_mul(1 << doubled).min(LONGEST);
    base + base * u32::from(spread) / (4 * 255)
}

/// Fetches until there is nothing any more, and everything that came is acknowledged.
async fn fetch(authority: &Authority, due: &DuePoll) -> Result<Turn, PollError> {
    let database = |error: sqlx::Error| PollError::Taking(Error::Database(error));
    let keep = async || authority.db().keep_polling(due, authority.now()).await;
    let (mut told, mut done) = (Told::default(), HashSet::new());
    let (mut most, mut patient) = (MOST, true);
    for _ in 0..ROUNDS {
        if !keep().await.map_err(database)? {
            return Ok(Turn::Lost);
        }
        let waits = patient && told.is_empty();
        let begun = Instant::now();
        let answer = match ask(authority, due, &told.request(most, !waits), waits).await {
            // It may wait for longer than we do.
            Err(PollError::Outbound(OutboundError::TimedOut)) if waits => {
                patient = false;
                continue;
            }
            // One alone may be short enough.
            Err(PollError::Outbound(OutboundError::Body(_))) if most > 1 => {
                most = 1;
                continue;
            }
            answer => answer?,
        };
        told = Told::default();
        if answer.sets.is_empty() {
            return Ok(match begun.elapsed() > AT_ONE {
                true => Turn::Waited,
                false => Turn::Nothing,
            });
        }
        if answer.sets.iter().all(|(id, _)| done.contains(id)) {
            return Err(PollError::Again);
        }
        for (id, token) in answer.sets {
            // Nothing is done for a source that was disabled or changed while it was asked.
            if !keep().await.map_err(database)? {
                return Ok(Turn::Lost);
            }
            let came = take(authority, &due.hook, (&id, &token), authority.now()).await;
            match came.map_err(PollError::Taking)? {
                Ok(()) => told.acknowledged.push(id.clone()),
                Err(refused) => {
                    let (source, err) = (&due.hook.name, refused.err);
                    tracing::warn!(source, err, "a token that was fetched is not believed");
                    told.refused.push((id.clone(), refused));
                }
            }
            done.insert(id);
        }
    }
    // Others want a turn too; what is not acknowledged yet comes again.
    Ok(Turn::Waited)
}

/// What a transmitter is told with the next request.
#[derive(Default)]
struct Told {
    acknowledged: Vec<String>,
    refused: Vec<(String, Refused)>,
}

impl Told {
    const fn is_empty(&self) -> bool {
        self.acknowledged.is_empty() && self.refused.is_empty()
    }

    /// The request (RFC 8936 §2.2).
    fn request(&self, most: usize, at_once: bool) -> String {
        let mut request = serde_json::Map::new();
        request.insert("maxEvents".to_owned(), most.into());
        request.insert("returnImmediately".to_owned(), at_once.into());
        if !self.acknowledged.is_empty() {
            request.insert("ack".to_owned(), json!(self.acknowledged));
        }
        if !self.refused.is_empty() {
            let refused = self.refused.iter().map(|(id, refused)| {
                let Refused { err, description } = refused;
                (id.clone(), json!({"err": err, "description": description}))
            });
            request.insert("setErrs".to_owned(), Value::Object(refused.collect()));
        }
        Value::Object(request).to_string()
    }
}

/// What a transmitter answers (RFC 8936 §2.3): tokens by their id.
struct Answer {
    sets: Vec<(String, String)>,
}

impl Answer {
    fn read(body: Vec<u8>) -> Result<Self, PollError> {
        let document = Document::parse(body)?;
        let sets = document.root().get("sets").and_then(Read::as_object);
        let sets = sets.ok_or(PollError::Form)?.iter().take(MOST);
        let sets = sets.map(|set| {
            let token = set.value().as_str().ok_or(PollError::Form)?;
            Ok((set.name().into_owned(), token.into_owned()))
        });
        let sets = sets.collect::<Result<_, PollError>>()?;
        Ok(Self { sets })
    }
}

async fn ask(
    authority: &Authority,
    due: &DuePoll,
    body: &str,
    waits: bool,
) -> Result<Answer, PollError> {
    let poll = due.hook.poll.as_ref().ok_or(PollError::Form)?;
    let bearer = format!("Bearer {}", poll.token().reveal());
    let post = Post {
        url: poll.url(),
        content_type: "application/json",
        headers: &[("authorization", bearer)],
        body,
    };
    let time = if waits { HELD } else { TIME };
    let answer = authority.outbound().exchange(post, LIMIT, time).await?;
    let status = answer.status();
    if status == StatusCode::OK {
        return Answer::read(answer.into_body());
    }
    match retry_after(answer.headers(), authority.now()) {
        Some(after) => Err(PollError::Later { status, after }),
        None => Err(OutboundError::Status(status).into()),
    }
}

/// `Retry-After` (RFC 9110 §10.2.3), in seconds or as a date, and within bounds.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let after = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            let millis = u64::try_from(now.as_millis()).ok()?;
            let now = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(after.min(AWAY))
}

#[cfg(test)]
mod tests;
