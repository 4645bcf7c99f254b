//! Ids towards a server are ours, new for each request, and what it answers is held against them: a
//! late answer finds nobody, a second one too, and a request of the server's own is never an answer.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use mcps_client::listen::{Alias, Awaited, Outward, Reach};
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::random::{Random, hex16};
use mcps_core::refusal::Refusal;
use mcps_core::tool;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, EventSource, Next, Response};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::sse::Event;

/// The method that gives up a request.
const CANCELLED: &str = "notifications/cancelled";

/// Answers to nothing that was asked, or asked no more.
#[derive(Debug, Default)]
pub struct Strays(AtomicU64);

impl Strays {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn drop_one(&self) {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(
            count,
            "dropped an answer of a server to nothing that was asked"
        );
    }
}

/// Requests whose stream broke off before the answer, and that may yet be answered on another.
const MAX_BROKEN: usize = 256;

/// Requests under way, by what their caller calls them.
#[derive(Default)]
struct Flights(Mutex<HashMap<String, Known>>);

struct Known {
    alias: Arc<Alias>,
    /// Its stream broke off; where it can be taken up again the answer comes there.
    broken: bool,
}

impl Flights {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, alias: &Arc<Alias>) {
        let known = Known {
            alias: Arc::clone(alias),
            broken: false,
        };
        self.all().insert(alias.own().to_owned(), known);
    }

    /// The request of a broken stream that a message answers. It does so once.
    fn answered(&self, message: &Message) -> Option<Arc<Alias>> {
        let mut all = self.all();
        let found = all
            .iter()
            .find(|(_, known)| known.broken && names(message, &known.alias));
        let own = found.map(|(own, _)| own.clone())?;
        all.remove(&own).map(|known| known.alias)
    }

    /// The request whose progress a message tells.
    fn about(&self, message: &Message) -> Option<Arc<Alias>> {
        let token = message.params()?.get("progressToken")?;
        let all = self.all();
        let mut all = all.values();
        let found = all.find(|known| known.alias.given() == token.raw());
        found.map(|known| Arc::clone(&known.alias))
    }
}

/// One request under way; it is no more when this is dropped, unless its stream can be taken up again.
struct Flight {
    flights: Arc<Flights>,
    alias: Arc<Alias>,
    resumable: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut all = self.flights.all();
        let broken = all.values().filter(|known| known.broken).count();
        let own = self.alias.own();
        // Its caller may have used the id again.
        let mine = |known: &&mut Known| Arc::ptr_eq(&known.alias, &self.alias);
        match all.get_mut(own).filter(mine) {
            Some(known) if self.resumable && broken < MAX_BROKEN => known.broken = true,
            Some(_) => drop(all.remove(own)),
            None => {}
        }
    }
}

/// One caller's way to one server.
pub(super) struct Minted {
    inner: Arc<dyn Reach>,
    name: String,
    count: AtomicU64,
    flights: Arc<Flights>,
    strays: Arc<Strays>,
}

impl Minted {
    pub(super) fn new(inner: Arc<dyn Reach>, random: &dyn Random, strays: Arc<Strays>) -> Self {
        Self {
            inner,
            // Without randomness nothing can be signed either, so that nothing gets here.
            name: hex16(random).unwrap_or_default(),
            count: AtomicU64::new(1),
            flights: Arc::default(),
            strays,
        }
    }

    async fn send(&self, mut outward: Outward) -> Result<Response, TransportError> {
        if outward.message.kind() != Kind::Request {
            let Some(message) = self.renamed(outward.message) else {
                // What it gives up is not under way.
                let headers = McpHeaders::default();
                return Ok(Response::Accepted { headers });
            };
            outward.message = message;
            return self.inner.post(outward).await;
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", self.name);
        let Some((alias, message)) = Alias::give(&outward.message, &name) else {
            let why = Refusal::Message("it is too long with an id of ours");
            return Err(TransportError::Exchange(Arc::new(why)));
        };
        let alias = Arc::new(alias);
        self.flights.insert(&alias);
        let flight = Flight {
            flights: Arc::clone(&self.flights),
            alias,
            resumable: false,
        };
        outward.message = message;
        let response = self.inner.post(outward).await?;
        Ok(self.revealed(response, flight))
    }

    /// A message that is no request as the server knows what it speaks of.
    fn renamed(&self, message: Message) -> Option<Message> {
        if message.method().as_deref() != Some(CANCELLED) {
            return Some(message);
        }
        let id = message.params()?.get("requestId")?;
        let given = self.flights.all().get(id.raw())?.alias.given().to_owned();
        let mut text = message.text().to_owned();
        text.replace_range(id.span(), &given);
        Message::parse(text).ok()
    }

    fn revealed(&self, response: Response, flight: Flight) -> Response {
        match response {
            Response::Json { headers, body } => {
                match answer(&body, &flight.alias) {
                    Answer::Revealed(body) => Response::Json { headers, body },
                    // It is no message, and whoever signs says so.
                    Answer::Unread => Response::Json { headers, body },
                    Answer::Stray => {
                        self.strays.drop_one();
                        // Nothing else comes.
                        Response::Accepted { headers }
                    }
                }
            }
            Response::Refused {
                status,
                headers,
                body,
            } => {
                let body = match answer(&body, &flight.alias) {
                    Answer::Revealed(body) => body,
                    Answer::Unread | Answer::Stray => Bytes::new(),
                };
                Response::Refused {
                    status,
                    headers,
                    body,
                }
            }
            Response::Events { headers, events } => {
                let events = EventReader::of(Revealing {
                    events,
                    of: Of::One(flight),
                    answered: false,
                    strays: Arc::clone(&self.strays),
                });
                Response::Events { headers, events }
            }
            Response::Accepted { headers } => Response::Accepted { headers },
        }
    }
}

impl Reach for Minted {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.send(outward))
    }

    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(async move {
            let response = self.inner.get(last_event_id, headers).await?;
            let Response::Events { headers, events } = response else {
                return Ok(response);
            };
            let events = EventReader::of(Revealing {
                events,
                of: Of::Any(Arc::clone(&self.flights)),
                answered: false,
                strays: Arc::clone(&self.strays),
            });
            Ok(Response::Events { headers, events })
        })
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        self.inner.delete(headers)
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.close()
    }
}

