//! The body of an answer: nothing, one document, or a stream of events.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    sync::mpsc,
    time::{Sleep, sleep},
};

use super::{limits::HttpLimits, stage::Exchange};
use crate::{error::TransportError, sse::Event};

/// A body, with the exchange that ends with it.
pub(super) struct Answer {
    body: Content,
    exchange: Option<Exchange>,
}

enum Content {
    /// Empty once it was taken.
    Whole(Bytes),
    Stream(Stream),
}

impl Answer {
    pub(super) fn whole(body: Bytes) -> Self {
        Self {
            body: Content::Whole(body),
            exchange: None,
        }
    }

    pub(super) fn stream(stream: Stream) -> Self {
        Self {
            body: Content::Stream(stream),
            exchange: None,
        }
    }

    /// Keeps the exchange until the body was sent or given up.
    pub(super) fn hold(&mut self, exchange: Exchange) {
        self.exchange = Some(exchange);
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut self.body {
            Content::Whole(body) if body.is_empty() => Poll::Ready(None),
            Content::Whole(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Content::Stream(stream) => stream
                .poll_next(cx)
                .map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.body, Content::Whole(body) if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Content::Whole(body) => {
                SizeHint::with_exact(u64::try_from(body.len()).unwrap_or(u64::MAX))
            }
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// Events as they come, and comments while none come.
pub(super) struct Stream {
    events: mpsc::Receiver<Event>,
    limit: usize,
    /// How long silence may last, and until when this one may.
    silence: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Stream {
    pub(super) fn new(events: mpsc::Receiver<Event>, limits: &HttpLimits) -> Self {
        Self {
            events,
            limit: limits.event_bytes,
            silence: limits
                .keep_alive
                .map(|after| (after, Box::pin(sleep(after)))),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        let event = match self.events.poll_recv(cx) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(event)) => event,
            Poll::Pending => match &mut self.silence {
                None => return Poll::Pending,
                Some((_, timer)) => {
                    if timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    Event::comment("")
                }
            },
        };
        if let Some((after, timer)) = &mut self.silence {
            timer.set(sleep(*after));
        }
        if event.encoded_len() > self.limit {
            tracing::error!(
                "an event of {} bytes is larger than the limit of {} bytes: its stream was aborted",
                event.encoded_len(),
                self.limit
            );
            return Poll::Ready(Some(Err(TransportError::EventTooLong {
                limit: self.limit,
            })));
        }
        Poll::Ready(Some(Ok(event.into_bytes())))
    }
}
