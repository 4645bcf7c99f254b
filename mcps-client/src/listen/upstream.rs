//! A server over HTTP behind the listener: each request of a caller's is one to the server, each
//! response of the server's one to the caller, signed on the way. Status, stream, event ids and
//! session stay what the server made of them.

mod headers;
mod signing;
mod tail;

pub use headers::CREDENTIALS;
pub(super) use signing::{Signed, Signing};
pub(super) use tail::{Turn, reader};

use std::collections::VecDeque;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use mcps_core::message::Message;
use mcps_transport::http::client::{Client, ClientLimits, Response};
use mcps_transport::http::headers::McpHeaders;
use tokio::sync::watch;
use tokio::time::timeout;

use super::reach::{Network, Opens, Outward, Reach};
use crate::connect::Address;
use crate::error::ClientError;
use crate::link::Link;
use tail::Tail;

/// How long an answer may take: whoever asked gives up when they have waited for long enough.
const ANSWER: Duration = Duration::from_secs(3600);
/// How long the server may take to end a session.
const FAREWELL: Duration = Duration::from_secs(2);
/// Streams of a session that can be resumed and are kept for that, complete or not.
const TAILS: usize = 8;
/// And their bytes; the last is kept whatever its size.
const TAILS_BYTES: usize = 4 * 1024 * 1024;

/// Which server, and how it is reached.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// Where.
    pub address: Address,
    /// Certificates that are trusted beside the machine's own, PEM.
    pub extra_roots: Option<PathBuf>,
    /// Headers of callers that the server is to have, beside those of MCP and `Authorization`.
    pub headers: Vec<HeaderName>,
}

/// The server of all sessions.
pub struct Upstream {
    behind: Arc<dyn Opens>,
    /// Headers of callers that it is to have, beside those of MCP.
    headers: Vec<HeaderName>,
}

impl Upstream {
    /// A server over HTTP, which has the caller's access token too.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn new(options: &UpstreamOptions) -> Result<Self, ClientError> {
        let http = client(&options.address, options.extra_roots.as_deref(), None)?;
        let mut headers = vec![CREDENTIALS];
        headers.extend(options.headers.iter().cloned());
        Ok(Self::of(Arc::new(Network(Arc::new(http))), headers))
    }

    /// A server that is reached in any other way.
    #[must_use]
    pub fn of(behind: Arc<dyn Opens>, headers: Vec<HeaderName>) -> Self {
        Self { behind, headers }
    }

    /// No session begins with it any more: what all of them had in common ends.
    pub async fn close(&self) {
        self.behind.close().await;
    }
}

/// A client of one server, as patient as the callers are.
///
/// # Errors
/// When there are no certificates to trust.
pub fn client(
    address: &Address,
    extra_roots: Option<&Path>,
    answer: Option<Duration>,
) -> Result<Client, ClientError> {
    let within = ClientLimits {
        answer: answer.unwrap_or(ANSWER),
        // What stands between the caller and us ends what is silent for too long.
        silence: None,
        idle_connections: 1024,
        ..ClientLimits::default()
    };
    Ok(Client::new(address.as_str(), within, extra_roots)?)
}

/// Lets streams go where too much is kept: complete ones first, that which answers nothing last.
fn trim(tails: &mut VecDeque<Arc<Tail>>) {
    let bytes =
        |tails: &VecDeque<Arc<Tail>>| -> usize { tails.iter().map(|tail| tail.bytes()).sum() };
    while tails.len() > TAILS || (tails.len() > 1 && bytes(tails) > TAILS_BYTES) {
        let complete = tails.iter().position(|tail| tail.is_over());
        let at = complete.or_else(|| tails.iter().position(|tail| !tail.is_standing()));
        tails.remove(at.unwrap_or(0));
    }
}

/// One session's way to the server.
pub struct Passage {
    pub(super) upstream: Arc<Upstream>,
    pub(super) reach: Arc<dyn Reach>,
    /// What the server calls the session (until 2025-11-25).
    id: OnceLock<HeaderValue>,
    /// Streams that can be resumed, oldest first.
    tails: Mutex<VecDeque<Arc<Tail>>>,
    over: watch::Sender<bool>,
}

