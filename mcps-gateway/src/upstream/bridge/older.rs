//! A caller until 2025-11-25 and a server of 2026-07-28. What the caller said once when it began its
//! session goes with each request; the server's questions in the middle of one reach the caller as requests.

mod exchange;
mod questions;
mod watching;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{HeaderMap, HeaderValue};
use mcps_client::listen::{Awaited, Outward, Reach};
use mcps_client::tools;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::{
    LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION, MCP_SESSION_ID,
    mirrored_member, value,
};
use tokio::sync::Notify;

use super::wording::{self, NEWER, Said};
use super::{Common, document, document::accepted, outlet};
use exchange::Exchange;
use questions::Questions;
use watching::Watched;

/// One caller.
pub(super) struct Older {
    reach: Arc<dyn Reach>,
    common: Common,
    /// Whose passport it is; absent where nobody signs.
    caller: Option<String>,
    /// What it said when it began its session.
    said: Mutex<Said>,
    /// Requests under way, by what the caller calls them: told when it gives one up.
    flights: Mutex<HashMap<String, Arc<Notify>>>,
    /// What the server wants to know of it.
    questions: Questions,
    /// What it wants to hear of.
    watched: Watched,
    count: AtomicU64,
}

/// The way of such a caller.
pub(super) struct Way(pub(super) Arc<Older>);

/// A request that its caller may give up.
struct Flight {
    older: Arc<Older>,
    id: String,
    given_up: Arc<Notify>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.older.flights();
        let mine = flights.get(&self.id);
        // Its caller may have used the id again.
        if mine.is_some_and(|mine| Arc::ptr_eq(mine, &self.given_up)) {
            flights.remove(&self.id);
        }
    }
}

