//! What a server answered.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{connector::Tasks, limits::ClientLimits};
use crate::{
    error::{TransportError, Waiting},
    http::{
        headers::McpHeaders,
        media::{EVENT_STREAM, JSON, is},
        uri,
    },
    sse::{Decoder, Event},
};

/// An answer. A body is complete and within its limit, or there is an error in its place.
pub enum Response {
    /// One JSON document, unread.
    Json {
        /// The headers of the answer.
        headers: McpHeaders,
        /// The document.
        body: Bytes,
    },
    /// An event stream, as it comes.
    Events {
        /// The headers of the answer.
        headers: McpHeaders,
        /// The stream. Dropping it closes it, which in 2026-07-28 cancels the request.
        events: EventReader,
    },
    /// Taken, and nothing to say about it: 202, or another success without a body.
    Accepted {
        /// The headers of the answer.
        headers: McpHeaders,
    },
    /// A status of 400 or more. What it means depends on era and body.
    Refused {
        /// The status.
        status: StatusCode,
        /// The headers of the answer.
        headers: McpHeaders,
        /// The start of the body: at most [`ClientLimits::REFUSAL_BYTES`], and what came in time.
        body: Bytes,
    },
}

impl Response {
    /// Sorts an answer and reads what is to be read of it.
    pub(super) async fn read(
        answer: http::Response<Incoming>,
        limits: &ClientLimits,
        own_host: &str,
        tasks: Tasks,
    ) -> Result<Self, TransportError> {
        let (head, body) = answer.into_parts();
        let status = head.status;
        if status.is_redirection() {
            let location = head.headers.get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            let host = location.and_then(|location| target(location, own_host));
            return Err(TransportError::Redirected { status, host });
        }
        let raw = &head.headers;
        let coded = raw.contains_key(header::CONTENT_ENCODING);
        let (json, events) = (is(raw, JSON), is(raw, EVENT_STREAM));
        let headers = McpHeaders::new(head.headers);
        if !status.is_success() {
            let body = beginning(body, limits).await;
            return Ok(Self::Refused {
                status,
                headers,
                body,
            });
        }
        if status == StatusCode::ACCEPTED || body.size_hint().exact() == Some(0) {
            // What some servers say beside is of no use, but unread it would cost the connection.
            drop(beginning(body, limits).await);
            return Ok(Self::Accepted { headers });
        }
        if events && !coded {
            let events = EventReader::new(body, limits, tasks);
            return Ok(Self::Events { headers, events });
        }
        if !json || coded {
            return Err(TransportError::UnexpectedContent { status });
        }
        let body = whole(body, limits).await?;
        Ok(Self::Json { headers, body })
    }
}

/// Shows sizes and names: bodies are messages, and header values may be sessions.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { headers, body } => f
                .debug_struct("Json")
                .field("headers", headers)
                .field("bytes", &body.len())
                .finish(),
            Self::Events { headers, .. } => f
                .debug_struct("Events")
                .field("headers", headers)
                .finish_non_exhaustive(),
            Self::Accepted { headers } => f
                .debug_struct("Accepted")
                .field("headers", headers)
                .finish(),
            Self::Refused {
                status,
                headers,
                body,
            } => f
                .debug_struct("Refused")
                .field("status", status)
                .field("headers", headers)
                .field("bytes", &body.len())
                .finish(),
        }
    }
}

/// Where events come from that are not read off a connection.
pub trait EventSource: Send {
    /// The next event; `None` at the end. Cancel safe.
    fn next(&mut self) -> Next<'_>;
}

/// What [`EventSource::next`] ends with.
pub type Next<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Event>, TransportError>> + Send + 'a>>;

/// Events of one answer.
pub struct EventReader {
    from: Origin,
    over: bool,
}

enum Origin {
    Connection(Box<Connection>),
    Source(Box<dyn EventSource>),
}

/// Events as they are read off a connection.
struct Connection {
    body: Incoming,
    decoder: Decoder,
    chunk: Bytes,
    silence: Option<Duration>,
    /// The connection lives as long as somebody reads from it.
    _tasks: Tasks,
}

