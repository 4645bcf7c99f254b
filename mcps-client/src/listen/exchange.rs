//! The answer to one request, as it grows: one JSON document where the answer is all there is, an
//! event stream where something comes before it. A stream of revision 2025-11-25 can be resumed
//! where it broke off: its events have ids and the last of them are kept, signed as they were.

mod history;

use std::sync::Arc;
use std::time::Duration;

use crate::link::{Body, Link};
use bytes::Bytes;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Id, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::sse::Event;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::alias::Alias;
use history::History;
pub(super) use history::stream_of;

/// Events that wait for a client that reads slowly. Whoever writes more waits too.
const QUEUE: usize = 16;
/// How long the server of many waits for one who reads slowly: all others wait meanwhile. Then
/// that one's response ends.
const PATIENCE: Duration = Duration::from_millis(20);
/// Events that may wait for such a one before that.
const SHARED_QUEUE: usize = 64;

/// What a request is answered with.
pub(super) enum First {
    /// The answer itself, and the number of the error if it is one.
    Json(Bytes, Option<i64>),
    /// Events, of which the answer is the last.
    Events(mpsc::Receiver<Event>),
}

/// One response under way. It is signed in the order in which it is written.
pub(super) struct Exchange {
    /// Whose it is, and who they are.
    pub(super) link: Arc<Link>,
    /// Which request of theirs it answers; the stream of what answers nothing has none.
    id: Option<Id>,
    /// Which stream it is, where it can be resumed.
    number: Option<u64>,
    /// What the server calls the request, where that is another name than the caller's.
    alias: Option<Alias>,
    response: Mutex<Response>,
}

struct Response {
    body: Body,
    out: Out,
    history: Option<History>,
}

/// How long the server waits for this one client to read.
#[derive(Clone, Copy)]
enum Pace {
    /// It is theirs alone.
    Waits,
    /// Others wait meanwhile.
    Hurries,
    /// Something else is to go on.
    Never,
}

enum Out {
    /// Nothing was said yet.
    Open(oneshot::Sender<First>),
    Stream(mpsc::Sender<Event>),
    /// Nobody reads it now; somebody may come back.
    Left,
    /// It is complete, or nobody is left to read it.
    Over,
}

impl Exchange {
    /// The response to one request, and where its beginning will be. With a `number` it is a
    /// stream that can be resumed.
    pub(super) fn begin(
        link: Arc<Link>,
        id: Id,
        body: Body,
        number: Option<u64>,
        alias: Option<Alias>,
    ) -> (Self, oneshot::Receiver<First>) {
        let (first, begun) = oneshot::channel();
        let (out, history) = match number {
            None => (Out::Open(first), None),
            Some(number) => {
                let (out, history, read) = resumable(number, QUEUE);
                // The reader is at hand.
                let _ = first.send(First::Events(read));
                (out, Some(history))
            }
        };
        (
            Self::new(link, Some(id), body, out, history, number, alias),
            begun,
        )
    }

    /// The stream of what answers nothing, with room for so many messages before anybody reads.
    pub(super) fn standing(
        link: Arc<Link>,
        body: Body,
        number: Option<u64>,
        ahead: usize,
    ) -> (Self, mpsc::Receiver<Event>) {
        let room = QUEUE + ahead;
        let (out, history, read) = match number {
            Some(number) => {
                let (out, history, read) = resumable(number, room);
                (out, Some(history), read)
            }
            None => {
                let (events, read) = mpsc::channel(room);
                (Out::Stream(events), None, read)
            }
        };
        (
            Self::new(link, None, body, out, history, number, None),
            read,
        )
    }

    fn new(
        link: Arc<Link>,
        id: Option<Id>,
        body: Body,
        out: Out,
        history: Option<History>,
        number: Option<u64>,
        alias: Option<Alias>,
    ) -> Self {
        let response = Mutex::new(Response { body, out, history });
        Self {
            link,
            id,
            number,
            alias,
            response,
        }
    }

    const fn pace(&self) -> Pace {
        match self.alias {
            None => Pace::Waits,
            Some(_) => Pace::Hurries,
        }
    }

    /// What is kept of it for a client that comes back, in bytes. None while it is written.
    pub(super) fn kept_bytes(&self) -> usize {
        let response = self.response.try_lock();
        let history = response.ok().and_then(|response| {
            let history = response.history.as_ref();
            history.map(History::bytes)
        });
        history.unwrap_or_default()
    }

    /// Which stream it is, where it can be resumed.
    pub(super) const fn number(&self) -> Option<u64> {
        self.number
    }

