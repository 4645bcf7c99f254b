//! What servers say by themselves where all are one: their requests reach the caller under ids of
//! ours, so that two servers may choose the same, and each answer goes to who asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use mcps_client::listen::{Outward, Reach};
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, EventSource, Next, Response};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::sse::Event;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{All, not_allowed, refusal};

/// Requests of servers that wait for the caller's answers; the oldest goes when there are more.
const MAX_ASKED: usize = 1024;
/// Events that wait for a caller who reads slowly.
const QUEUE: usize = 16;

/// What servers have asked the caller.
#[derive(Default)]
pub(super) struct Asked {
    count: AtomicU64,
    waiting: Mutex<HashMap<String, Waiting>>,
}

/// One request of a server's.
struct Waiting {
    server: String,
    /// What the server calls it.
    id: String,
    /// Its progress token.
    token: Option<String>,
    number: u64,
}

impl Asked {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a request of a server's an id of ours.
    fn give(&self, message: &Message, server: &str) -> Option<Message> {
        let id = message.root().get("id")?;
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let ours = format!(r#""{server}.{number}""#);
        let token = message.meta().and_then(|meta| meta.get("progressToken"));
        let mut text = message.text().to_owned();
        text.replace_range(id.span(), &ours);
        let given = Message::parse(text).ok()?;
        let mut waiting = self.waiting();
        if waiting.len() >= MAX_ASKED {
            let oldest = waiting.iter().min_by_key(|(_, held)| held.number);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                waiting.remove(&oldest);
            }
        }
        let held = Waiting {
            server: server.to_owned(),
            id: id.raw().to_owned(),
            token: token.map(|token| token.raw().to_owned()),
            number,
        };
        waiting.insert(ours, held);
        Some(given)
    }

    /// The server that an answer of the caller's is for, and the answer as that server is to read it.
    pub(super) fn answered(&self, message: &Message) -> Option<(String, Message)> {
        let id = message.root().get("id")?;
        let held = self.waiting().remove(id.raw())?;
        let mut text = message.text().to_owned();
        text.replace_range(id.span(), &held.id);
        Some((held.server, Message::parse(text).ok()?))
    }

    /// Whose request that is.
    pub(super) fn asker(&self, id: &str) -> Option<String> {
        self.waiting().get(id).map(|held| held.server.clone())
    }

    /// Whose request a progress token is of.
    pub(super) fn owner(&self, token: &str) -> Option<String> {
        let waiting = self.waiting();
        let mut all = waiting.values();
        let held = all.find(|held| held.token.as_deref() == Some(token));
        held.map(|held| held.server.clone())
    }

    /// What a server has given up goes by the id that the caller knows.
    fn given_up(&self, message: &Message, server: &str) -> Option<Message> {
        let id = message.params()?.get("requestId")?;
        let waiting = self.waiting();
        let held = waiting
            .iter()
            .find(|(_, held)| held.server == server && held.id == id.raw());
        let mut text = message.text().to_owned();
        text.replace_range(id.span(), held?.0);
        Message::parse(text).ok()
    }

    /// A response of one server's as the caller is to read it.
    pub(super) fn relabel(self: &Arc<Self>, response: Response, server: &str) -> Response {
        match response {
            Response::Events { events, .. } => Response::Events {
                headers: McpHeaders::default(),
                events: EventReader::of(Relabelled {
                    events,
                    asked: Arc::clone(self),
                    server: server.to_owned(),
                }),
            },
            Response::Json { body, .. } => Response::Json {
                headers: McpHeaders::default(),
                body,
            },
            other => other,
        }
    }

    fn labelled(&self, event: &Event, server: &str) -> Option<Event> {
        let data = event.data().filter(|data| !data.is_empty())?;
        // Without its id: a stream that is one of several is not taken up again.
        let Ok(message) = Message::parse(data.to_vec()) else {
            return Some(Event::message(&data));
        };
        let message = match (message.kind(), message.method().as_deref()) {
            (Kind::Request, _) => self.give(&message, server)?,
            (Kind::Notification, Some("notifications/cancelled")) => {
                self.given_up(&message, server)?
            }
            _ => message,
        };
        Some(Event::message(message.text().as_bytes()))
    }
}

