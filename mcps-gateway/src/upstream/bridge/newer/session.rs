//! One session with a server of the older era, on behalf of a caller who knows nothing of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use mcps_client::listen::{Outward, Reach};
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::{
    LAST_EVENT_ID, MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_PROTOCOL_VERSION, MCP_SESSION_ID,
};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::timeout;

use crate::upstream::bridge::document;
use crate::upstream::bridge::places::Place;
use crate::upstream::bridge::wording::{self, OLDER, Said, quoted};

/// How long the server may take to open a session, or to end one.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is said when a session is open.
const READY: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// One session.
pub(super) struct Session {
    /// What the server calls it.
    id: Option<HeaderValue>,
    version: HeaderValue,
    /// What it was told that its client can do.
    pub(super) capabilities: String,
    /// What the server said when it began.
    pub(super) opened: Message,
    /// From which level on the server tells what it logs.
    level: AsyncMutex<Option<String>>,
    /// The server knows it no more.
    lost: AtomicBool,
    over: watch::Sender<bool>,
    _place: Place,
}

/// Why there is none.
pub(super) enum Unopened {
    /// The caller says too many different things of itself.
    Full,
    /// There is no place for it.
    Crowded,
    /// The server does not speak the era.
    Unknown,
    /// Its response, which is no message.
    Refused(Box<Response>),
    /// Its error.
    Error(Box<Message>),
    /// It has not answered.
    Unanswered,
}

impl Session {
    /// Opens one for a caller who says that, with what of the caller's headers goes on.
    pub(super) async fn open(
        reach: &Arc<dyn Reach>,
        place: Place,
        said: &Said,
        headers: &HeaderMap,
    ) -> Result<Self, Unopened> {
        let opening = async {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":"open","method":"initialize","params":{{"protocolVersion":"{OLDER}","capabilities":{},"clientInfo":{}}}}}"#,
                said.capabilities, said.client
            );
            let message = Message::parse(text).map_err(|_| Unopened::Unanswered)?;
            let mut plain = bare(headers.clone());
            plain.insert(MCP_PROTOCOL_VERSION, HeaderValue::from_static(OLDER));
            let outward = Outward {
                message,
                headers: plain,
                act: None,
            };
            let response = reach.post(outward).await;
            let response = response.map_err(|_| Unopened::Unanswered)?;
            let id = match &response {
                Response::Json { headers, .. } | Response::Events { headers, .. } => {
                    headers.raw().get(MCP_SESSION_ID).cloned()
                }
                Response::Accepted { .. } | Response::Refused { .. } => None,
            };
            if let Response::Refused { body, .. } = &response
                && Message::parse(body.to_vec()).is_err()
            {
                return Err(Unopened::Refused(Box::new(response)));
            }
            let answer = document::whole(response).await;
            Ok((answer.ok_or(Unopened::Unanswered)?, id))
        };
        let opening = timeout(PATIENCE, opening).await;
        let (opened, id) = opening.map_err(|_| Unopened::Unanswered)??;
        let Some(result) = opened.result() else {
            let number = opened.error().and_then(|error| error.get("code"));
            return Err(match number.and_then(Value::as_i64) {
                Some(number) if wording::is_of_era(number) => Unopened::Unknown,
                _ => Unopened::Error(Box::new(opened)),
            });
        };
        let version = result.get("protocolVersion").and_then(Value::as_str);
        let version = version.filter(|version| wording::is_older(version));
        let version = version.and_then(|version| HeaderValue::from_str(&version).ok());
        let session = Self {
            id,
            version: version.ok_or(Unopened::Unknown)?,
            capabilities: said.capabilities.clone(),
            opened,
            level: AsyncMutex::default(),
            lost: AtomicBool::new(false),
            over: watch::Sender::new(false),
            _place: place,
        };
        let ready = Message::parse(READY).map_err(|_| Unopened::Unanswered)?;
        let told = reach.post(session.outward(ready, headers)).await;
        told.map_err(|_| Unopened::Unanswered)?;
        Ok(session)
    }

    /// A message in it, with what of the caller's headers goes on.
    pub(super) fn outward(&self, message: Message, headers: &HeaderMap) -> Outward {
        Outward {
            message,
            headers: self.headers(headers),
            act: None,
        }
    }

    pub(super) fn headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = bare(headers.clone());
        headers.insert(MCP_PROTOCOL_VERSION, self.version.clone());
        headers.extend(self.id.clone().map(|id| (MCP_SESSION_ID, id)));
        headers
    }

    /// Whether the server calls it by a name, so that it can forget it.
    pub(super) const fn is_named(&self) -> bool {
        self.id.is_some()
    }

    /// The server has forgotten it.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
        self.over.send_replace(true);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Ends when it does.
    pub(super) async fn end(&self) {
        let mut over = self.over.subscribe();
        // The sender is ours.
        let _ = over.wait_for(|over| *over).await;
    }

    fn has(&self, capability: &str) -> bool {
        let all = self
            .opened
            .result()
            .and_then(|result| result.get("capabilities"));
        all.and_then(|all| all.get(capability)).is_some()
    }

    /// Whether the server keeps subscriptions to resources.
    pub(super) fn subscribes(&self) -> bool {
        self.tells("resources", "subscribe")
    }

    /// Whether the server says that it does that.
    pub(super) fn tells(&self, capability: &str, what: &str) -> bool {
        let all = self
            .opened
            .result()
            .and_then(|result| result.get("capabilities"));
        let does = all.and_then(|all| all.get(capability)?.get(what)?.as_bool());
        does == Some(true)
    }

    /// Has the server tell what it logs from that level on, where a request wants to hear it.
    pub(super) async fn hear(&self, reach: &Arc<dyn Reach>, said: &Said, headers: &HeaderMap) {
        let Some(level) = said.level.as_ref().filter(|level| wording::is_level(level)) else {
            return;
        };
        let mut known = self.level.lock().await;
        if known.as_ref() == Some(level) || !self.has("logging") {
            return;
        }
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"level","method":"logging/setLevel","params":{{"level":{}}}}}"#,
            quoted(level)
        );
        let Ok(message) = Message::parse(text) else {
            return;
        };
        let set = async {
            let response = reach.post(self.outward(message, headers)).await.ok()?;
            document::whole(response).await?.result().map(|_| ())
        };
        if timeout(PATIENCE, set).await.ok().flatten().is_some() {
            *known = Some(level.clone());
        }
    }

    /// Ends it at the server.
    pub(super) async fn close(&self, reach: &Arc<dyn Reach>) {
        self.over.send_replace(true);
        if self.is_named() && !self.is_lost() {
            let left = reach.delete(self.headers(&HeaderMap::new()));
            drop(timeout(PATIENCE, left).await);
        }
    }
}

/// A caller's headers without what the newer era mirrors in them.
fn bare(mut headers: HeaderMap) -> HeaderMap {
    let mirrored = |name: &http::HeaderName| name.as_str().starts_with(MCP_PARAM_PREFIX);
    let params: Vec<_> = headers
        .keys()
        .filter(|name| mirrored(name))
        .cloned()
        .collect();
    let ours = [
        MCP_SESSION_ID,
        LAST_EVENT_ID,
        MCP_METHOD,
        MCP_NAME,
        MCP_PROTOCOL_VERSION,
    ];
    for name in ours.into_iter().chain(params) {
        headers.remove(name);
    }
    headers
}
