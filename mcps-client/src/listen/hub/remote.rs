//! Requests whose server is one over HTTP: each is one to it, and each response of its own one to
//! the caller.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mcps_core::code::Code;
use mcps_core::envelope::Act;
use mcps_core::message::{Id, Kind, Message};
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, Response};
use mcps_transport::http::headers::{MCP_SESSION_ID, McpHeaders};
use mcps_transport::http::server::{Post, Reply};
use mcps_transport::sse::Event;
use tokio::sync::mpsc;

use super::Hub;
use super::reply::{bad_request, empty, json, status_of, unavailable};
use super::stages::Entered;
use crate::exit;
use crate::link::Body;
use crate::listen::mirror::Era;
use crate::listen::presence::Busy;
use crate::listen::reach::Outward;
use crate::listen::session::Session;
use crate::listen::upstream::{Passage, Signed, Signing, Turn, reader};
use crate::listen::watch::Watch;

/// The request whose answer is a stream of what the server says by itself (2026-07-28).
const LISTEN: &str = "subscriptions/listen";

/// The way of one request.
pub(super) struct Way<'a> {
    pub(super) session: &'a Arc<Session>,
    pub(super) passage: &'a Passage,
    /// It names a session of ours (until 2025-11-25).
    pub(super) in_session: bool,
    /// The caller's signed object that is passed on.
    pub(super) act: Option<Act>,
}

/// A request, and what is made ready for its answer.
pub(super) struct Question {
    pub(super) id: Id,
    pub(super) message: Message,
    pub(super) body: Body,
    pub(super) watch: Option<Box<dyn Watch>>,
}