impl Passage {
    /// For the caller on `link`, who `stays` or asks once.
    pub(super) fn new(upstream: &Arc<Upstream>, link: &Link, stays: bool) -> Self {
        Self {
            upstream: Arc::clone(upstream),
            reach: upstream.behind.open(link, stays),
            id: OnceLock::new(),
            tails: Mutex::default(),
            over: watch::Sender::new(false),
        }
    }

    fn tails(&self) -> MutexGuard<'_, VecDeque<Arc<Tail>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session's own way to the server.
    #[must_use]
    pub const fn reach(&self) -> &Arc<dyn Reach> {
        &self.reach
    }

    /// What goes on of a caller's headers, with what the server calls the session.
    #[must_use]
    pub fn onward(&self, headers: &McpHeaders) -> HeaderMap {
        self.upstream.there(headers, self.id())
    }

    /// Asks the server something beside what its caller asks, with these of the caller's headers; of
    /// several servers the one with this name. The answer; `None` where there is none, or none that
    /// can be read.
    pub async fn inquire(
        &self,
        message: Message,
        headers: &McpHeaders,
        server: &str,
    ) -> Option<Message> {
        let member = self.reach.member(server);
        let reach = member.as_ref().unwrap_or(&self.reach);
        let outward = Outward {
            message,
            headers: self.upstream.there(headers, self.id()),
            act: None,
        };
        let mut events = match reach.post(outward).await {
            Ok(Response::Json { body, .. } | Response::Refused { body, .. }) => {
                return Message::parse(body.to_vec()).ok();
            }
            Ok(Response::Events { events, .. }) => events,
            Ok(Response::Accepted { .. }) | Err(_) => return None,
        };
        while let Ok(Some(event)) = events.next().await {
            let data = event.data().filter(|data| !data.is_empty());
            let message = data.and_then(|data| Message::parse(data.to_vec()).ok());
            if let Some(message) = message.filter(|message| message.method().is_none()) {
                return Some(message);
            }
        }
        None
    }

    /// What the server calls the session.
    pub(super) fn id(&self) -> Option<&HeaderValue> {
        self.id.get()
    }

    /// The server has named the session. It does so once.
    pub(super) fn named(&self, id: Option<&HeaderValue>) {
        if let Some(id) = id {
            let _ = self.id.set(id.clone());
        }
    }

    /// A response of the server's that is about to begin. One that can be resumed is kept for
    /// whoever loses it.
    pub(super) async fn begin(&self, signing: Signing, resumable: bool) -> Turn {
        let tail = Arc::new(Tail::new(signing));
        if resumable {
            let mut tails = self.tails();
            tails.push_back(Arc::clone(&tail));
            trim(&mut tails);
        }
        tail.take().await
    }

    /// The stream with that event, taken from whoever read it before.
    pub(super) async fn resume(&self, id: &[u8]) -> Option<Turn> {
        let found = self.tails().iter().find(|tail| tail.has(id)).cloned();
        Some(found?.take().await)
    }

    /// Ends the session at the server, if it has one, on behalf of a caller who did not. A server
    /// that wants the caller's access token for that ends it by itself some day.
    pub(super) async fn leave(&self) {
        if self.id().is_some() {
            let headers = self.upstream.there(&McpHeaders::default(), self.id());
            let left = self.reach.delete(headers);
            match timeout(FAREWELL, left).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::debug!("the server was not told that a session is over")
                }
            }
        }
        self.reach.close().await;
    }

    /// The session is over, and with it the streams that end by nothing else.
    pub(super) fn end(&self) {
        self.over.send_replace(true);
        self.hush();
    }

    /// Waits until it is; for ever where it just goes.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut over = self.over.subscribe();
        async move {
            if over.wait_for(|over| *over).await.is_err() {
                pending().await
            }
        }
    }

    /// Ends the streams that end by nothing else.
    pub(super) fn hush(&self) {
        for tail in self.tails().iter().filter(|tail| tail.is_standing()) {
            tail.stop();
        }
    }
}