impl Older {
    pub(super) fn new(reach: &Arc<dyn Reach>, common: Common, caller: Option<String>) -> Self {
        Self {
            reach: Arc::clone(reach),
            questions: Questions::new(common.random.as_ref()),
            common,
            caller,
            said: Mutex::default(),
            flights: Mutex::default(),
            watched: Watched::default(),
            count: AtomicU64::new(0),
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(self: &Arc<Self>, outward: Outward) -> Result<Response, TransportError> {
        let message = &outward.message;
        let method = message.method().map(std::borrow::Cow::into_owned);
        match (message.kind(), method.as_deref()) {
            (Kind::Request, Some("initialize")) => self.initialize(outward).await,
            (Kind::Request, Some("ping")) => Ok(told(document::answer(message, "{}"))),
            (Kind::Request, Some("logging/setLevel")) => Ok(told(self.level(message))),
            (Kind::Request, Some(method @ ("resources/subscribe" | "resources/unsubscribe"))) => {
                Ok(told(self.watch(message, method)))
            }
            (Kind::Request, Some(method)) if is_unknown(method) => {
                let why = format!("{method} is nothing that a server of {NEWER} could be asked");
                Ok(told(document::error(message, -32601, &why)))
            }
            (Kind::Request, _) => self.ask(outward).await,
            (Kind::Notification, Some("notifications/cancelled")) => {
                let id = message.params().and_then(|params| params.get("requestId"));
                let flight = id.and_then(|id| self.flights().get(id.raw()).cloned());
                if let Some(given_up) = flight {
                    given_up.notify_one();
                }
                Ok(accepted())
            }
            // The newer era has no others: a session's beginning says nothing there, roots are asked for
            // anew each time, and of progress with a question nobody there wants to hear.
            (Kind::Notification, _) => Ok(accepted()),
            (Kind::Response | Kind::Error, _) => {
                if !self.questions.answered(message) {
                    tracing::warn!("dropped an answer of a caller to nothing that was asked");
                }
                Ok(accepted())
            }
        }
    }

    /// Begins a session, of which the server never hears, by what it says of itself.
    async fn initialize(&self, outward: Outward) -> Result<Response, TransportError> {
        let asked = &outward.message;
        *self.said() = Said::once(asked);
        let params = asked.params();
        let version = params.and_then(|params| params.get("protocolVersion"));
        let version = version.and_then(Value::as_str).unwrap_or_default();
        let discover = format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"server/discover"}}"#,
            asked.root().get("id").map_or("0", |id| id.raw())
        );
        let discover = Message::parse(discover).ok();
        let Some(question) = discover.and_then(|message| self.put(&message, &outward, None)) else {
            return Err(too_long());
        };
        let response = self.reach.post(question).await?;
        if let Response::Refused { body, .. } = &response
            && Message::parse(body.to_vec()).is_err()
        {
            return Ok(response);
        }
        let answer = document::whole(response).await;
        let Some(answer) = answer else {
            return Err(unanswered());
        };
        let supported = answer
            .result()
            .and_then(|result| result.get("supportedVersions"));
        let supported = supported.and_then(Value::as_array).into_iter().flatten();
        let speaks = supported
            .filter_map(Value::as_str)
            .any(|known| known == NEWER);
        let unknown = answer.error().is_some_and(|error| {
            let code = error.get("code").and_then(Value::as_i64);
            code.is_some_and(wording::is_of_era)
        });
        if unknown || (answer.result().is_some() && !speaks) {
            let why = format!(
                "{} does not speak {NEWER}, though era says so",
                self.common.server
            );
            let random = self.common.random.as_ref();
            let code = Code::NoMutualVersion;
            let refusal = document::refusal(asked, code, random, &self.common.server, &why);
            return Ok(told(refusal));
        }
        if answer.error().is_some() {
            return Ok(told(wording::renumbered(&answer, wording::older_number)));
        }
        self.watched.can(&answer);
        let result = wording::opened(&answer, &version);
        Ok(told(
            result.and_then(|result| document::answer(asked, &result)),
        ))
    }

    /// From which level on the caller hears what is logged: it is said with each request from now on.
    fn level(&self, message: &Message) -> Option<Message> {
        let level = message.params().and_then(|params| params.get("level"));
        let level = level.and_then(Value::as_str);
        match level.filter(|level| wording::is_level(level)) {
            Some(level) => {
                self.said().level = Some(level.into_owned());
                document::answer(message, "{}")
            }
            None => document::error(message, -32602, "there is no such level"),
        }
    }

    /// Sends a request and makes of its answer what the caller can read.
    async fn ask(self: &Arc<Self>, outward: Outward) -> Result<Response, TransportError> {
        let given_up = Arc::new(Notify::new());
        let id = outward.message.id().map(|id| id.as_str().to_owned());
        let id = id.unwrap_or_default();
        self.flights().insert(id.clone(), Arc::clone(&given_up));
        let flight = Flight {
            older: Arc::clone(self),
            id,
            given_up,
        };
        let asked = outward.message.clone();
        let (exchange, seat) = Exchange::new(flight, outward);
        if !self.begin(exchange.run()) {
            let (server, random) = (&self.common.server, self.common.random.as_ref());
            let why = "too much of the caller's is under way";
            let refusal = document::refusal(&asked, Code::RateLimited, random, server, why);
            return Ok(told(refusal));
        }
        seat.wait().await
    }

    /// Runs something beside everything else, if there is not too much of it.
    fn begin(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        self.common.tasks.begin(self.caller.as_deref(), task)
    }

    /// A request as the server is to have it, with its headers.
    fn put(&self, message: &Message, as_in: &Outward, more: Option<&str>) -> Option<Outward> {
        let said = self.said().clone();
        let message = wording::newer(message, &said, more)?;
        let headers = self.headers(&message, as_in.headers.clone())?;
        Some(Outward {
            message,
            headers,
            act: as_in.act.clone(),
        })
    }

    /// What the newer era mirrors of a request in its headers.
    fn headers(&self, message: &Message, mut headers: HeaderMap) -> Option<HeaderMap> {
        let mirrored = |name: &http::HeaderName| name.as_str().starts_with(MCP_PARAM_PREFIX);
        let ours = [MCP_SESSION_ID, LAST_EVENT_ID, MCP_NAME];
        let params: Vec<_> = headers
            .keys()
            .filter(|name| mirrored(name))
            .cloned()
            .collect();
        for name in ours.into_iter().chain(params) {
            headers.remove(name);
        }
        let method = message.method()?;
        headers.insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static(NEWER));
        headers.insert(MCP_METHOD, HeaderValue::from_str(&method).ok()?);
        let params = message.params()?;
        let member = mirrored_member(&method).and_then(|member| params.get(member)?.as_str());
        if let Some(named) = member {
            headers.insert(MCP_NAME, value::encode(&named));
        }
        if method == tools::CALL {
            self.common.mirrors.add(params, &mut headers);
        }
        Some(headers)
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// What servers of the newer era do not know, or mean something else by.
fn is_unknown(method: &str) -> bool {
    matches!(method, "server/discover" | "subscriptions/listen") || method.starts_with("tasks/")
}

fn told(message: Option<Message>) -> Response {
    super::document(message, outlet::fine)
}

fn too_long() -> TransportError {
    let why = Refusal::Message(
        "it cannot be said in the other era: it is too long, or its method is no header",
    );
    TransportError::Exchange(Arc::new(why))
}

fn unanswered() -> TransportError {
    TransportError::Exchange(Arc::new(Refusal::Upstream))
}

impl Reach for Way {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(self.0.send(outward))
    }

    fn get<'a>(&'a self, _: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(self.0.stand(headers))
    }

    fn delete(&self, _: HeaderMap) -> Awaited<'_> {
        // The session is ours alone.
        Box::pin(std::future::ready(Ok(accepted())))
    }
}
