//! The stream of what the server says unasked, in revisions until 2025-11-25, and how requests
//! without a body are signed.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mcps_core::refusal::Refusal;
use mcps_transport::http::client::Response;

use super::Remote;
use super::crew::End;
use super::exchange::resumable;
use super::hearing::{Flow, Hearing};
use super::patience::Patience;
use crate::exit;
use crate::fetch::{self, Fetch};
use crate::link::Body;

impl Remote {
    /// Follows the server's own stream as long as there is one.
    pub(super) async fn stand(self: Arc<Self>) -> Result<(), End> {
        let mut patience = Patience::default();
        loop {
            if !self.stand_once(&mut patience).await? {
                return Ok(());
            }
            let Some(pause) = patience.next() else {
                tracing::warn!(
                    "the server's own stream does not last; what it says unasked is not heard any more"
                );
                return Ok(());
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Opens the stream and follows it to its end; whether to open it again.
    async fn stand_once(&self, patience: &mut Patience) -> Result<bool, End> {
        let Ok((headers, body)) = self.fetching("GET", None) else {
            return Ok(false);
        };
        let mut events = match self.http.get(None, headers).await {
            Ok(Response::Events { events, .. }) => events,
            Ok(Response::Refused { status, .. }) => return self.not_stood(status),
            Ok(Response::Json { .. } | Response::Accepted { .. }) => return Ok(false),
            Err(error) => {
                let reason = exit::chain(&error);
                tracing::debug!(reason, "the server has no stream of its own: {reason}");
                return Ok(true);
            }
        };
        let mut hearing = Hearing::of(body, None);
        let mut last = None;
        loop {
            if self.listen(&mut hearing, &mut events, patience).await? == Flow::Stop {
                // What was lost with it nobody can say; the next one is a stream by itself.
                return Ok(true);
            }
            last = resumable(&events).or(last);
            let Some(last) = last.as_deref().filter(|_| !hearing.is_over()) else {
                break;
            };
            match self.resume(last, patience).await? {
                Some(next) => events = next,
                None => break,
            }
        }
        if !self.guard.link.is_plain() && hearing.body.finish().is_err() {
            tracing::warn!("the server's own stream was cut; what it said meanwhile may be lost");
        }
        Ok(true)
    }

    fn not_stood(&self, status: StatusCode) -> Result<bool, End> {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Ok(false),
            StatusCode::NOT_FOUND if self.session.id().is_some() => Err(End::SessionEnded),
            _ => {
                tracing::warn!(
                    status = status.as_u16(),
                    "the server's own stream was refused: HTTP status {status}"
                );
                Ok(status.is_server_error())
            }
        }
    }

    /// The headers of a request without a body: with a signed notification that says what it is,
    /// which the stream that answers it is bound to.
    pub(super) fn fetching(
        &self,
        method: &str,
        last_event_id: Option<&str>,
    ) -> Result<(HeaderMap, Body), Refusal> {
        let session = self.session.id();
        let session = session.as_ref().and_then(|id| id.to_str().ok());
        let fetch = Fetch {
            method: method.to_owned(),
            session: session.unwrap_or_default().to_owned(),
            last_event_id: last_event_id.map(str::to_owned),
        };
        let mut headers = self.session.headers();
        let ath = self.authorize(&mut headers)?;
        let (sealed, body) = self.guard.link.seal_post(fetch.message()?, ath)?;
        if !self.guard.link.is_plain() {
            let value = HeaderValue::from_str(&URL_SAFE_NO_PAD.encode(sealed))
                .map_err(|_| Refusal::Envelope("no header holds it"))?;
            headers.insert(HeaderName::from_static(fetch::HEADER), value);
        }
        Ok((headers, body))
    }
}
