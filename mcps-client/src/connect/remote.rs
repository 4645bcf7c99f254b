//! The way to a signed server over Streamable HTTP: each line of the client's is a POST of its own,
//! each response to one a stream that is verified by itself, and in revisions until 2025-11-25 the
//! server has a stream for what it says unasked.
//!
//! What the client writes goes out in its order: a notification was accepted before the next
//! message follows. Responses are read side by side.

mod crew;
mod exchange;
mod flight;
mod hearing;
mod patience;
mod session;
mod standing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;
use mcps_transport::http::client::{Client, ClientLimits};
use mcps_transport::http::headers::MCP_SESSION_ID;
use mcps_transport::limits::Limits;
use mcps_transport::pipe::Sender;
use mcps_transport::shutdown::{Cause, Shutdown};
use mcps_transport::stdio;
use tokio::sync::{Semaphore, oneshot, watch};

use super::guard::{Guard, is_opening};
use super::{Address, NO_LINE};
use crate::error::ClientError;
use crate::mirror::Mirrors;
use crate::relay::{DRAIN, Ending};
use crate::token::TokenSource;
use crew::{Crew, End};
use exchange::Posting;
use flight::Flights;
use hearing::Hearing;
use session::{Session, is_modern};

/// How long a notification may take to be accepted before the next message follows all the same.
const IN_ORDER: Duration = Duration::from_secs(5);
/// Answers and notifications of the client that are on their way at a time.
const MAX_POSTS: usize = 64;
/// Requests that the server has at a time, each on a connection of its own; more wait for their
/// turn.
const MAX_REQUESTS: usize = 128;
/// How long an answer may take. Over pipes nothing bounds it but the client, which gives up when it
/// has waited for long enough; a connection that is dead is found out sooner.
const ANSWER: Duration = Duration::from_secs(3600);
/// How long the server may take to end the session.
const FAREWELL: Duration = Duration::from_secs(2);

/// One connection to a server over HTTP.
pub(super) struct Remote {
    guard: Guard,
    http: Client,
    token: Option<TokenSource>,
    client: Sender,
    session: Session,
    mirrors: Mirrors,
    flights: Arc<Flights>,
    posts: Arc<Semaphore>,
    requests: Semaphore,
    /// Openings whose answer may yet prove who the server is.
    openings: Arc<watch::Sender<usize>>,
}

/// An opening under way, until it is dropped.
struct Opening(Arc<watch::Sender<usize>>);

impl Opening {
    fn begin(openings: &Arc<watch::Sender<usize>>) -> Self {
        openings.send_modify(|count| *count += 1);
        Self(Arc::clone(openings))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Which of the waits ended.
enum Ended {
    Signal(Cause),
    ClientLeft,
    Crew(End),
}

/// Runs until the client ends, or the server ends the session.
pub(super) async fn run(
    guard: Guard,
    address: &Address,
    extra_roots: Option<&Path>,
    token: Option<TokenSource>,
    limits: &Limits,
) -> Result<Ending, ClientError> {
    if token.is_some() {
        address.keeps_tokens()?;
    }
    let mut stop = Shutdown::listen()?;
    let within = ClientLimits {
        answer: ANSWER,
        ..ClientLimits::default()
    };
    let http = Client::new(address.as_str(), within, extra_roots)?;
    let mut client = stdio::own(limits)?.into_pipe(limits);
    let remote = Arc::new(Remote {
        guard,
        http,
        token,
        client: client.outbox.sender(),
        session: Session::default(),
        mirrors: Mirrors::default(),
        flights: Arc::default(),
        posts: Arc::new(Semaphore::new(MAX_POSTS)),
        requests: Semaphore::new(MAX_REQUESTS),
        openings: Arc::new(watch::Sender::new(0)),
    });
    let crew = Crew::new();
    let client_left = client.inbox.ended();
    let up = async {
        while let Some(incoming) = client.inbox.next().await? {
            remote.client_wrote(incoming, &crew).await?;
        }
        Ok::<_, TransportError>(())
    };
    let held_up = async {
        client_left.await;
        // What it wrote before is still sent, unless that waits for something that never comes.
        tokio::time::sleep(DRAIN).await;
    };
    let ended = tokio::select! {
        cause = stop.requested() => Ended::Signal(cause),
        end = crew.ended() => Ended::Crew(end),
        ended = up => {
            if let Err(error) = ended {
                tracing::debug!(error = %error, "the client stopped reading: {error}");
            }
            Ended::ClientLeft
        }
        () = held_up => Ended::ClientLeft,
    };
    let in_order = async {
        let ended = match ended {
            Ended::ClientLeft => tokio::select! {
                drained = tokio::time::timeout(DRAIN, crew.idle()) => {
                    drop(drained);
                    Ended::ClientLeft
                }
                end = crew.ended() => Ended::Crew(end),
            },
            ended => ended,
        };
        crew.stop();
        let ending = match ended {
            Ended::Signal(cause) => return Ok(Ending::Signal(cause)),
            Ended::ClientLeft | Ended::Crew(End::ClientGone) => {
                remote.take_leave().await;
                Ok(Ending::Client)
            }
            Ended::Crew(End::SessionEnded) => {
                // The client may be gone too; then there is nobody to tell.
                drop(remote.fail_all().await);
                Err(ClientError::SessionEnded {
                    server: address.shown(),
                })
            }
        };
        // What was queued for the client still goes out, as far as it reads.
        drop(client.outbox.finish().await);
        ending
    };
    tokio::select! {
        ending = in_order => ending,
        cause = stop.requested() => Ok(Ending::Signal(cause)),
    }
}

impl Remote {
    async fn client_wrote(
        self: &Arc<Self>,
        incoming: Incoming,
        crew: &Crew,
    ) -> Result<(), TransportError> {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                tracing::warn!(
                    bytes,
                    "the client wrote a line of {bytes} bytes that cannot be sent"
                );
                let refusal = Refusal::Message(NO_LINE);
                return self.unsent(outline, &refusal, crew).await;
            }
            Incoming::Truncated { bytes } => {
                tracing::warn!(bytes, "the client closed in the middle of a line; dropped");
                return Ok(());
            }
        };
        let outline = Outline::of(&bytes);
        let (outline, refusal) = match Message::parse(bytes) {
            Ok(message) => {
                let (kind, id) = (Some(message.kind()), message.id().cloned());
                match self.send(message, crew).await {
                    Ok(()) => return Ok(()),
                    Err(refusal) => (Outline { kind, id }, refusal),
                }
            }
            Err(refusal) => (outline, refusal),
        };
        self.unsent(outline, &refusal, crew).await
    }