    /// The request that it answers, as its caller calls it.
    pub(super) const fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// Whether somebody may still read what is written here.
    pub(super) async fn is_open(&self) -> bool {
        let response = self.response.lock().await;
        match &response.out {
            Out::Open(first) => !first.is_closed(),
            Out::Stream(events) => !events.is_closed() || response.history.is_some(),
            Out::Left => true,
            Out::Over => false,
        }
    }

    /// A message of the server's as the caller is to read it.
    ///
    /// # Errors
    /// As [`Alias::reveal`].
    pub(super) fn reveal(&self, message: Message) -> Result<Message, Refusal> {
        match &self.alias {
            Some(alias) => alias.reveal(&message),
            None => Ok(message),
        }
    }

    /// Signs and sends the next message, or the answer. Whether somebody may read it.
    ///
    /// # Errors
    /// What signing fails with; the response goes on.
    pub(super) async fn write(&self, message: Message, last: bool) -> Result<bool, Refusal> {
        let mut response = self.response.lock().await;
        let error = message.error().and_then(|error| error.get("code"));
        let error = error.and_then(Value::as_i64);
        let text = self.link.seal_into(message, &mut response.body, last)?;
        Ok(response.put(text, last, error, self.pace()).await)
    }

    /// Ends it with one of our errors, where it answers something.
    pub(super) async fn fail(&self, code: Code) {
        let mut response = self.response.lock().await;
        let Some(id) = &self.id else {
            response.out = Out::Over;
            return;
        };
        let decision_id = self.link.decision_id();
        tracing::warn!(
            code = code.id(),
            decision_id,
            "answered with {}; {}",
            code.id(),
            code.advice()
        );
        let body = &mut response.body;
        match self.link.seal_failure_into(id, code, &decision_id, body) {
            Ok(text) => {
                let number = Some(code.jsonrpc());
                response.put(text, true, number, Pace::Never).await;
            }
            Err(refusal) => {
                response.out = Out::Over;
                tracing::error!(error = %refusal, "an error could not be signed: {refusal}");
            }
        }
    }

    /// Goes on behind the event with that id, for a reader who came back in place of whoever read
    /// before. `None` when what follows is not kept any more.
    pub(super) async fn resume(&self, id: &str) -> Option<mpsc::Receiver<Event>> {
        let mut response = self.response.lock().await;
        let missed = response.history.as_ref()?.after(id)?;
        let (events, read) = mpsc::channel(QUEUE.max(missed.len()));
        for event in missed {
            // There is room for all of them.
            let _ = events.try_send(event);
        }
        if !matches!(response.out, Out::Over) {
            response.out = Out::Stream(events);
        }
        Some(read)
    }

    /// Ends it as it stands.
    pub(super) async fn close(&self) {
        self.response.lock().await.out = Out::Over;
    }
}

/// A stream that can be resumed: there is room for the event that says so, even if nothing else
/// ever reaches the client.
fn resumable(number: u64, room: usize) -> (Out, History, mpsc::Receiver<Event>) {
    let (events, read) = mpsc::channel(room);
    let (history, primer) = History::begin(number);
    let _ = events.try_send(primer);
    (Out::Stream(events), history, read)
}

impl Response {
    async fn put(&mut self, text: String, last: bool, error: Option<i64>, pace: Pace) -> bool {
        let event = |history: &mut Option<History>| match history {
            Some(history) => history.add(&text),
            None => Event::message(text.as_bytes()),
        };
        let (out, read) = match std::mem::replace(&mut self.out, Out::Over) {
            Out::Over => (Out::Over, false),
            Out::Open(first) if last => {
                let sent = first.send(First::Json(text.into(), error)).is_ok();
                (Out::Over, sent)
            }
            Out::Open(first) => {
                let (events, read) = mpsc::channel(match pace {
                    Pace::Waits => QUEUE,
                    Pace::Hurries | Pace::Never => SHARED_QUEUE,
                });
                // There is room, and the reader is at hand.
                let kept = events.try_send(event(&mut self.history)).is_ok();
                let sent = first.send(First::Events(read)).is_ok();
                (Out::Stream(events), kept && sent)
            }
            Out::Stream(events) => {
                let sending = events.send(event(&mut self.history));
                let sent = match pace {
                    Pace::Waits => sending.await.is_ok(),
                    Pace::Hurries => {
                        let sent = timeout(PATIENCE, sending).await;
                        sent.is_ok_and(|sent| sent.is_ok())
                    }
                    Pace::Never => {
                        let sent = timeout(Duration::ZERO, sending).await;
                        sent.is_ok_and(|sent| sent.is_ok())
                    }
                };
                match &self.history {
                    Some(_) if !sent => (Out::Left, true),
                    _ => (Out::Stream(events), sent),
                }
            }
            Out::Left => {
                // It is in the history now.
                event(&mut self.history);
                (Out::Left, true)
            }
        };
        self.out = if last || !read { Out::Over } else { out };
        read
    }
}