/// One server's stream.
struct Relabelled {
    events: EventReader,
    asked: Arc<Asked>,
    server: String,
}

impl EventSource for Relabelled {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            loop {
                let Some(event) = self.events.next().await? else {
                    return Ok(None);
                };
                if let Some(event) = self.asked.labelled(&event, &self.server) {
                    return Ok(Some(event));
                }
            }
        })
    }
}

/// Several servers' streams in one.
struct Merged {
    events: mpsc::Receiver<Event>,
    /// They end with it.
    _reading: JoinSet<()>,
}

impl EventSource for Merged {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async { Ok(self.events.recv().await) })
    }
}

impl All {
    /// The streams of what all of them say by themselves (until 2025-11-25).
    pub(super) async fn stand(&self, headers: HeaderMap) -> Result<Response, TransportError> {
        let mut asking = JoinSet::new();
        for member in self.members.values() {
            let member = Arc::clone(member);
            let headers = headers.clone();
            asking.spawn(async move {
                let stood = member.stand(headers).await;
                (member.name.clone(), stood)
            });
        }
        let mut streams = Vec::new();
        while let Some(stood) = asking.join_next().await {
            if let Ok((server, Ok(Response::Events { events, .. }))) = stood {
                streams.push((server, events));
            }
        }
        if streams.is_empty() {
            return Ok(not_allowed());
        }
        Ok(self.merged(streams))
    }

    /// A subscription at all of them (2026-07-28).
    pub(super) async fn listen(&self, outward: Outward) -> Result<Response, TransportError> {
        let mut asking = JoinSet::new();
        for member in self.members.values() {
            let Some(message) = self.part(&outward.message, &member.name) else {
                continue;
            };
            let member = Arc::clone(member);
            let asked = Outward {
                message,
                headers: outward.headers.clone(),
                act: outward.act.clone(),
            };
            asking.spawn(async move {
                let stood = member.tell(asked).await;
                (member.name.clone(), stood)
            });
        }
        let mut streams = Vec::new();
        while let Some(stood) = asking.join_next().await {
            if let Ok((server, Ok(Response::Events { events, .. }))) = stood {
                streams.push((server, events));
            }
        }
        if streams.is_empty() {
            return Ok(refusal(
                &outward.message,
                -32601,
                "no server here has subscriptions",
            ));
        }
        Ok(self.merged(streams))
    }

    /// A subscription as one server is to have it: of resources, to those that it offers.
    fn part(&self, message: &Message, server: &str) -> Option<Message> {
        let wanted = message
            .params()
            .and_then(|params| params.get("notifications")?.get("resourceSubscriptions"));
        let Some((wanted, uris)) = wanted.and_then(|wanted| Some((wanted, wanted.as_array()?)))
        else {
            return Some(message.clone());
        };
        let is_own = |uri: &Value<'_>| {
            let leads = uri.as_str().and_then(|uri| self.leads("resources", &uri));
            leads.is_some_and(|(owner, _)| owner == server)
        };
        let own: Vec<&str> = uris
            .into_iter()
            .filter(is_own)
            .map(|uri| uri.raw())
            .collect();
        let mut text = message.text().to_owned();
        text.replace_range(wanted.span(), &format!("[{}]", own.join(",")));
        Message::parse(text).ok()
    }

    fn merged(&self, streams: Vec<(String, EventReader)>) -> Response {
        let (sender, events) = mpsc::channel(QUEUE);
        let mut reading = JoinSet::new();
        for (server, mut stream) in streams {
            let (asked, sender) = (Arc::clone(&self.asked), sender.clone());
            reading.spawn(async move {
                while let Ok(Some(event)) = stream.next().await {
                    // The answer to one of them is not the end of all.
                    let Some(event) = asked
                        .labelled(&event, &server)
                        .filter(|event| !answers(event))
                    else {
                        continue;
                    };
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
            });
        }
        Response::Events {
            headers: McpHeaders::default(),
            events: EventReader::of(Merged {
                events,
                _reading: reading,
            }),
        }
    }
}

fn answers(event: &Event) -> bool {
    let message = event
        .data()
        .and_then(|data| Message::parse(data.to_vec()).ok());
    message.is_some_and(|message| {
        message
            .root()
            .get("method")
            .and_then(Value::as_str)
            .is_none()
    })
}
