//! One POST and all that comes back.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use mcps_core::code::Code;
use mcps_core::envelope::is_sealed;
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::{EventReader, Response};
use tokio::sync::oneshot;

use super::crew::End;
use super::flight::Flight;
use super::hearing::{Flow, Hearing};
use super::patience::Patience;
use super::{Remote, named};
use crate::exit;
use crate::link::Plain;

/// A sealed message, ready to go.
pub(super) struct Posting {
    pub(super) text: String,
    pub(super) headers: HeaderMap,
    /// It names a session, so 404 means that there is no such session.
    pub(super) in_session: bool,
    pub(super) hearing: Hearing,
    /// Of a request: as long as it is under way.
    pub(super) flight: Option<Flight>,
    /// Who waits for its being accepted.
    pub(super) accepted: Option<oneshot::Sender<()>>,
}

impl Remote {
    /// Sends a message and hears its response to the end, or until the client gives up on it.
    pub(super) async fn exchange(self: Arc<Self>, mut posting: Posting) -> Result<(), End> {
        let Some(flight) = posting.flight.take() else {
            return self.converse(posting).await;
        };
        let in_turn = async {
            // It is never closed.
            let _place = self.requests.acquire().await;
            if posting.hearing.wanted.is_so() {
                return self.converse(posting).await;
            }
            let waited = self.guard.link.abandon(flight.id());
            tracing::debug!(waited, "the client gave up on a request before it was sent");
            Ok(())
        };
        tokio::select! {
            biased;
            () = flight.closed() => {
                let waited = self.guard.link.abandon(flight.id());
                tracing::debug!(waited, "the client gave up on a request; its response is closed");
                Ok(())
            }
            done = in_turn => done,
        }
    }

    async fn converse(&self, posting: Posting) -> Result<(), End> {
        let Posting {
            text,
            headers,
            in_session,
            mut hearing,
            accepted,
            ..
        } = posting;
        match self.http.post(text, headers).await {
            Err(error) => self.unreached(&mut hearing, &error).await,
            Ok(Response::Accepted { .. }) => {
                if let Some(accepted) = accepted {
                    // Whoever waited may have gone on.
                    let _ = accepted.send(());
                }
                match hearing.id {
                    Some(_) => self.close(hearing).await,
                    None => Ok(()),
                }
            }
            Ok(Response::Json { headers, body }) => {
                hearing.session = named(&headers);
                match self.hear(&mut hearing, body.to_vec()).await? {
                    Flow::Next => self.close(hearing).await,
                    Flow::Stop => Ok(()),
                }
            }
            Ok(Response::Events { headers, events }) => {
                hearing.session = named(&headers);
                match self.follow(&mut hearing, events).await? {
                    Flow::Next => self.close(hearing).await,
                    Flow::Stop => Ok(()),
                }
            }
            Ok(Response::Refused { status, .. })
                if in_session && status == StatusCode::NOT_FOUND =>
            {
                Err(End::SessionEnded)
            }
            Ok(Response::Refused { status, body, .. }) => {
                self.turned_down(hearing, status, body.to_vec()).await
            }
        }
    }

    /// Nothing came back, or nothing that could be read. Whether the server has acted on it nobody can
    /// say, unless no connection was made.
    async fn unreached(&self, hearing: &mut Hearing, error: &TransportError) -> Result<(), End> {
        let reason = exit::chain(error);
        let refusal = match error {
            TransportError::BodyTooLong { .. } => Refusal::Message("it is longer than we take"),
            // As of an event stream that broke: of what was signed, the end is missing.
            TransportError::Cut(_) if !self.guard.link.is_plain() => {
                Refusal::StreamBroken("it broke off within a message")
            }
            _ => Refusal::Upstream,
        };
        self.fail(hearing, &refusal, &reason).await
    }

    /// A status that is no success. What the server signed is told to the client; of anything else
    /// only the status is known, and that to the log alone.
    async fn turned_down(
        &self,
        mut hearing: Hearing,
        status: StatusCode,
        body: Vec<u8>,
    ) -> Result<(), End> {
        let logged = || {
            tracing::warn!(
                status = status.as_u16(),
                "the server answered with HTTP status {status}"
            );
        };
        // Words that are no message of anybody's are no reason to speak of signatures.
        let is_message = Message::parse_with(body.clone(), crate::link::line_limits())
            .is_ok_and(|message| message.method().is_none());
        if !is_message {
            logged();
            let reason = format!("HTTP status {status}");
            return self.fail(&mut hearing, &Refusal::Upstream, &reason).await;
        }
        let word = match self.guard.plain {
            Plain::Refuse if status == StatusCode::NOT_FOUND => self.unknown_by_word(&body),
            _ => None,
        };
        if let Some(reason) = word {
            logged();
            let refusal = Refusal::Decided(Code::UnknownServer);
            return self.fail(&mut hearing, &refusal, &reason).await;
        }
        match self.hear(&mut hearing, body).await? {
            Flow::Next => self.close(hearing).await,
            Flow::Stop => {
                logged();
                Ok(())
            }
        }
    }

