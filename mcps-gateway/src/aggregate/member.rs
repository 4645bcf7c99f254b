//! One of several servers, as one caller's session knows it. Where it cannot be reached the others go
//! on, and it is tried again after a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use mcps_client::listen::{Awaited, Opens, Outward, Reach};
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::MCP_SESSION_ID;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use super::{Ways, in_session};

/// How long a server may take to open a session, or to list what it has: all others wait meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a server that could not be reached is left alone, doubled each time up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// What is said when a session is open.
const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// One server.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) reach: Arc<dyn Reach>,
    way: Way,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// One at a time opens a session.
    opening: AsyncMutex<()>,
}

/// The way that a member was made of, among those that there are.
pub(super) struct Way {
    pub(super) made: Arc<dyn Opens>,
    pub(super) all: Arc<Ways>,
}

#[derive(Default)]
struct State {
    /// Its session is open.
    open: bool,
    /// What it calls the session.
    id: Option<HeaderValue>,
    failures: u32,
    failed_at: Option<Timestamp>,
}

impl Member {
    pub(super) fn new(name: &str, reach: Arc<dyn Reach>, way: Way, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            reach,
            way,
            clock,
            state: Mutex::default(),
            opening: AsyncMutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> Option<HeaderValue> {
        self.state().id.clone()
    }

    /// Whether the configuration has another server of that name by now, or none.
    fn is_exchanged(&self) -> bool {
        let ways = self.way.all.load();
        let now = ways.get(&self.name);
        !now.is_some_and(|now| Arc::ptr_eq(now, &self.way.made))
    }

    /// Whether it is worth a try.
    fn is_due(&self) -> bool {
        let state = self.state();
        let (first, most) = PAUSES;
        let doubled = first.saturating_mul(1 << state.failures.clamp(1, 7).saturating_sub(1));
        let due = |failed: Timestamp| self.clock.now() >= failed.plus(doubled.min(most));
        state.failed_at.is_none_or(due)
    }

    /// It was not done in time. A server whose session is not even open is one that cannot be reached.
    pub(super) fn late(&self) {
        if !self.state().open {
            self.failed();
        }
    }

    fn failed(&self) {
        let now = self.clock.now();
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.failed_at = Some(now);
        state.open = false;
    }

    /// Opens its session, and says what it answered. Whoever opened it says that it is ready.
    pub(super) async fn open(&self, opening: &Message, headers: HeaderMap) -> Option<Message> {
        let answer = self.begin(opening, headers).await?;
        self.opened();
        Some(answer)
    }

    /// Begins its session, which is not open before it is said to be ready.
    async fn begin(&self, opening: &Message, headers: HeaderMap) -> Option<Message> {
        let outward = Outward {
            message: opening.clone(),
            headers: in_session(headers, None),
            act: None,
        };
        let asked = self.asked(outward).await;
        let Some((answer, id)) = asked.filter(|(answer, _)| answer.result().is_some()) else {
            self.failed();
            return None;
        };
        self.state().id = id;
        Some(answer)
    }

    fn opened(&self) {
        let mut state = self.state();
        *state = State {
            open: true,
            id: state.id.take(),
            ..State::default()
        };
    }

    /// Asks and waits for the answer, but not for long.
    pub(super) async fn asked(&self, outward: Outward) -> Option<(Message, Option<HeaderValue>)> {
        let name = &self.name;
        let asking = async {
            let named = |headers: &mcps_transport::http::headers::McpHeaders| {
                headers.raw().get(MCP_SESSION_ID).cloned()
            };
            let (mut events, id) = match self.reach.post(outward).await {
                Ok(Response::Json { headers, body }) => {
                    let answer = Message::parse(body.to_vec()).ok()?;
                    return Some((answer, named(&headers)));
                }
                Ok(Response::Refused { body, .. }) => {
                    return Some((Message::parse(body.to_vec()).ok()?, None));
                }
                Ok(Response::Events { headers, events }) => (events, named(&headers)),
                Ok(Response::Accepted { .. }) => return None,
                Err(error) => {
                    let reason = mcps_client::exit::chain(&error);
                    tracing::error!(server = name, reason, "{name} cannot be reached: {reason}");
                    return None;
                }
            };
            while let Ok(Some(event)) = events.next().await {
                let data = event.data().filter(|data| !data.is_empty());
                let message = data.and_then(|data| Message::parse(data.to_vec()).ok());
                if let Some(message) = message.filter(|message| message.method().is_none()) {
                    return Some((message, id));
                }
            }
            None
        };
        let asked = timeout(PATIENCE, asking).await;
        asked.unwrap_or_else(|_| {
            self.silent();
            None
        })
    }

    /// Makes sure that its session is open where the era has them.
    async fn ready(&self, opening: Option<&Message>, headers: &HeaderMap) -> bool {
        let Some(opening) = opening else { return true };
        let _one = self.opening.lock().await;
        if self.state().open {
            return true;
        }
        if !self.is_due() || self.begin(opening, headers.clone()).await.is_none() {
            return false;
        }
        let Ok(message) = Message::parse(READY) else {
            return false;
        };
        let outward = Outward {
            message,
            headers: headers.clone(),
            act: None,
        };
        if self.tell(outward).await.is_err() {
            self.failed();
            return false;
        }
        self.opened();
        true
    }

    /// Sends a request. A session that the server has forgotten is opened anew, once.
    pub(super) async fn ask(
        &self,
        outward: Outward,
        opening: Option<&Message>,
    ) -> Result<Response, TransportError> {
        if self.is_exchanged() {
            return Err(gone());
        }
        if !self.ready(opening, &outward.headers).await {
            return Err(gone());
        }
        let Outward {
            message,
            headers,
            act,
        } = outward;
        let once = |id: Option<HeaderValue>| Outward {
            message: message.clone(),
            headers: in_session(headers.clone(), id.as_ref()),
            act: act.clone(),
        };
        let id = self.id();
        match self.reach.post(once(id.clone())).await {
            // Nothing was done: it does not know the session.
            Ok(Response::Refused { status, .. })
                if status == StatusCode::NOT_FOUND && id.is_some() =>
            {
                self.state().open = false;
                if !self.ready(opening, &headers).await {
                    return Err(gone());
                }
                self.reach.post(once(self.id())).await
            }
            answered => answered,
        }
    }

    /// Asks for one page of a list.
    pub(super) async fn listed(
        &self,
        mut outward: Outward,
        opening: Option<&Message>,
    ) -> Option<Message> {
        if self.is_exchanged() || !self.ready(opening, &outward.headers).await {
            return None;
        }
        outward.headers = in_session(outward.headers, self.id().as_ref());
        self.asked(outward).await.map(|(answer, _)| answer)
    }

    /// Tells it something that it does not answer, if it is there, or asks for a stream.
    pub(super) async fn tell(&self, mut outward: Outward) -> Result<Response, TransportError> {
        outward.headers = in_session(outward.headers, self.id().as_ref());
        self.begun(self.reach.post(outward)).await
    }

    /// Asks for the stream of its own messages.
    pub(super) async fn stand(&self, headers: HeaderMap) -> Result<Response, TransportError> {
        let headers = in_session(headers, self.id().as_ref());
        self.begun(self.reach.get(None, headers)).await
    }

    /// Waits for the beginning of a response, but not for long.
    async fn begun(&self, awaited: Awaited<'_>) -> Result<Response, TransportError> {
        let begun = timeout(PATIENCE, awaited).await;
        begun.unwrap_or_else(|_| {
            self.silent();
            Err(gone())
        })
    }

    /// Says that it was waited for in vain.
    fn silent(&self) {
        let (name, after_s) = (&self.name, PATIENCE.as_secs());
        tracing::error!(
            server = name,
            after_s,
            "{name} has not answered for {after_s} s"
        );
    }

    /// Ends its session.
    pub(super) async fn leave(&self, headers: HeaderMap) {
        let id = {
            let mut state = self.state();
            state.open = false;
            state.id.take()
        };
        if id.is_some() {
            let left = self.reach.delete(in_session(headers, id.as_ref()));
            drop(timeout(PATIENCE, left).await);
        }
    }
}

fn gone() -> TransportError {
    TransportError::Exchange(Arc::new(Refusal::Upstream))
}

/// The way to one of several servers.
pub(super) struct Alone {
    pub(super) member: Arc<Member>,
    pub(super) opening: Option<Message>,
}

impl Reach for Alone {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.member.ask(outward, self.opening.as_ref()))
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(self.member.stand(headers))
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        self.member.reach.delete(headers)
    }
}

#[cfg(test)]
mod tests;
