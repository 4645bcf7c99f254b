//! GET and DELETE, which have no body to sign: what they ask for is signed in a header.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use mcps_client::fetch::{self, Fetch};
use mcps_client::link::{Body, Refused};
use mcps_client::token::Presented;
use mcps_core::message::Outline;
use mcps_core::refusal::Refusal;
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Delete, Get, Reply};

use super::remote::Way;
use super::reply::{bad_request, empty, not_found, unavailable};
use super::{Hub, Key};
use crate::listen::mirror;
use crate::listen::session::{Server, Session};

impl Hub {
    /// Opens the stream of what a session's server says by itself, or goes on with one that broke.
    pub(super) async fn stand(&self, get: Get) -> Result<Reply, Box<Reply>> {
        let (session, body) = self.fetched(&get.headers, "GET").await?;
        let last_event_id = get.headers.last_event_id().map_err(|_| bad_request())?;
        let process = match &session.server {
            Server::Own(process) | Server::Shared(process) => process,
            Server::Remote(passage) => {
                let way = Way {
                    session: &session,
                    passage,
                    in_session: true,
                };
                return tokio::select! {
                    attended = self.attend(way, &get.headers, body, last_event_id) => attended,
                    () = get.gone.wait() => Err(unavailable()),
                };
            }
        };
        let events = match last_event_id {
            Some(id) => process.resume(id).await.ok_or_else(bad_request)?,
            None => {
                let resumable = mirror::resumes(&get.headers);
                process.listen(&session.link, body, resumable).await
            }
        };
        let (busy, process) = (session.presence.enter(), Arc::clone(process));
        self.spawn(async move {
            tokio::select! {
                () = get.gone.wait() => {}
                () = process.wait_for_end() => {}
            }
            drop(busy);
        });
        Ok(Reply::Events {
            headers: HeaderMap::new(),
            events,
        })
    }

    /// Ends a session.
    pub(super) async fn leave(&self, delete: Delete) -> Result<Reply, Box<Reply>> {
        let Delete { headers, gone, .. } = delete;
        let (session, _) = self.fetched(&headers, "DELETE").await?;
        if let Server::Remote(passage) = &session.server {
            let way = Way {
                session: &session,
                passage,
                in_session: true,
            };
            return tokio::select! {
                parted = self.part(way, &headers) => parted,
                () = gone.wait() => Err(unavailable()),
            };
        }
        self.forget(&session);
        Ok(*empty(StatusCode::NO_CONTENT))
    }

    /// The session that such a request is about, if its caller asks.
    async fn fetched(
        &self,
        headers: &McpHeaders,
        method: &'static str,
    ) -> Result<(Arc<Session>, Body), Box<Reply>> {
        let assigned = headers.session_id().map_err(|_| bad_request())?;
        let Some(id) = assigned else {
            // Without one there is nothing to stand for (2026-07-28 has neither).
            return Err(empty(StatusCode::METHOD_NOT_ALLOWED));
        };
        let known = self.sessions().get(&Key::Assigned(id.to_owned())).cloned();
        let session = known.ok_or_else(not_found)?;
        let last_event_id = headers.last_event_id().map_err(|_| bad_request())?;
        let wanted = Fetch {
            method: method.to_owned(),
            session: id.to_owned(),
            last_event_id: last_event_id.map(str::to_owned),
        };
        let token = Presented::of(headers.raw());
        let sealed = headers.raw().get(fetch::HEADER);
        let Some(sealed) = sealed.and_then(|value| value.to_str().ok()) else {
            if session.link.is_plain() {
                token.is_clear().map_err(|refusal| {
                    let refused = Refused::unread(refusal, Outline::default());
                    self.refuse(&session.link, &refused)
                })?;
                return Ok((Arc::clone(&session), session.link.respond_plain()));
            }
            let refused = Refused::unread(Refusal::Unsigned, Outline::default());
            return Err(self.refuse(&session.link, &refused));
        };
        let text = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| bad_request())?;
        let opened = self.admit(&session.link, text.into(), token).await?;
        if Fetch::read(&opened.message).as_ref() != Some(&wanted) {
            tracing::warn!("refused a {method} whose signed words are other than its headers");
            return Err(bad_request());
        }
        session.presence.touch();
        Ok((Arc::clone(&session), session.link.respond(&opened)))
    }
}