/// What came back of a request that is not an event stream.
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answered {
    fn bare(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

impl Hub {
    /// Answers a request with a result of ours, of which its server never hears. `watch` looks at
    /// it as at any other.
    pub async fn answer(
        &self,
        entered: Entered,
        result: &str,
        watch: Option<Box<dyn Watch>>,
    ) -> Box<Reply> {
        let Entered {
            session,
            opened,
            headers,
            ..
        } = entered;
        let _busy = session.presence.enter();
        let Some(id) = opened.message.id().cloned() else {
            return empty(StatusCode::ACCEPTED);
        };
        let body = session.link.respond(&opened);
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let (link, desk) = (Arc::clone(&session.link), session.desk.clone());
        let mut signing = Signing::new(link, desk, body, Some(id), watch);
        match signing.sign(text.into_bytes()).await {
            Signed::Last(text) => json(StatusCode::OK, headers, text),
            Signed::Next(_) | Signed::Dropped => unavailable(),
        }
    }

    /// Passes a request on, and its answer back, with further headers of ours.
    pub(super) async fn request(
        &self,
        way: Way<'_>,
        asked: Question,
        post: Post,
        era: Era,
        mut headers: HeaderMap,
    ) -> Result<Reply, Box<Reply>> {
        let busy = way.session.presence.enter();
        let Question {
            id,
            message,
            body,
            watch,
        } = asked;
        let link = Arc::clone(&way.session.link);
        let desk = way.session.desk.clone();
        let mut signing = Signing::new(link, desk, body, Some(id), watch);
        let begins = headers.contains_key(MCP_SESSION_ID);
        let stands = message.method().as_deref() == Some(LISTEN);
        let mut failure = Code::UpstreamUnavailable;
        let sent = tokio::select! {
            sent = self.send(&way, message, &post) => sent.map(Some),
            code = signing.over() => {
                failure = code;
                Ok(None)
            }
            () = self.stopped(way.passage, stands) => Ok(None),
        };
        if sent.is_err() && begins {
            self.forget(way.session);
        }
        let Some(sent) = sent? else {
            return self.cut(&way, signing, failure, headers);
        };
        let answered = match sent {
            Ok(Response::Events {
                headers: named,
                events,
            }) => {
                way.passage.named(named.raw().get(MCP_SESSION_ID));
                let resumable = era == Era::Legacy;
                let turn = way.passage.begin(signing, resumable).await;
                let within = (resumable, stands);
                let events = self.follow(&way, (turn, events), Vec::new(), within, busy);
                return Ok(Reply::Events { headers, events });
            }
            Ok(Response::Json {
                headers: named,
                body,
            }) => {
                way.passage.named(named.raw().get(MCP_SESSION_ID));
                Answered {
                    body,
                    ..Answered::bare(StatusCode::OK)
                }
            }
            Ok(Response::Refused {
                status,
                headers,
                body,
            }) => self.turned_down(&way, status, &headers, body),
            Ok(Response::Accepted { .. }) => {
                tracing::error!("the server accepted a request without answering it");
                Answered::bare(status_of(Code::UpstreamUnavailable))
            }
            Err(_) => Answered::bare(status_of(Code::UpstreamUnavailable)),
        };
        let text = answered.body.to_vec();
        let kind = Message::parse(text.clone()).map(|message| message.kind());
        let opened = answered.status == StatusCode::OK && !matches!(kind, Ok(Kind::Error));
        if begins && !opened {
            // There is no session where the answer was none, or an error.
            headers.remove(MCP_SESSION_ID);
            self.forget(way.session);
        }
        headers.extend(answered.headers);
        let answers = matches!(kind, Ok(Kind::Response | Kind::Error));
        let signed = match answers {
            true => Some(signing.sign(text).await),
            false => None,
        };
        if let Some(Signed::Last(text)) = signed {
            if post.gone.is_so() {
                signing.lost();
            }
            return Ok(*json(answered.status, headers, text));
        }
        let status = match answered.status {
            StatusCode::OK => status_of(failure),
            status => status,
        };
        if headers.remove(MCP_SESSION_ID).is_some() {
            self.forget(way.session);
        }
        match signing.fail(failure) {
            Signed::Last(text) => Ok(*json(status, headers, text)),
            Signed::Next(_) | Signed::Dropped => Err(unavailable()),
        }
    }

    /// Passes on what is not answered.
    pub(super) async fn tell(
        &self,
        way: Way<'_>,
        message: Message,
        post: Post,
    ) -> Result<Reply, Box<Reply>> {
        let _busy = way.session.presence.enter();
        match self.send(&way, message, &post).await? {
            Ok(Response::Refused {
                status,
                headers,
                body,
            }) => {
                let answered = self.turned_down(&way, status, &headers, body);
                let (status, headers) = (answered.status, answered.headers);
                Ok(Reply::Empty { status, headers })
            }
            Ok(_) => Ok(*empty(StatusCode::ACCEPTED)),
            Err(_) => Err(empty(status_of(Code::UpstreamUnavailable))),
        }
    }

    /// Sends to the server. A caller who leaves before anything came back leaves the server too.
    async fn send(
        &self,
        way: &Way<'_>,
        message: Message,
        post: &Post,
    ) -> Result<Result<Response, TransportError>, Box<Reply>> {
        let headers = way.passage.upstream.there(&post.headers, way.passage.id());
        let outward = Outward {
            message,
            headers,
            act: way.act.clone(),
        };
        tokio::select! {
            answered = way.passage.reach.post(outward) => {
                Ok(answered.inspect_err(failed))
            }
            () = post.gone.wait() => Err(unavailable()),
        }
    }

    /// What a server refused, with what else it says to whoever asked.
    fn turned_down(
        &self,
        way: &Way<'_>,
        status: StatusCode,
        headers: &McpHeaders,
        body: Bytes,
    ) -> Answered {
        tracing::debug!(
            status = status.as_u16(),
            "the server answered with HTTP status {status}"
        );
        let status = match (status, way.passage.id()) {
            (StatusCode::NOT_FOUND, Some(_)) => {
                // Its session is over (2025-11-25, *Session Management*).
                self.forget(way.session);
                status
            }
            // It has no sessions; of ours nothing is over.
            (StatusCode::NOT_FOUND, None) if way.in_session => StatusCode::BAD_REQUEST,
            // It is we whom it does not let in, and nothing that its caller could bring would reach it.
            (StatusCode::UNAUTHORIZED, _) if !way.passage.upstream.has_credentials() => {
                StatusCode::BAD_GATEWAY
            }
            _ => status,
        };
        Answered {
            status,
            headers: way.passage.upstream.back(headers),
            body,
        }
    }

    /// The answer to a request that its server did not answer in time.
    fn cut(
        &self,
        way: &Way<'_>,
        mut signing: Signing,
        code: Code,
        mut headers: HeaderMap,
    ) -> Result<Reply, Box<Reply>> {
        if headers.remove(MCP_SESSION_ID).is_some() {
            self.forget(way.session);
        }
        match signing.fail(code) {
            Signed::Last(text) => Ok(*json(status_of(code), headers, text)),
            Signed::Next(_) | Signed::Dropped => Err(unavailable()),
        }
    }

    /// Passes an event stream on, beside everything else.
    fn follow(
        &self,
        way: &Way<'_>,
        (turn, events): (Turn, EventReader),
        missed: Vec<Event>,
        (resumable, stands): (bool, bool),
        busy: Busy,
    ) -> mpsc::Receiver<Event> {
        let (to_reader, read) = reader(missed);
        let stopped = self.stopped(way.passage, stands);
        self.spawn(async move {
            turn.follow(events, to_reader, resumable, stopped).await;
            drop(busy);
        });
        read
    }

    /// Opens the server's own stream, or goes on with one that broke.
    pub(super) async fn attend(
        &self,
        way: Way<'_>,
        headers: &McpHeaders,
        (body, watch): (Body, Option<Box<dyn Watch>>),
        last_event_id: Option<&str>,
    ) -> Result<Reply, Box<Reply>> {
        let busy = way.session.presence.enter();
        let (turn, missed, after) = match last_event_id {
            None => {
                let link = Arc::clone(&way.session.link);
                let desk = way.session.desk.clone();
                let signing = Signing::new(link, desk, body, None, watch);
                (way.passage.begin(signing, true).await, Vec::new(), None)
            }
            Some(id) => {
                let found = way.passage.resume(id.as_bytes()).await;
                let mut turn = found.ok_or_else(bad_request)?;
                if turn.stands() {
                    turn.watched_by(watch);
                }
                let missed = turn.missed(id.as_bytes()).ok_or_else(bad_request)?;
                let Some(after) = missed.after else {
                    let (_, events) = reader(missed.events);
                    let headers = HeaderMap::new();
                    return Ok(Reply::Events { headers, events });
                };
                (turn, missed.events, Some(after))
            }
        };
        let there = way.passage.upstream.there(headers, way.passage.id());
        let answered = tokio::select! {
            answered = way.passage.reach.get(after.as_deref(), there) => answered,
            // Another reader wants it.
            () = turn.lost() => return Err(unavailable()),
        };
        match answered.inspect_err(failed) {
            Ok(Response::Events { events, .. }) => {
                let within = (true, turn.stands());
                let events = self.follow(&way, (turn, events), missed, within, busy);
                let headers = HeaderMap::new();
                Ok(Reply::Events { headers, events })
            }
            // What was missed can be had all the same.
            _ if !missed.is_empty() => {
                let (_, events) = reader(missed);
                let headers = HeaderMap::new();
                Ok(Reply::Events { headers, events })
            }
            Ok(Response::Refused {
                status,
                headers,
                body,
            }) => {
                let answered = self.turned_down(&way, status, &headers, body);
                let (status, headers) = (answered.status, answered.headers);
                Ok(Reply::Empty { status, headers })
            }
            Ok(Response::Json { .. } | Response::Accepted { .. }) => {
                Err(empty(StatusCode::METHOD_NOT_ALLOWED))
            }
            Err(_) => Err(empty(status_of(Code::UpstreamUnavailable))),
        }
    }

    /// Ends a session at the server too, if that has one. A server that lets nobody do so says
    /// it, and the session goes on.
    pub(super) async fn part(
        &self,
        way: Way<'_>,
        headers: &McpHeaders,
    ) -> Result<Reply, Box<Reply>> {
        let gone = empty(StatusCode::NO_CONTENT);
        if way.passage.id().is_none() {
            self.forget(way.session);
            return Ok(*gone);
        }
        let there = way.passage.upstream.there(headers, way.passage.id());
        let parted = way.passage.reach.delete(there).await;
        match parted.inspect_err(failed) {
            Ok(Response::Refused {
                status,
                headers,
                body,
            }) => {
                let answered = self.turned_down(&way, status, &headers, body);
                let (status, headers) = (answered.status, answered.headers);
                Ok(Reply::Empty { status, headers })
            }
            Ok(_) => {
                self.forget(way.session);
                Ok(*gone)
            }
            Err(_) => Err(empty(status_of(Code::UpstreamUnavailable))),
        }
    }
}

fn failed(error: &TransportError) {
    let reason = exit::chain(error);
    tracing::error!(reason, "the server cannot be reached: {reason}");
}
