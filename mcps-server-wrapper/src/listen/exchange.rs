//! The answer to one request, as it grows: one JSON document where the answer is all there is, an
//! event stream where something comes before it. A stream of revision 2025-11-25 can be resumed
//! where it broke off: its events have ids and the last of them are kept, signed as they were.

mod history;

use std::time::Duration;

use bytes::Bytes;
use mcps_client::link::{Body, Link};
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Id, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::sse::Event;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::alias::Alias;
use history::History;
pub(super) use history::parse;

/// Events that wait for a client that reads slowly. Whoever writes more waits too.
const QUEUE: usize = 16;
/// How long the server of many waits for one who reads slowly: all others wait meanwhile. Then
/// that one's response ends.
const PATIENCE: Duration = Duration::from_millis(200);

/// What a request is answered with.
pub(super) enum First {
    /// The answer itself, and the number of the error if it is one.
    Json(Bytes, Option<i64>),
    /// Events, of which the answer is the last.
    Events(mpsc::Receiver<Event>),
}

/// One response under way. It is signed in the order in which it is written.
pub(super) struct Exchange {
    /// Which stream it is, where it can be resumed.
    number: Option<u64>,
    response: Mutex<Response>,
}

struct Response {
    body: Body,
    out: Out,
    history: Option<History>,
    /// What the caller called the request, where the server knows it by another name.
    alias: Option<Alias>,
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
        body: Body,
        number: Option<u64>,
        alias: Option<Alias>,
    ) -> (Self, oneshot::Receiver<First>) {
        let (first, begun) = oneshot::channel();
        let Some(number) = number else {
            return (Self::new(body, Out::Open(first), None, alias), begun);
        };
        let (exchange, events) = Self::stream(body, Some(number), 0);
        // The reader is at hand.
        let _ = first.send(First::Events(events));
        (exchange, begun)
    }

    /// A stream from its beginning, with room for so many messages before anybody reads. The
    /// standing one has no answer at its end.
    pub(super) fn stream(
        body: Body,
        number: Option<u64>,
        ahead: usize,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, read) = mpsc::channel(QUEUE + ahead);
        let exchange = Self::new(body, Out::Stream(events.clone()), number, None);
        if let Some(number) = number {
            // So that the client can come back even if nothing else reaches it; there is room.
            let _ = events.try_send(history::primer(number));
        }
        (exchange, read)
    }

    fn new(body: Body, out: Out, number: Option<u64>, alias: Option<Alias>) -> Self {
        let history = number.map(History::new);
        Self {
            number,
            response: Mutex::new(Response {
                body,
                out,
                history,
                alias,
            }),
        }
    }

    /// Which stream it is, where it can be resumed.
    pub(super) const fn number(&self) -> Option<u64> {
        self.number
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

    /// Signs and sends the next message, or the answer. Whether somebody may read it.
    ///
    /// # Errors
    /// What signing fails with; the response goes on.
    pub(super) async fn write(
        &self,
        link: &Link,
        message: Message,
        last: bool,
    ) -> Result<bool, Refusal> {
        let mut response = self.response.lock().await;
        let error = message.error().and_then(|error| error.get("code"));
        let error = error.and_then(Value::as_i64);
        let text = link.seal_into(message, &mut response.body, last)?;
        Ok(response.put(text, last, error).await)
    }

    /// Ends it with one of our errors.
    ///
    /// # Errors
    /// When that cannot be signed; then it just ends.
    pub(super) async fn fail(
        &self,
        link: &Link,
        id: &Id,
        code: Code,
        decision_id: &str,
    ) -> Result<(), Refusal> {
        let mut response = self.response.lock().await;
        match link.seal_failure_into(id, code, decision_id, &mut response.body) {
            Ok(text) => {
                response.put(text, true, None).await;
                Ok(())
            }
            Err(refusal) => {
                response.out = Out::Over;
                Err(refusal)
            }
        }
    }

    /// Goes on behind the event of that number, for a reader who came back in place of whoever
    /// read before. `None` when what follows is not kept any more.
    pub(super) async fn resume(&self, after: u64) -> Option<mpsc::Receiver<Event>> {
        let mut response = self.response.lock().await;
        let missed = response.history.as_ref()?.after(after)?;
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

impl Response {
    async fn put(&mut self, text: String, last: bool, error: Option<i64>) -> bool {
        let text = match &self.alias {
            Some(alias) => alias.reveal(text),
            None => text,
        };
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
                let (events, read) = mpsc::channel(QUEUE);
                // There is room, and the reader is at hand.
                let kept = events.try_send(event(&mut self.history)).is_ok();
                let sent = first.send(First::Events(read)).is_ok();
                (Out::Stream(events), kept && sent)
            }
            Out::Stream(events) => {
                let sending = events.send(event(&mut self.history));
                let sent = match &self.alias {
                    None => sending.await.is_ok(),
                    Some(_) => timeout(PATIENCE, sending)
                        .await
                        .is_ok_and(|sent| sent.is_ok()),
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
