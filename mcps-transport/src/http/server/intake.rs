//! What a request must be before an endpoint sees it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{limits::HttpLimits, refusal::Refusal};
use crate::http::media::{EVENT_STREAM, JSON, admits, is};

/// Whether a POST says that it has JSON and takes both kinds of answer. (MCP, *Sending messages*:
/// the client lists both. What has no `Accept` or a wildcard takes them too, RFC 9110 §12.5.1.)
pub(super) fn admit_post(headers: &HeaderMap) -> Result<(), Refusal> {
    let coded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if coded || !is(headers, JSON) {
        return Err(Refusal::CONTENT_TYPE);
    }
    if !admits(headers, JSON) || !admits(headers, EVENT_STREAM) {
        return Err(Refusal::ACCEPT_POST);
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::TRANSFER_CODING),
    }
}

/// Whether a GET takes an event stream.
pub(super) fn admit_get(headers: &HeaderMap) -> Result<(), Refusal> {
    if admits(headers, EVENT_STREAM) {
        Ok(())
    } else {
        Err(Refusal::ACCEPT_GET)
    }
}

/// Nothing may follow the head of a request that has no use for a body.
pub(super) fn no_body(body: &Incoming) -> Result<(), Refusal> {
    if body.is_end_stream() {
        Ok(())
    } else {
        Err(Refusal::UNEXPECTED_BODY)
    }
}

/// Reads bodies whole, within the limits of one and of all.
#[derive(Debug)]
pub(super) struct Bodies {
    room: Arc<Semaphore>,
}

impl Bodies {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        let room = limits.bodies_bytes.min(Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(room)),
        }
    }

    /// The whole body, and its share of the room. A body that is declared too large is not read at
    /// all; one that is cut off is refused, never handed on.
    pub(super) async fn read(
        &self,
        body: Incoming,
        limits: &HttpLimits,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
        let most = u64::try_from(limits.body_bytes).unwrap_or(u64::MAX);
        if body.size_hint().lower() > most {
            return Err(Refusal::TOO_LARGE);
        }
        match timeout(limits.body_read, self.collect(body, limits.body_bytes)).await {
            Ok(read) => read,
            Err(_) => Err(Refusal::TOO_SLOW),
        }
    }

    async fn collect(
        &self,
        mut body: Incoming,
        most: usize,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
        let mut whole = BytesMut::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::TRUNCATED)?;
            let Ok(data) = frame.into_data() else {
                continue; // trailers mean nothing here
            };
            if data.len() > most.saturating_sub(whole.len()) {
                return Err(Refusal::TOO_LARGE);
            }
            let taken = self.take(data.len())?;
            match &mut room {
                Some(room) => room.merge(taken),
                None => room = Some(taken),
            }
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), room))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::FULL)?;
        let taken = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        taken.map_err(|_| Refusal::FULL)
    }
}
