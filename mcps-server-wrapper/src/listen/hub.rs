//! Who speaks to whom: requests by their session to the server process that is theirs.

mod admit;
mod reply;
mod serve;
mod standing;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_client::link::{End, Link, LinkParts, Plain, Wire};
use mcps_client::relay;
use mcps_client::verify::Verifier;
use mcps_core::code::Code;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::message::Message;
use mcps_core::passport::Passport;
use mcps_core::random::{Random, hex16};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::Reply;
use mcps_transport::limits::Limits;
use tokio::task::JoinSet;

use super::alias::Alias;
use super::horizon::Horizon;
use super::mirror::Era;
use super::session::Session;
use crate::desk::Desk;
use reply::{bad_request, not_found, unavailable};

/// How a session is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// By the id that we gave it (until 2025-11-25).
    Assigned(String),
    /// By the agent's run, which its envelopes name (2026-07-28).
    Run(String),
    /// The one of all requests that nobody signed (2026-07-28): nothing ties one to another.
    Shared,
}

/// What all sessions are made of.
pub(super) struct Parts {
    pub(super) desk: Desk,
    pub(super) carrier: Carrier,
    pub(super) uris: Vec<String>,
    pub(super) verifier: Verifier,
    pub(super) random: Arc<dyn Random>,
    pub(super) horizon: Horizon,
    pub(super) command: Vec<String>,
    pub(super) max_sessions: usize,
    pub(super) max_sessions_each: usize,
    pub(super) limits: Limits,
}