    /// Signs a message and lets it go, once the server may read it.
    async fn send(self: &Arc<Self>, message: Message, crew: &Crew) -> Result<(), Refusal> {
        if self.is_given_up(&message) {
            return Ok(());
        }
        self.guard.permits(&message)?;
        let message = self.guard.announced(message)?;
        self.await_opening(&message, crew).await;
        self.guard.may_read(&message).await?;
        match message.kind() {
            Kind::Request => {
                let posting = self.posting(message, false)?;
                crew.exchange(Arc::clone(self).exchange(posting));
            }
            Kind::Notification => self.notify(message, crew).await?,
            Kind::Response | Kind::Error => {
                let posting = self.posting(message, false)?;
                self.post(posting, crew).await;
            }
        }
        Ok(())
    }

    /// The client gave up on a request. Where a response is closed for that, nothing is sent.
    fn is_given_up(&self, message: &Message) -> bool {
        let id = (message.method().as_deref() == Some("notifications/cancelled"))
            .then(|| message.params()?.get("requestId").and_then(Id::from_value))
            .flatten();
        match id.map(|id| self.flights.cancel(&id)) {
            None => false,
            Some(Some(modern)) => modern,
            // It was answered meanwhile. Only in a session is that the server's to sort out.
            Some(None) => !self.session.is_legacy(),
        }
    }

    /// Sends a notification and waits, for so long, until it was accepted: what follows may build
    /// on it.
    async fn notify(self: &Arc<Self>, message: Message, crew: &Crew) -> Result<(), Refusal> {
        let ready = message.method().as_deref() == Some("notifications/initialized");
        let mut posting = self.posting(message, false)?;
        let (accepted, mut taken) = oneshot::channel();
        posting.accepted = Some(accepted);
        self.post(posting, crew).await;
        let in_time = tokio::time::timeout(IN_ORDER, &mut taken).await;
        if ready && self.session.is_legacy() {
            let remote = Arc::clone(self);
            crew.stream(async move {
                let taken = match in_time {
                    Ok(taken) => taken,
                    Err(_) => taken.await,
                };
                match taken {
                    Ok(()) => remote.stand().await,
                    // It was refused, and whoever sent it knows why.
                    Err(_) => Ok(()),
                }
            });
        }
        Ok(())
    }

    /// Lets something go that has no answer; only so many of them at a time.
    async fn post(self: &Arc<Self>, posting: Posting, crew: &Crew) {
        let place = Arc::clone(&self.posts).acquire_owned().await;
        let exchange = Arc::clone(self).exchange(posting);
        crew.exchange(async move {
            let done = exchange.await;
            drop(place);
            done
        });
    }

    /// Seals a message and puts together what goes with it.
    fn posting(&self, message: Message, probe: bool) -> Result<Posting, Refusal> {
        let request = (message.kind() == Kind::Request).then(|| message.id().cloned());
        let flight = request
            .flatten()
            .map(|id| {
                let bytes = message.text().len();
                self.flights.begin(&id, is_modern(&message), bytes)
            })
            .transpose()?;
        let opening = is_opening(&message).then(|| Opening::begin(&self.openings));
        let mut headers = self.session.headers_for(&message, &self.mirrors);
        let ath = self.authorize(&mut headers)?;
        let (text, body) = self.guard.link.seal_post(message, ath)?;
        let id = flight.as_ref().map(|flight| flight.id().clone());
        let mut hearing = Hearing::of(body, id);
        hearing.probe = probe;
        hearing.opening = opening;
        hearing.wanted = flight
            .as_ref()
            .map(flight::Flight::wanted)
            .unwrap_or_default();
        Ok(Posting {
            text,
            in_session: headers.contains_key(MCP_SESSION_ID),
            headers,
            hearing,
            flight,
            accepted: None,
        })
    }