    /// A gateway says that it has no such server, before it knows who asks and so unsigned: that somebody says
    /// so is a better reason to fail than that nobody signs.
    fn unknown_by_word(&self, body: &[u8]) -> Option<String> {
        let message = Message::parse_with(body.to_vec(), crate::link::line_limits()).ok()?;
        let error = message.error()?;
        let number = error.get("code").and_then(Value::as_i64);
        let unknown = number == Some(Code::UnknownServer.jsonrpc());
        if !unknown || is_sealed(&message, self.guard.link.carrier()) {
            return None;
        }
        let id = error.get("data")?.get("decision_id")?.as_str();
        let id = id.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let id = id.map_or_else(String::new, |id| format!(", decision {id}"));
        Some(format!(
            "there is no such server at this URL (by unsigned word{id})"
        ))
    }

    /// Hears the events of a response, across breaks where the server can take it up again.
    async fn follow(&self, hearing: &mut Hearing, events: EventReader) -> Result<Flow, End> {
        let mut patience = Patience::default();
        let mut last = None;
        let mut next = Some(events);
        while let Some(mut events) = next.take() {
            if self.listen(hearing, &mut events, &mut patience).await? == Flow::Stop {
                return Ok(Flow::Stop);
            }
            if hearing.is_over() || !self.session.is_legacy() {
                break;
            }
            last = resumable(&events).or(last);
            let Some(last) = &last else { break };
            next = self.resume(last, &mut patience).await?;
        }
        Ok(Flow::Next)
    }

    /// Hears events until they end, or one is not the server's.
    pub(super) async fn listen(
        &self,
        hearing: &mut Hearing,
        events: &mut EventReader,
        patience: &mut Patience,
    ) -> Result<Flow, End> {
        loop {
            let event = match events.next().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(Flow::Next),
                Err(error) => {
                    let reason = exit::chain(&error);
                    if !hearing.is_over() {
                        tracing::warn!(reason, "a stream of the server's broke: {reason}");
                    }
                    return Ok(Flow::Next);
                }
            };
            // Whatever came: servers may close a stream again and again before they have an answer.
            patience.renew();
            patience.wait(event.retry());
            let message = event
                .name()
                .is_none_or(|name| name.is_empty() || name == b"message");
            let data = event.data().filter(|data| message && !data.is_empty());
            if let Some(data) = data
                && self.hear(hearing, data.to_vec()).await? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
        }
    }

    /// Asks for the rest of a stream that broke after the event `last`, a few times.
    pub(super) async fn resume(
        &self,
        last: &str,
        patience: &mut Patience,
    ) -> Result<Option<EventReader>, End> {
        while let Some(pause) = patience.next() {
            tokio::time::sleep(pause).await;
            // What is heard goes on with the stream as it was; nothing answers this by itself.
            let Ok((headers, _)) = self.fetching("GET", Some(last)) else {
                return Ok(None);
            };
            match self.http.get(Some(last.as_bytes()), headers).await {
                Ok(Response::Events { events, .. }) => return Ok(Some(events)),
                Ok(Response::Refused { status, .. })
                    if status == StatusCode::NOT_FOUND && self.session.id().is_some() =>
                {
                    return Err(End::SessionEnded);
                }
                Ok(Response::Refused { status, .. }) => {
                    tracing::warn!(
                        status = status.as_u16(),
                        "a stream is not resumed: HTTP status {status}"
                    );
                    if status.is_client_error() {
                        return Ok(None);
                    }
                }
                Ok(_) => return Ok(None),
                Err(error) => {
                    let reason = exit::chain(&error);
                    tracing::warn!(reason, "a stream is not resumed yet: {reason}");
                }
            }
        }
        Ok(None)
    }
}

/// After which event a stream can be resumed.
pub(super) fn resumable(events: &EventReader) -> Option<String> {
    let id = std::str::from_utf8(events.last_event_id()).ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}