/// All sessions of one listener.
#[derive(Clone)]
pub(super) struct Hub {
    parts: Arc<Parts>,
    sessions: Arc<Mutex<HashMap<Key, Arc<Session>>>>,
    /// How many requests that nobody signed there were.
    shared: Arc<AtomicU64>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Hub {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            sessions: Arc::default(),
            shared: Arc::default(),
            tasks: Arc::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends sessions that nobody used for that long.
    pub(super) fn sweep(&self, idle_ms: i64) {
        let now = self.parts.desk.clock.now();
        let quiet = |session: &&Arc<Session>| {
            let since = session.idle_since();
            since.is_some_and(|since| now.since(since) > idle_ms)
        };
        let sessions = self.sessions();
        for session in sessions.values().filter(quiet) {
            tracing::info!("a session that was not used for long has ended");
            session.end();
        }
    }

    /// Ends the streams that end by nothing else, so that whoever stops does not wait for them.
    pub(super) async fn hush(&self) {
        let sessions: Vec<_> = self.sessions().values().cloned().collect();
        for session in sessions {
            session.hush().await;
        }
    }

    /// Ends all sessions and waits for their servers.
    pub(super) async fn close(&self) {
        for session in self.sessions().values() {
            session.end();
        }
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
    }

    /// Runs beside everything else; what has ended is cleared away.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// The link of a session before anybody spoke on it.
    fn link(&self) -> Link {
        let parts = &self.parts;
        Link::new(LinkParts {
            end: End::Server,
            wire: Wire::Http(parts.uris.clone()),
            carrier: parts.carrier,
            identity: Arc::clone(&parts.desk.identity),
            verifier: parts.verifier.clone(),
            clock: Arc::clone(&parts.desk.clock),
            random: Arc::clone(&parts.random),
            session: None,
        })
    }

    /// Starts a server for a link on which somebody was admitted; gives the link back with the
    /// reason if there is to be none.
    fn start(&self, key: Key, link: Box<Link>) -> Result<Arc<Session>, (Box<Link>, Code)> {
        let mut sessions = self.sessions();
        if sessions.contains_key(&key) {
            // Two first messages of one run at the same time: the other one was sooner.
            return Err((link, Code::RateLimited));
        }
        let caller = link.peer().map(|peer| subject(&peer.passport));
        let same = sessions.values().filter(|session| session.caller == caller);
        if caller.is_some() && same.count() >= self.parts.max_sessions_each {
            tracing::warn!(
                caller,
                "refused a session: this caller has {} already; --max-sessions-per-caller allows more",
                self.parts.max_sessions_each
            );
            return Err((link, Code::RateLimited));
        }
        if sessions.len() >= self.parts.max_sessions {
            tracing::warn!(
                sessions = sessions.len(),
                "refused a session: there are {} already; --max-sessions allows more",
                sessions.len()
            );
            return Err((link, Code::RateLimited));
        }
        let limits = &self.parts.limits;
        let spawned = relay::command(&self.parts.command).spawn(limits);
        let (mut child, server) = match spawned {
            Ok(spawned) => spawned,
            Err(error) => {
                tracing::error!(error = %error, "the server cannot be started: {error}");
                return Err((link, Code::UpstreamUnavailable));
            }
        };
        let mut server = server.into_pipe(limits);
        let desk = self.parts.desk.clone();
        let session = Arc::new(Session::new(
            *link,
            desk,
            server.outbox.sender(),
            caller,
            key == Key::Shared,
        ));
        sessions.insert(key.clone(), Arc::clone(&session));
        drop(sessions);
        let (hub, own) = (self.clone(), Arc::clone(&session));
        self.spawn(async move {
            loop {
                let incoming = tokio::select! {
                    incoming = server.inbox.next() => incoming,
                    () = own.wait_for_end() => break,
                };
                match incoming {
                    Ok(Some(incoming)) => own.server_wrote(incoming).await,
                    Ok(None) | Err(_) => break,
                }
            }
            // From here on it is not found any more.
            hub.sessions().remove(&key);
            own.server_gone().await;
            drop(server.outbox.finish().await);
            // Whoever had found it before is told too; from here on what is sent to it fails.
            own.server_gone().await;
            drop(child.shutdown().await);
        });
        Ok(session)
    }

    /// The session that a message is for, and whether it is one that was there before.
    fn find(&self, headers: &McpHeaders, message: &Message) -> Result<Found, Box<Reply>> {
        let assigned = headers.session_id().map_err(|_| bad_request())?;
        if let Some(id) = assigned.filter(|_| Era::of(message, headers) == Era::Legacy) {
            let known = self.sessions().get(&Key::Assigned(id.to_owned())).cloned();
            return known.map(Found::Old).ok_or_else(not_found);
        }
        if Era::of(message, headers) == Era::Legacy {
            if message.method().as_deref() != Some("initialize") {
                return Ok(Found::Nobody(Box::new(self.link())));
            }
            let id = hex16(self.parts.random.as_ref()).map_err(|_| unavailable())?;
            return Ok(Found::New(Key::Assigned(id), Box::new(self.link())));
        }
        let key = match Sealed::read(message.clone(), self.parts.carrier) {
            Ok(sealed) => Key::Run(sealed.fields().session.clone()),
            Err(_) if self.parts.desk.plain() == Plain::Admit => return self.find_shared(message),
            Err(_) => return Ok(Found::Nobody(Box::new(self.link()))),
        };
        let known = self.sessions().get(&key).cloned();
        Ok(match known {
            Some(session) => Found::Old(session),
            None => Found::New(key, Box::new(self.link())),
        })
    }

    /// The session of all requests that nobody signed. It is there before the first one is judged,
    /// since there is nothing to judge it by.
    fn find_shared(&self, message: &Message) -> Result<Found, Box<Reply>> {
        let known = self.sessions().get(&Key::Shared).cloned();
        let session = match known {
            Some(session) => session,
            None => match self.start(Key::Shared, Box::new(self.link())) {
                Ok(session) => session,
                // Somebody was sooner, or there is no room.
                Err(_) => {
                    let sooner = self.sessions().get(&Key::Shared).cloned();
                    sooner.ok_or_else(unavailable)?
                }
            },
        };
        let number = self.shared.fetch_add(1, Ordering::Relaxed);
        Ok(match Alias::give(message, number) {
            Some((alias, text)) => Found::Shared(session, alias, text),
            None => Found::Unheard,
        })
    }
}

/// Who signs, whatever passport they have at the moment.
fn subject(passport: &Passport) -> String {
    let tenant = passport.ext().map_or("", |ext| ext.tenant.as_str());
    format!("{}/{tenant}/{}", passport.issuer(), passport.agent_name())
}

/// A session, or what one will be made of.
enum Found {
    Old(Arc<Session>),
    /// As old, with the message as its server is to read it.
    Shared(Arc<Session>, Alias, String),
    /// Unsigned and no request: it could speak of the requests of others, and in the era that
    /// shares a server nobody needs to say such a thing.
    Unheard,
    New(Key, Box<Link>),
    /// It should be in a session and names none.
    Nobody(Box<Link>),
}

impl Found {
    fn link(&self) -> Option<&Link> {
        match self {
            Self::Old(session) | Self::Shared(session, ..) => Some(&session.link),
            Self::New(_, link) | Self::Nobody(link) => Some(link),
            Self::Unheard => None,
        }
    }
}