impl EventReader {
    fn new(body: Incoming, limits: &ClientLimits, tasks: Tasks) -> Self {
        let connection = Connection {
            body,
            decoder: Decoder::new(limits.event),
            chunk: Bytes::new(),
            silence: limits.silence,
            _tasks: tasks,
        };
        Self {
            from: Origin::Connection(Box::new(connection)),
            over: false,
        }
    }

    /// Events that come from elsewhere.
    #[must_use]
    pub fn of(source: impl EventSource + 'static) -> Self {
        Self {
            from: Origin::Source(Box::new(source)),
            over: false,
        }
    }

    /// The next event, comments and the like among them; `None` when the server has ended the
    /// stream, and from then on. After an error nothing follows but `None`.
    ///
    /// Cancel safe: a call that is dropped has lost nothing, the next one continues.
    ///
    /// # Errors
    /// [`TransportError::EventTruncated`] when the stream ends inside an event;
    /// [`TransportError::Exchange`] when the connection breaks; [`TransportError::TimedOut`] after
    /// too long a silence; [`TransportError::LineTooLong`] and [`TransportError::EventTooLong`].
    pub async fn next(&mut self) -> Result<Option<Event>, TransportError> {
        if self.over {
            return Ok(None);
        }
        let next = match &mut self.from {
            Origin::Connection(connection) => connection.read().await,
            Origin::Source(source) => source.next().await,
        };
        self.over = !matches!(next, Ok(Some(_)));
        next
    }

    /// The id after which a GET would resume this stream: that of the last complete event that had
    /// one. Empty when there is none, and where the stream is not read off a connection.
    #[must_use]
    pub fn last_event_id(&self) -> &[u8] {
        match &self.from {
            Origin::Connection(connection) => connection.decoder.last_event_id(),
            Origin::Source(_) => &[],
        }
    }
}

impl Connection {
    async fn read(&mut self) -> Result<Option<Event>, TransportError> {
        loop {
            let mut rest = &self.chunk[..];
            let event = self.decoder.next(&mut rest)?;
            let used = self.chunk.len() - rest.len();
            self.chunk.advance(used);
            if event.is_some() {
                return Ok(event);
            }
            let frame = self.body.frame();
            let frame = match self.silence {
                None => frame.await,
                Some(silence) => timeout(silence, frame)
                    .await
                    .map_err(|_| TransportError::timed_out(Waiting::Event, silence))?,
            };
            match frame {
                None => return self.decoder.finish().map(|()| None),
                Some(Err(error)) => return Err(TransportError::exchange(error)),
                Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
            }
        }
    }
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader")
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

/// A whole body.
async fn whole(mut body: Incoming, limits: &ClientLimits) -> Result<Bytes, TransportError> {
    let limit = limits.body_bytes;
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    if body.size_hint().lower() > most {
        return Err(TransportError::BodyTooLong { limit });
    }
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let cut = |error| TransportError::Cut(Arc::new(error));
            let data = frame.map_err(cut)?.into_data();
            let data = data.unwrap_or_default();
            if data.len() > limit.saturating_sub(whole.len()) {
                return Err(TransportError::BodyTooLong { limit });
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    match timeout(limits.body, reading).await {
        Ok(read) => read,
        Err(_) => Err(TransportError::timed_out(Waiting::Body, limits.body)),
    }
}

/// What there is of a body, up to a limit. That the rest is missing is no error: the status says
/// what there is to know.
async fn beginning(mut body: Incoming, limits: &ClientLimits) -> Bytes {
    let mut start = BytesMut::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.into_data().unwrap_or_default();
            let room = ClientLimits::REFUSAL_BYTES - start.len();
            start.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() >= room {
                break;
            }
        }
    };
    // A refusal is one whether or not its words arrive in time.
    let _ = timeout(limits.body, reading).await;
    start.freeze()
}

/// The host to which a redirect leads; nothing else of it is repeated, since it may hold secrets.
fn target(location: &str, own_host: &str) -> Option<String> {
    let absolute = match location.strip_prefix("//") {
        Some(_) => format!("http:{location}"),
        None if location.starts_with(['/', '?', '#']) => return Some(own_host.to_owned()),
        None => location.to_owned(),
    };
    let absolute: Uri = absolute.parse().ok()?;
    let authority = absolute.authority()?.as_str();
    uri::host(authority.rsplit('@').next()?).ok()
}