    /// Adds the access token of the moment, if one is to be sent: the hash that its message says.
    fn authorize(&self, headers: &mut HeaderMap) -> Result<Option<Digest>, Refusal> {
        let Some(source) = &self.token else {
            return Ok(None);
        };
        let token = source.token().map_err(|error| {
            tracing::error!(error = %error, "nothing is sent without its access token: {error}");
            Refusal::NoAccessToken
        })?;
        let value = token.header().ok_or(Refusal::NoAccessToken)?;
        headers.insert(header::AUTHORIZATION, value);
        Ok(Some(token.ath()))
    }

    /// Until the server's passport is known only what it answers with it goes out. A client that
    /// starts with anything else (as the stateless era allows) waits for a question of our own.
    async fn await_opening(self: &Arc<Self>, message: &Message, crew: &Crew) {
        let link = &self.guard.link;
        let known = link.peer().is_some() || link.is_plain();
        // What belongs to a session waits for the answer that begins it, too.
        let settled = self.session.is_legacy() || is_modern(message);
        if is_opening(message) || (known && settled) {
            return;
        }
        let mut openings = self.openings.subscribe();
        if !known && *openings.borrow() == 0 {
            let probe = self.guard.probe();
            match probe.map(|probe| self.posting(probe, true)) {
                Some(Ok(posting)) => crew.exchange(Arc::clone(self).exchange(posting)),
                Some(Err(refusal)) => self.guard.is_unproven(&refusal),
                None => {}
            }
        }
        // The sender is ours, so this ends with the last opening.
        drop(openings.wait_for(|count| *count == 0).await);
    }

    /// Tells whoever waits for something that does not go out: the client for the answer to its
    /// request, the server for an answer of the client's.
    async fn unsent(
        self: &Arc<Self>,
        Outline { kind, id }: Outline,
        refusal: &Refusal,
        crew: &Crew,
    ) -> Result<(), TransportError> {
        let (code, reason) = (refusal.code(), refusal.to_string());
        match (kind, id) {
            (Some(Kind::Request) | None, id) => {
                let client = &self.client;
                self.guard.answer(id.as_ref(), code, &reason, client).await
            }
            (Some(Kind::Response | Kind::Error), Some(id))
                if self.guard.link.served(&id).is_some() && self.guard.may_hear().await =>
            {
                let decision_id = self.guard.link.decision_id();
                tracing::warn!(
                    code = code.id(),
                    decision_id,
                    reason,
                    "an answer of the client is not sent: {reason}"
                );
                let link = &self.guard.link;
                let mut headers = self.session.headers();
                let sealed = self
                    .authorize(&mut headers)
                    .and_then(|ath| link.seal_failure_post(&id, code, &decision_id, ath));
                match sealed {
                    Ok((text, body)) => {
                        let posting = Posting {
                            text,
                            headers,
                            in_session: self.session.id().is_some(),
                            hearing: Hearing::of(body, None),
                            flight: None,
                            accepted: None,
                        };
                        self.post(posting, crew).await;
                    }
                    Err(refusal) => {
                        tracing::error!(error = %refusal, "an error could not be signed: {refusal}");
                    }
                }
                Ok(())
            }
            _ => {
                tracing::warn!(
                    code = code.id(),
                    reason,
                    "dropped what the client sent: {reason}"
                );
                Ok(())
            }
        }
    }

    /// Whoever still waits is told that nothing comes any more.
    async fn fail_all(&self) -> Result<(), TransportError> {
        for id in self.guard.link.take_asked() {
            let code = Code::UpstreamUnavailable;
            let reason = "the server ended the session";
            self.guard
                .answer(Some(&id), code, reason, &self.client)
                .await?;
        }
        Ok(())
    }

    /// Ends the session at the server, if it has one, as far as the server has time for it.
    async fn take_leave(&self) {
        if self.session.id().is_none() {
            return;
        }
        let Ok((headers, _)) = self.fetching("DELETE", None) else {
            return;
        };
        match tokio::time::timeout(FAREWELL, self.http.delete(headers)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "the session was not ended: {error}");
            }
            Err(_) => tracing::debug!("the session was not ended in time"),
        }
    }
}

/// A session that a server named in its answer.
fn named(headers: &mcps_transport::http::headers::McpHeaders) -> Option<HeaderValue> {
    let id = headers.session_id().ok().flatten()?;
    HeaderValue::from_str(id).ok()
}
