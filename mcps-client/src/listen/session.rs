//! One caller's session: how they sign, and the server that they speak to.

use std::sync::Arc;

use crate::link::Link;

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
    /// Whose it is; absent when they do not sign.
    pub(super) caller: Option<String>,
}

impl Session {
    /// Ends it: a process that is its own sees the end of its input.
    pub(super) fn end(&self) {
        match &self.server {
            Server::Own(process) => process.end(),
            Server::Shared(_) => {}
            Server::Remote(passage) => passage.hush(),
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
