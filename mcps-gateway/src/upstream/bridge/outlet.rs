//! Where the answer to one request goes: one document where nothing was said before it, else the
//! last event of a stream. Whoever waits may leave at any time.

use http::StatusCode;
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, EventSource, Next, Response};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::sse::Event;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Events that wait for a caller who reads slowly. The server then waits too.
const QUEUE: usize = 16;

type First = Result<Begun, TransportError>;

/// How an answer begins.
enum Begun {
    Whole(Response),
    Events(mpsc::Receiver<Event>),
}

/// The end at which an answer is made.
pub(super) struct Outlet {
    first: Option<oneshot::Sender<First>>,
    events: Option<mpsc::Sender<Event>>,
    /// Documents and events, and how many of them were taken.
    said: usize,
    taken: Arc<AtomicUsize>,
}

/// The end at which it is waited for.
pub(super) struct Seat {
    first: oneshot::Receiver<First>,
    taken: Arc<AtomicUsize>,
    here: oneshot::Sender<()>,
}

/// Ends when nobody waits any more.
pub(super) type Left = oneshot::Receiver<()>;

impl Outlet {
    /// For one request.
    pub(super) fn new() -> (Self, Seat, Left) {
        let (first, begun) = oneshot::channel();
        let (here, left) = oneshot::channel();
        let taken = Arc::default();
        let outlet = Self {
            first: Some(first),
            events: None,
            said: 0,
            taken: Arc::clone(&taken),
        };
        let seat = Seat {
            first: begun,
            taken,
            here,
        };
        (outlet, seat, left)
    }

    /// Begins a stream.
    pub(super) fn begin(&mut self) {
        if let Some(first) = self.first.take() {
            let (events, read) = mpsc::channel(QUEUE);
            drop(first.send(Ok(Begun::Events(read))));
            self.events = Some(events);
        }
    }

    /// Says something before the answer.
    pub(super) async fn say(&mut self, message: &Message) {
        let event = Event::message(message.text().as_bytes());
        self.begin();
        if let Some(events) = &self.events {
            self.said += 1;
            drop(events.send(event).await);
        }
    }

    /// Answers; the status is that of a document.
    pub(super) async fn answer(&mut self, message: Message, status: fn(&Message) -> StatusCode) {
        if self.first.is_none() {
            self.say(&message).await;
            self.events = None;
            return;
        }
        let status = status(&message);
        let (headers, body) = (McpHeaders::default(), message.into_text().into());
        self.give(match status {
            StatusCode::OK => Response::Json { headers, body },
            status => Response::Refused {
                status,
                headers,
                body,
            },
        });
    }

    /// Answers with a response as it is, where nothing was said before.
    pub(super) fn give(&mut self, response: Response) {
        if let Some(first) = self.first.take() {
            self.said += 1;
            drop(first.send(Ok(Begun::Whole(response))));
        }
        self.events = None;
    }

    /// There is no answer.
    pub(super) fn fail(&mut self, error: TransportError) {
        if let Some(first) = self.first.take() {
            drop(first.send(Err(error)));
        }
        self.events = None;
    }

    /// Waits until nobody waits any more, after the last word: whether all that was said was taken.
    pub(super) async fn parted(self, left: Left) -> bool {
        let Self {
            said, taken, first, ..
        } = self;
        drop(first);
        // Either end of it says so.
        drop(left.await);
        taken.load(Ordering::Acquire) >= said
    }
}

impl Seat {
    /// Waits for the beginning of the answer. Dropping this is leaving, and so is dropping the stream that it
    /// begins.
    pub(super) async fn wait(self) -> Result<Response, TransportError> {
        let gone = || TransportError::Exchange(Arc::new(Refusal::Upstream));
        match self.first.await.map_err(|_| gone())?? {
            Begun::Whole(response) => {
                self.taken.fetch_add(1, Ordering::Release);
                Ok(response)
            }
            Begun::Events(events) => Ok(Response::Events {
                headers: McpHeaders::default(),
                events: EventReader::of(Stream {
                    events,
                    taken: self.taken,
                    _here: self.here,
                }),
            }),
        }
    }
}

/// What is said, event by event.
struct Stream {
    events: mpsc::Receiver<Event>,
    taken: Arc<AtomicUsize>,
    _here: oneshot::Sender<()>,
}

impl EventSource for Stream {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            let event = self.events.recv().await;
            self.taken
                .fetch_add(usize::from(event.is_some()), Ordering::Release);
            Ok(event)
        })
    }
}

/// The status of a document of the older era.
pub(super) const fn fine(_: &Message) -> StatusCode {
    StatusCode::OK
}

/// The status of one of the newer era (2026-07-28, *Streamable HTTP: Error Handling*).
pub(super) fn by_number(message: &Message) -> StatusCode {
    let code = message.error().and_then(|error| error.get("code"));
    match code.and_then(Value::as_i64) {
        Some(-32601) => StatusCode::NOT_FOUND,
        Some(-32602) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests;
