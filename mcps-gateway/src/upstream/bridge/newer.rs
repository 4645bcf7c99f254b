//! A caller of 2026-07-28 and a server until 2025-11-25. The server has a session for what the caller's
//! requests say of it; what it asks in the middle of one is the answer, and the caller's next request goes on.

mod exchange;
pub(super) mod parked;
mod session;
mod watching;

use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use mcps_client::listen::{Awaited, Outward, Reach};
use mcps_core::code::Code;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use tokio::sync::Mutex as AsyncMutex;

use super::outlet::{Left, Outlet, by_number};
use super::places::Place;
use super::wording::{self, OLDER, Said};
use super::{Common, document, document::accepted, not_allowed};
use exchange::Exchange;
use parked::{Claim, Refused};
use session::{Session, Unopened};

/// Sessions of one caller: what it can do is said once in each, and its requests may say different things.
const MAX_SESSIONS: usize = 4;

/// One caller.
pub(super) struct Newer {
    reach: Arc<dyn Reach>,
    common: Common,
    /// Whose passport it is; absent where nobody signs.
    caller: Option<String>,
    /// Whether it comes back: else each request has a session of its own, since nobody knows who asks next.
    stays: bool,
    sessions: AsyncMutex<Vec<Arc<Session>>>,
}

/// The way of such a caller.
pub(super) struct Way(pub(super) Arc<Newer>);

/// Who waits for an answer, and what it is to be called.
pub(super) struct Asker {
    /// The id of the request that is answered.
    pub(super) id: String,
    /// Where its progress is told.
    pub(super) token: Option<String>,
    pub(super) said: Said,
    pub(super) outlet: Outlet,
    pub(super) left: Left,
}

impl Newer {
    pub(super) fn new(
        reach: &Arc<dyn Reach>,
        common: Common,
        caller: Option<String>,
        stays: bool,
    ) -> Self {
        Self {
            reach: Arc::clone(reach),
            common,
            caller,
            stays,
            sessions: AsyncMutex::default(),
        }
    }

    async fn send(self: &Arc<Self>, outward: Outward) -> Result<Response, TransportError> {
        let message = &outward.message;
        match (message.kind(), message.method().as_deref()) {
            (Kind::Request, Some("server/discover")) => Ok(self.discover(outward).await),
            (Kind::Request, Some("subscriptions/listen")) => self.listen(outward).await,
            (Kind::Request, Some(method)) if is_unknown(method) => {
                let why = format!("{} has no {method}", wording::NEWER);
                Ok(told(document::error(message, -32601, &why)))
            }
            (Kind::Request, _) => self.ask(outward).await,
            // Whoever gives a request up closes its response, and there are no other notifications.
            _ => Ok(accepted()),
        }
    }

    /// The session for a request: that of those who said the same of themselves.
    async fn session(&self, said: &Said, headers: &HeaderMap) -> Result<Arc<Session>, Unopened> {
        if !self.stays {
            let session = Session::open(&self.reach, self.place()?, said, headers).await?;
            return Ok(Arc::new(session));
        }
        let mut sessions = self.sessions.lock().await;
        sessions.retain(|session| !session.is_lost());
        let known = sessions
            .iter()
            .find(|known| known.capabilities == said.capabilities);
        if let Some(known) = known {
            return Ok(Arc::clone(known));
        }
        if sessions.len() >= MAX_SESSIONS {
            return Err(Unopened::Full);
        }
        let session = Session::open(&self.reach, self.place()?, said, headers).await?;
        let session = Arc::new(session);
        sessions.push(Arc::clone(&session));
        Ok(session)
    }

    /// A place for one more session.
    fn place(&self) -> Result<Place, Unopened> {
        let place = self.common.sessions.take(self.caller.as_deref());
        place.ok_or(Unopened::Crowded)
    }