/// What a document turned out to be.
enum Answer {
    Revealed(Bytes),
    Unread,
    Stray,
}

fn answer(body: &Bytes, alias: &Alias) -> Answer {
    let Ok(message) = Message::parse(body.to_vec()) else {
        return Answer::Unread;
    };
    if !is_answer(&message, alias) {
        return Answer::Stray;
    }
    match alias.reveal(&message).and_then(unmarked) {
        Ok(message) => Answer::Revealed(message.into_text().into()),
        Err(_) => Answer::Unread,
    }
}

/// A list of tools without blocks of signatures. Where a server signs they have been verified and taken
/// out before; of any other their content is nothing that the hash of a definition covers.
fn unmarked(message: Message) -> Result<Message, Refusal> {
    let tools = message.result().and_then(|result| result.get("tools"));
    let tools = tools.and_then(Value::as_array).into_iter().flatten();
    let marked: Vec<Value<'_>> = tools.filter(|tool| tool::is_marked(*tool)).collect();
    if marked.is_empty() {
        return Ok(message);
    }
    let (text, mut bare, mut from) = (message.text(), String::new(), 0);
    for tool in marked {
        let span = tool.span();
        bare.push_str(text.get(from..span.start).unwrap_or_default());
        bare.push_str(&tool::strip(tool)?);
        from = span.end;
    }
    bare.push_str(text.get(from..).unwrap_or_default());
    Message::parse(bare)
}

/// Whether a message answers that request. An error that names none is about the one it is the
/// response to.
fn is_answer(message: &Message, alias: &Alias) -> bool {
    let nobody = message.kind() == Kind::Error && message.id().is_none();
    nobody || names(message, alias)
}

/// Whether a message is an answer and names that request.
fn names(message: &Message, alias: &Alias) -> bool {
    let answers = matches!(message.kind(), Kind::Response | Kind::Error);
    let named = message.id().map(|id| id.as_str());
    answers && named == Some(alias.given())
}

/// What the messages of a stream may be about.
enum Of {
    /// The request that it answers.
    One(Flight),
    /// Any that is under way.
    Any(Arc<Flights>),
}

/// A stream of the server's as its caller is to read it.
struct Revealing {
    events: EventReader,
    of: Of,
    answered: bool,
    strays: Arc<Strays>,
}

impl Revealing {
    fn shown(&mut self, event: Event) -> Option<Event> {
        let Some(data) = event.data().filter(|data| !data.is_empty()) else {
            if let Of::One(flight) = &mut self.of {
                // Clients come back with it.
                flight.resumable |= event.id().is_some() && !self.answered;
            }
            return Some(event);
        };
        if event
            .name()
            .is_some_and(|name| !name.is_empty() && name != b"message")
        {
            // No message of MCP, though some clients take any event for one.
            return None;
        }
        let Ok(message) = Message::parse(data.to_vec()) else {
            return Some(event);
        };
        let answers = matches!(message.kind(), Kind::Response | Kind::Error);
        let alias = match &mut self.of {
            Of::One(flight) => {
                let right = !answers || (!self.answered && is_answer(&message, &flight.alias));
                flight.resumable = event.id().is_some() || flight.resumable;
                flight.resumable &= !(answers && right);
                right.then(|| Arc::clone(&flight.alias))
            }
            Of::Any(flights) if answers => flights.answered(&message),
            Of::Any(flights) => match flights.about(&message) {
                Some(alias) => Some(alias),
                None => return Some(event),
            },
        };
        let Some(alias) = alias else {
            self.strays.drop_one();
            return None;
        };
        self.answered |= answers;
        // Too long with the caller's names: whoever signs it says so.
        let message = alias.reveal(&message).and_then(unmarked).ok();
        Some(message.map_or(event.clone(), |message| {
            event.with_data(message.text().as_bytes())
        }))
    }
}

impl EventSource for Revealing {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            loop {
                let Some(event) = self.events.next().await? else {
                    return Ok(None);
                };
                if let Some(event) = self.shown(event) {
                    return Ok(Some(event));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests;
