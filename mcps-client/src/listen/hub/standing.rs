//! GET and DELETE, which have no body to sign: what they ask for is signed in a header.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use mcps_core::message::Outline;
use mcps_core::refusal::Refusal;
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::{Delete, Get, Reply};

use super::remote::Way;
use super::reply::{bad_request, empty, not_found, unavailable};
use super::{Fetched, Hub, Key};
use crate::fetch::{self, Fetch};
use crate::link::{Guest, Refused};
use crate::listen::mirror;
use crate::listen::session::Server;
use crate::listen::watch::Watch;
use crate::token::Presented;

impl Hub {
    pub(super) async fn stand(&self, get: Get) -> Result<Reply, Box<Reply>> {
        let fetched = self.verify_fetch(&get.headers, "GET", None).await?;
        self.attend_to(fetched, get, None).await
    }

    /// Opens the stream of what a session's server says by itself, or goes on with one that broke;
    /// at what is new in it `watch` looks.
    ///
    /// # Errors
    /// The answer where there is no such stream.
    pub async fn attend_to(
        &self,
        fetched: Fetched,
        get: Get,
        watch: Option<Box<dyn Watch>>,
    ) -> Result<Reply, Box<Reply>> {
        let Fetched { session, body } = fetched;
        let last_event_id = get.headers.last_event_id().map_err(|_| bad_request())?;
        let process = match &session.server {
            Server::Own(process) | Server::Shared(process) => process,
            Server::Remote(passage) => {
                let way = Way {
                    session: &session,
                    passage,
                    in_session: true,
                    act: None,
                };
                let attended = self.attend(way, &get.headers, (body, watch), last_event_id);
                return tokio::select! {
                    attended = attended => attended,
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

    /// Ends a session of the caller, who does not sign where `guest` says who it is.
    ///
    /// # Errors
    /// The answer where there is none to end, or the server does not let it.
    pub async fn leave(&self, delete: Delete, guest: Option<&Guest>) -> Result<Reply, Box<Reply>> {
        let Delete { headers, gone, .. } = delete;
        let Fetched { session, .. } = self.verify_fetch(&headers, "DELETE", guest).await?;
        if let Server::Remote(passage) = &session.server {
            let way = Way {
                session: &session,
                passage,
                in_session: true,
                act: None,
            };
            return tokio::select! {
                parted = self.part(way, &headers) => parted,
                () = gone.wait() => Err(unavailable()),
            };
        }
        self.forget(&session);
        Ok(*empty(StatusCode::NO_CONTENT))
    }

    /// The session that such a request is about, if its caller asks, who does not sign where `guest` says
    /// who it is.
    ///
    /// # Errors
    /// The answer where it is not for them to ask.
    pub async fn verify_fetch(
        &self,
        headers: &McpHeaders,
        method: &'static str,
        guest: Option<&Guest>,
    ) -> Result<Fetched, Box<Reply>> {
        let assigned = headers.session_id().map_err(|_| bad_request())?;
        let Some(id) = assigned else {
            // Without one there is nothing to stand for (2026-07-28 has neither).
            return Err(empty(StatusCode::METHOD_NOT_ALLOWED));
        };
        let known = self.sessions().get(&Key::Assigned(id.to_owned())).cloned();
        let session = known.ok_or_else(not_found)?;
        session.is_of(guest)?;
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
                let body = session.link.respond_plain();
                return Ok(Fetched { session, body });
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
        let body = session.link.respond(&opened);
        Ok(Fetched { session, body })
    }
}