    /// Runs an exchange beside everything else.
    ///
    /// # Errors
    /// The answer to `asked` where there are too many.
    fn begin(
        &self,
        asked: &Message,
        exchange: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Box<Response>> {
        if self.common.tasks.begin(self.caller.as_deref(), exchange) {
            return Ok(());
        }
        let (server, random) = (&self.common.server, self.common.random.as_ref());
        let why = "too much of the caller's is under way";
        let refusal = document::refusal(asked, Code::RateLimited, random, server, why);
        Err(Box::new(told(refusal)))
    }

    /// Ends a session that nobody comes back to.
    async fn part(&self, session: &Session) {
        if !self.stays {
            session.close(&self.reach).await;
        }
    }

    /// Says what the server can do.
    async fn discover(&self, outward: Outward) -> Response {
        let asked = &outward.message;
        let said = Said::each(asked);
        let session = match self.session(&said, &outward.headers).await {
            Ok(session) => session,
            Err(unopened) => return self.unopened(asked, unopened),
        };
        self.part(&session).await;
        let result = wording::discovered(&session.opened);
        told(result.and_then(|result| document::answer(asked, &result)))
    }

    fn unopened(&self, asked: &Message, unopened: Unopened) -> Response {
        let (server, random) = (&self.common.server, self.common.random.as_ref());
        let (code, why) = match unopened {
            Unopened::Full => (
                Code::RateLimited,
                "the caller says different things of itself in too many requests".to_owned(),
            ),
            Unopened::Crowded => (
                Code::RateLimited,
                format!(
                    "the caller has too many sessions at {server} already; max_sessions_per_caller and max_sessions allow more"
                ),
            ),
            Unopened::Unknown => (
                Code::NoMutualVersion,
                format!("{server} does not speak {OLDER}, though era says so"),
            ),
            Unopened::Refused(response) => return *response,
            Unopened::Error(error) => {
                let id = asked.id().map(|id| id.as_str()).unwrap_or_default();
                return told(wording::under(&error, id));
            }
            Unopened::Unanswered => (
                Code::UpstreamUnavailable,
                format!("{server} has not opened a session"),
            ),
        };
        told(document::refusal(asked, code, random, server, &why))
    }

    /// Sends a request, or goes on with one that waits for its caller.
    async fn ask(self: &Arc<Self>, outward: Outward) -> Result<Response, TransportError> {
        let asked = &outward.message;
        let (outlet, seat, left) = Outlet::new();
        let token = asked.meta().and_then(|meta| meta.get("progressToken"));
        let asker = Asker {
            id: asked
                .id()
                .map(|id| id.as_str().to_owned())
                .unwrap_or_default(),
            token: token.map(|token| token.raw().to_owned()),
            said: Said::each(asked),
            outlet,
            left,
        };
        match Claim::of(asked, self.caller.as_deref()) {
            Some(Ok(claim)) => match self.common.parking.fetch(claim, asker) {
                Ok(()) => {}
                Err(Refused(why)) => return Ok(told(document::error(asked, -32602, why))),
            },
            Some(Err(Refused(why))) => return Ok(told(document::error(asked, -32602, why))),
            None => {
                let session = match self.session(&asker.said, &outward.headers).await {
                    Ok(session) => session,
                    Err(unopened) => return Ok(self.unopened(asked, unopened)),
                };
                let Some(message) = wording::older(asked) else {
                    return Err(too_long());
                };
                let asked = outward.message.clone();
                let exchange = Exchange {
                    newer: Arc::clone(self),
                    session: Arc::clone(&session),
                    asked: outward,
                    message,
                };
                if let Err(refused) = self.begin(&asked, exchange.run(asker)) {
                    self.part(&session).await;
                    return Ok(*refused);
                }
            }
        }
        seat.wait().await
    }
}

/// What the newer era does not have.
fn is_unknown(method: &str) -> bool {
    let known = [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
    ];
    known.contains(&method) || method.starts_with("tasks/")
}

fn told(message: Option<Message>) -> Response {
    super::document(message, by_number)
}

fn too_long() -> TransportError {
    let why = Refusal::Message("it cannot be said in the other era");
    TransportError::Exchange(Arc::new(why))
}

impl Reach for Way {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.0.send(outward))
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, _: HeaderMap) -> Awaited<'a> {
        Box::pin(std::future::ready(Ok(not_allowed())))
    }

    fn delete(&self, _: HeaderMap) -> Awaited<'_> {
        Box::pin(std::future::ready(Ok(not_allowed())))
    }

    fn unasked(&self, state: &str, refused: Option<(Code, &str)>) {
        let newer = &self.0;
        let parking = &newer.common.parking;
        parking.unasked(state, newer.caller.as_deref(), refused);
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let sessions = std::mem::take(&mut *self.0.sessions.lock().await);
            for session in sessions {
                session.close(&self.0.reach).await;
            }
        })
    }
}
