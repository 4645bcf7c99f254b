//! A server that is a command: each session has a process of its own, unless it is said that all of
//! the newer era share one. It is asked in this process as a server over HTTP would be.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use mcps_client::desk::{Desk, Mode};
use mcps_client::link::Link;
use mcps_client::listen::{Awaited, Behind, Hub, Opens, Outward, PATH, Parts, Reach};
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_transport::http::client::Response;
use mcps_transport::http::local::Local;

use super::Means;

/// The processes of one command.
pub(super) struct Command {
    words: Vec<String>,
    shared: bool,
    means: Means,
    /// The one process for requests that are by themselves.
    common: Arc<Processes>,
}

impl Command {
    pub(super) fn new(words: Vec<String>, shared: bool, means: Means) -> Self {
        let common = Arc::new(Processes::new(words.clone(), &means, false));
        Self {
            words,
            shared,
            means,
            common,
        }
    }
}

impl Opens for Command {
    fn open(&self, _: &Link, stays: bool) -> Arc<dyn Reach> {
        if self.shared || !stays {
            return Arc::clone(&self.common) as Arc<dyn Reach>;
        }
        Arc::new(Processes::new(self.words.clone(), &self.means, true))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.common.local.endpoint().close())
    }
}

/// Processes behind an endpoint that nobody else can reach.
struct Processes {
    local: Local<Hub>,
    /// Whether they are one caller's, and end with them.
    own: bool,
}

impl Processes {
    fn new(words: Vec<String>, means: &Means, own: bool) -> Self {
        let (carrier, clock) = (Carrier::Native, &means.verifier.clock);
        let desk = Desk::new(
            carrier,
            Mode::Enforce,
            TrustLevel::L0,
            &means.identity,
            clock,
        );
        let hub = Hub::new(Parts {
            desk,
            carrier,
            uris: Vec::new(),
            verifier: means.verifier.clone(),
            random: Arc::clone(&means.random),
            horizon: Arc::clone(&means.horizon),
            behind: Behind::Command {
                words,
                shared: true,
            },
            max_sessions: means.max_sessions,
            max_sessions_each: means.max_sessions,
            limits: means.limits,
        });
        Self {
            local: Local::new(hub, PATH),
            own,
        }
    }
}

/// That there is no process is told under the decision by which the call went on, and under no other.
fn nameless(response: Response) -> Response {
    match response {
        Response::Refused {
            status,
            headers,
            body,
        } if is_lost(&body) => Response::Refused {
            status,
            headers,
            body: Bytes::new(),
        },
        other => other,
    }
}

/// Whether it says that there is no process.
fn is_lost(body: &Bytes) -> bool {
    let message = Message::parse(body.to_vec()).ok();
    let number = message
        .as_ref()
        .and_then(|message| message.error()?.get("code")?.as_i64());
    number == Some(Code::UpstreamUnavailable.jsonrpc())
}

impl Reach for Processes {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        Box::pin(async {
            let text = outward.message.into_text();
            self.local.post(text, outward.headers).await.map(nameless)
        })
    }

    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        Box::pin(self.local.get(last_event_id, headers))
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        Box::pin(self.local.delete(headers))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if self.own {
                self.local.endpoint().close().await;
            }
        })
    }
}
