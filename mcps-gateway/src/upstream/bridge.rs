//! A server that speaks one era only, for callers of both. What a caller says is translated behind
//! everything that judges and records it, and what the server says before anything does.

mod document;
mod newer;
mod older;
mod outlet;
mod places;
mod tasks;
mod wording;

use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use mcps_client::link::Link;
use mcps_client::listen::{Awaited, Era, Opens, Outward, Reach};
use mcps_client::mirror::Mirrors;
use mcps_core::code::Code;
use mcps_core::message::Message;
use mcps_core::random::Random;
use mcps_transport::http::client::Response;
use mcps_transport::http::headers::McpHeaders;

use super::Means;
use newer::Newer;
use newer::parked::Parking;
use older::Older;
use places::Places;
use tasks::Tasks;

/// What all callers of one server have in common.
#[derive(Clone)]
struct Common {
    /// The server's name.
    server: String,
    random: Arc<dyn Random>,
    /// Arguments that go in headers too, as the server's tools ask (2026-07-28).
    mirrors: Arc<Mirrors>,
    /// Calls that wait for their caller's answers (2026-07-28).
    parking: Arc<Parking>,
    /// Sessions at the server, of which callers know nothing (until 2025-11-25).
    sessions: Places,
    tasks: Arc<Tasks>,
}

/// Makes callers a way to a server of one era.
pub(super) struct Bridge {
    inner: Arc<dyn Opens>,
    era: Era,
    common: Common,
}

impl Bridge {
    /// The server behind `inner` speaks this era and no other.
    pub(super) fn new(inner: Arc<dyn Opens>, era: Era, server: &str, means: &Means) -> Self {
        Self {
            inner,
            era,
            common: Common {
                server: server.to_owned(),
                random: Arc::clone(&means.random),
                sessions: Places::new(means.max_sessions, means.max_sessions_each),
                mirrors: Arc::default(),
                parking: Arc::default(),
                tasks: Arc::default(),
            },
        }
    }
}

impl Opens for Bridge {
    fn open(&self, link: &Link, stays: bool) -> Arc<dyn Reach> {
        let reach = self.inner.open(link, stays);
        let common = self.common.clone();
        let caller = link.peer().map(|peer| peer.passport.id().to_string());
        // As one string: nothing else tells two of them apart.
        let caller = caller.or_else(|| link.guest().map(|guest| format!("{guest:?}")));
        let other: Arc<dyn Reach> = match self.era {
            Era::Modern => Arc::new(older::Way(Arc::new(Older::new(&reach, common, caller)))),
            Era::Legacy => Arc::new(newer::Way(Arc::new(Newer::new(
                &reach, common, caller, stays,
            )))),
        };
        Arc::new(Bridged {
            era: self.era,
            reach,
            other,
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.common.tasks.end().await;
            self.inner.close().await;
        })
    }
}

/// One caller's way.
struct Bridged {
    era: Era,
    /// For callers of the server's era: nothing is translated.
    reach: Arc<dyn Reach>,
    /// For callers of the other.
    other: Arc<dyn Reach>,
}

impl Bridged {
    fn way(&self, newer: bool) -> &Arc<dyn Reach> {
        if newer == (self.era == Era::Modern) {
            &self.reach
        } else {
            &self.other
        }
    }
}

impl Reach for Bridged {
    fn post(&self, outward: Outward) -> Awaited<'_> {
        self.way(wording::is_newer(&outward)).post(outward)
    }

    fn get<'a>(&'a self, last_event_id: Option<&'a [u8]>, headers: HeaderMap) -> Awaited<'a> {
        self.way(false).get(last_event_id, headers)
    }

    fn delete(&self, headers: HeaderMap) -> Awaited<'_> {
        self.way(false).delete(headers)
    }

    fn unasked(&self, state: &str, refused: Option<(Code, &str)>) {
        self.other.unasked(state, refused);
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.other.close().await;
            self.reach.close().await;
        })
    }
}

/// A server has no such thing.
fn not_allowed() -> Response {
    Response::Refused {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: McpHeaders::default(),
        body: bytes::Bytes::new(),
    }
}

/// A document as a response.
fn document(message: Option<Message>, status: fn(&Message) -> StatusCode) -> Response {
    let headers = McpHeaders::default();
    let Some(message) = message else {
        return Response::Accepted { headers };
    };
    let status = status(&message);
    let body = message.into_text().into();
    match status {
        StatusCode::OK => Response::Json { headers, body },
        status => Response::Refused {
            status,
            headers,
            body,
        },
    }
}
