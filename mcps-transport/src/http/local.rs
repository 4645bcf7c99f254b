//! An endpoint in this process, asked as a client would ask it over a socket: with the same
//! answers, and the same word when whoever asked has left.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    client::{EventReader, EventSource, Next, Response},
    headers::{LAST_EVENT_ID, McpHeaders},
    server::{Delete, Endpoint, Get, Gone, Here, Post, Reply},
};
use crate::{error::TransportError, sse::Event};

/// Where requests seem to come from.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// An endpoint and the calls of it that are under way. Dropping it ends them.
pub struct Local<E> {
    endpoint: Arc<E>,
    path: String,
    /// A call outlives whoever asked: in the older era it goes on, in the newer it is told.
    calls: Mutex<JoinSet<()>>,
}

impl<E: Endpoint> Local<E> {
    /// Asks `endpoint` at this path.
    #[must_use]
    pub fn new(endpoint: E, path: &str) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            path: path.to_owned(),
            calls: Mutex::default(),
        }
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`TransportError::Exchange`] when the call broke off.
    pub async fn post(
        &self,
        body: impl Into<Bytes>,
        headers: HeaderMap,
    ) -> Result<Response, TransportError> {
        let (here, gone) = Gone::local();
        let post = Post {
            path: self.path.clone(),
            headers: McpHeaders::new(headers),
            body: body.into(),
            peer: PEER,
            gone,
            _room: None,
        };
        let endpoint = Arc::clone(&self.endpoint);
        self.call(here, async move { endpoint.post(post).await })
            .await
    }

    /// Asks for the stream of the server's own messages, or for the rest of one.
    ///
    /// # Errors
    /// As [`Local::post`]; [`TransportError::HeaderMalformed`] when the id cannot be in a header.
    pub async fn get(
        &self,
        last_event_id: Option<&[u8]>,
        mut headers: HeaderMap,
    ) -> Result<Response, TransportError> {
        if let Some(id) = last_event_id {
            let id = HeaderValue::from_bytes(id).map_err(|_| TransportError::HeaderMalformed {
                name: LAST_EVENT_ID,
            })?;
            headers.insert(LAST_EVENT_ID, id);
        }
        let (here, gone) = Gone::local();
        let get = Get {
            path: self.path.clone(),
            headers: McpHeaders::new(headers),
            peer: PEER,
            gone,
        };
        let endpoint = Arc::clone(&self.endpoint);
        self.call(here, async move { endpoint.get(get).await })
            .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// As [`Local::post`].
    pub async fn delete(&self, headers: HeaderMap) -> Result<Response, TransportError> {
        let (here, gone) = Gone::local();
        let delete = Delete {
            path: self.path.clone(),
            headers: McpHeaders::new(headers),
            peer: PEER,
            gone,
        };
        let endpoint = Arc::clone(&self.endpoint);
        self.call(here, async move { endpoint.delete(delete).await })
            .await
    }

    async fn call(
        &self,
        here: Here,
        work: impl Future<Output = Reply> + Send + 'static,
    ) -> Result<Response, TransportError> {
        let (done, reply) = oneshot::channel();
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            while calls.try_join_next().is_some() {}
            calls.spawn(async move {
                // Whoever asked may have left.
                drop(done.send(work.await));
            });
        }
        let reply = reply
            .await
            .map_err(|error| TransportError::Exchange(Arc::new(error)))?;
        Ok(response(reply, here))
    }
}

impl<E> fmt::Debug for Local<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

fn response(reply: Reply, here: Here) -> Response {
    match reply {
        Reply::Json {
            status,
            headers,
            body,
        } if status == StatusCode::OK => Response::Json {
            headers: McpHeaders::new(headers),
            body,
        },
        Reply::Json {
            status,
            headers,
            body,
        } => Response::Refused {
            status,
            headers: McpHeaders::new(headers),
            body,
        },
        Reply::Events { headers, events } => Response::Events {
            headers: McpHeaders::new(headers),
            events: EventReader::of(Heard {
                events,
                _here: here,
            }),
        },
        Reply::Empty { status, headers } if status.is_success() => Response::Accepted {
            headers: McpHeaders::new(headers),
        },
        Reply::Empty { status, headers } => Response::Refused {
            status,
            headers: McpHeaders::new(headers),
            body: Bytes::new(),
        },
    }
}

/// An event stream of the endpoint's. Dropping it closes it.
struct Heard {
    events: mpsc::Receiver<Event>,
    _here: Here,
}

impl EventSource for Heard {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async { Ok(self.events.recv().await) })
    }
}

#[cfg(test)]
mod tests;
