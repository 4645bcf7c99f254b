//! One caller's session: how they sign, and the server that they speak to.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use mcps_transport::http::server::Reply;

use crate::link::{Guest, Link};

use crate::desk::Desk;

use super::presence::Presence;
use super::process::Process;
use super::upstream::Passage;

/// What is behind a session.
pub(super) enum Server {
    /// A process that is theirs alone.
    Own(Arc<Process>),
    /// A process that others use too.
    Shared(Arc<Process>),
    /// A server over HTTP.
    Remote(Passage),
}

/// One caller's session.
pub(super) struct Session {
    /// Its name; a request by itself is in none.
    pub(super) name: Option<String>,
    pub(super) link: Arc<Link>,
    /// How its messages are judged.
    pub(super) desk: Desk,
    pub(super) server: Server,
    pub(super) presence: Arc<Presence>,
    /// Whose it is; absent where nobody knows.
    pub(super) caller: Option<String>,
}

impl Session {
    /// Whether it is that caller's, who is somebody by something else than a signature, or nobody.
    ///
    /// # Errors
    /// What all are told who ask for a session that is not there.
    pub(super) fn is_of(&self, guest: Option<&Guest>) -> Result<(), Box<Reply>> {
        if self.link.guest() == guest {
            return Ok(());
        }
        tracing::warn!("refused somebody else than the caller who began the session");
        Err(Box::new(Reply::Empty {
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::new(),
        }))
    }

    /// Ends it: a process that is its own sees the end of its input.
    pub(super) fn end(&self) {
        match &self.server {
            Server::Own(process) => process.end(),
            Server::Shared(_) => {}
            Server::Remote(passage) => passage.end(),
        }
    }

    /// Ends the stream of what answers nothing.
    pub(super) async fn hush(&self) {
        match &self.server {
            Server::Own(process) => process.hush().await,
            Server::Shared(_) => {}
            Server::Remote(passage) => passage.hush(),
        }
    }
}
