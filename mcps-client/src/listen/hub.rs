//! Who speaks to whom: requests by their session to the server process that is theirs.

mod admit;
mod local;
mod remote;
mod reply;
mod serve;
mod stages;
mod standing;
mod start;

pub use reply::status_of;
pub use stages::{Admitted, Arrived, Entered, Fetched};
pub use start::Barred;

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::link::{End, Guest, Link, LinkParts, Plain, Wire};
use crate::verify::Verifier;
use mcps_core::envelope::{Carrier, Sealed};
use mcps_core::message::Message;
use mcps_core::random::{Random, hex16};
use mcps_transport::http::headers::McpHeaders;
use mcps_transport::http::server::Reply;
use mcps_transport::limits::Limits;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::horizon::Horizon;
use super::mirror::Era;
use super::process::Process;
use super::session::{Server, Session};
use super::upstream::{Passage, Upstream};
use crate::desk::Desk;
use crate::desk::Mode;
use reply::{bad_request, not_found, unavailable};

/// Most ids of sessions of revoked callers that are remembered.
const MAX_EXPELLED: usize = 4096;

/// How far the end has come. What follows ends too where what came before it has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Whoever asks is answered.
    Open,
    /// Streams that end by nothing else end.
    Hushed,
    /// Everything does.
    Over,
}

/// How a session is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// By the id that we gave it (until 2025-11-25).
    Assigned(String),
    /// By the agent's run, which its envelopes name (2026-07-28).
    Run(String),
}

/// Where the server is.
pub enum Behind {
    /// Processes of this command.
    Command {
        /// Its words.
        words: Vec<String>,
        /// One of them for everybody who speaks 2026-07-28, else one for each session.
        shared: bool,
    },
    /// One over HTTP, or reached as if it were.
    Url(Arc<Upstream>),
}

/// What all sessions are made of.
pub struct Parts {
    /// How callers are judged.
    pub desk: Desk,
    /// How envelopes travel.
    pub carrier: Carrier,
    /// The names that callers may sign for, the first ours to tell.
    pub uris: Vec<String>,
    /// How what comes in is verified.
    pub verifier: Verifier,
    /// Nonces and names of sessions.
    pub random: Arc<dyn Random>,
    /// What a restart must not forget.
    pub horizon: Arc<Horizon>,
    /// The server.
    pub behind: Behind,
    /// The most sessions at a time.
    pub max_sessions: usize,
    /// The most sessions of one caller that signs.
    pub max_sessions_each: usize,
    /// Of server processes.
    pub limits: Limits,
}

/// All sessions of one listener.
#[derive(Clone)]
pub struct Hub {
    parts: Arc<Parts>,
    sessions: Arc<Mutex<HashMap<Key, Arc<Session>>>>,
    /// Ids of sessions whose callers were revoked: what still comes for them is told so.
    expelled: Arc<Mutex<HashSet<String>>>,
    /// Sessions that are over, as long as their processes are not.
    leaving: Arc<Mutex<Vec<Arc<Session>>>>,
    /// The process that sessions share.
    shared: Arc<Mutex<Option<Arc<Process>>>>,
    stage: Arc<watch::Sender<Stage>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Hub {
    /// Without any session yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            sessions: Arc::default(),
            expelled: Arc::default(),
            leaving: Arc::default(),
            shared: Arc::default(),
            stage: Arc::new(watch::Sender::new(Stage::Open)),
            tasks: Arc::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expelled(&self) -> MutexGuard<'_, HashSet<String>> {
        self.expelled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends sessions that nobody used for that long.
    pub fn sweep(&self, idle_ms: i64) {
        let now = self.parts.desk.clock.now();
        let quiet = |session: &Session| {
            let since = session.presence.idle_since();
            since.is_some_and(|since| now.since(since) > idle_ms)
        };
        self.sessions().retain(|_, session| {
            let over = quiet(session);
            if over {
                tracing::info!("a session that was not used for long has ended");
                self.release(session);
            }
            !over
        });
    }

    /// Ends the sessions of those whom the authority has revoked or stopped, and with them their
    /// streams.
    pub fn expel(&self) {
        if self.parts.desk.mode == Mode::Observe {
            return;
        }
        self.sessions().retain(|key, session| {
            let admitted = session.link.admits_peer();
            if let Err(refusal) = &admitted {
                let code = refusal.code().id();
                tracing::warn!(code, reason = %refusal, "a session has ended, {code}: {refusal}");
                if let Key::Assigned(id) = key {
                    let mut expelled = self.expelled();
                    if expelled.len() >= MAX_EXPELLED {
                        expelled.clear();
                    }
                    expelled.insert(id.clone());
                }
                self.release(session);
            }
            admitted.is_ok()
        });
    }

    /// Ends the sessions of those who do not sign and whom nothing says to be somebody any more.
    pub fn part_from(&self, is_gone: impl Fn(&Guest) -> bool) {
        self.sessions().retain(|_, session| {
            let gone = session.link.guest().is_some_and(&is_gone);
            if gone {
                tracing::info!("a session has ended: what its caller came with is good no more");
                self.release(session);
            }
            !gone
        });
    }

    /// Ends a session whose caller did not.
    fn release(&self, session: &Arc<Session>) {
        self.dismiss(session);
        let session = Arc::clone(session);
        self.spawn(async move {
            if let Server::Remote(passage) = &session.server {
                passage.leave().await;
            }
        });
    }

    /// Ends a session: it is not found any more.
    fn forget(&self, session: &Arc<Session>) {
        let other = |known: &mut Arc<Session>| !Arc::ptr_eq(known, session);
        self.sessions().retain(|_, known| other(known));
        self.dismiss(session);
    }

    /// Ends what is not found any more. It counts until its process is gone too.
    fn dismiss(&self, session: &Arc<Session>) {
        session.end();
        let mut leaving = self.leaving();
        let known = leaving.iter().any(|known| Arc::ptr_eq(known, session));
        if matches!(session.server, Server::Own(_)) && !known {
            leaving.push(Arc::clone(session));
        }
    }

    /// The process of a session is gone.
    fn gone(&self, session: &Arc<Session>) {
        self.leaving().retain(|known| !Arc::ptr_eq(known, session));
    }

    /// Ends the streams that end by nothing else, so that whoever stops does not wait for them.
    pub async fn hush(&self) {
        self.reach_stage(Stage::Hushed);
        let sessions: Vec<_> = self.sessions().values().cloned().collect();
        for session in sessions {
            session.hush().await;
        }
    }

    /// Answers what a server over HTTP has not answered yet: whoever stops waits no longer.
    pub fn finish(&self) {
        self.reach_stage(Stage::Over);
    }

    fn reach_stage(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let later = *now < stage;
            if later {
                *now = stage;
            }
            later
        });
    }

    /// Waits until a response has to end because whoever serves it stops, or its session does.
    fn stopped(&self, passage: &Passage, stands: bool) -> impl Future<Output = ()> + use<> {
        let (mut stage, ended) = (self.stage.subscribe(), passage.ended());
        let last = if stands { Stage::Hushed } else { Stage::Over };
        async move {
            let stops = async {
                if stage.wait_for(|now| *now >= last).await.is_err() {
                    pending().await
                }
            };
            // A call comes to its end in any case.
            if !stands {
                return stops.await;
            }
            tokio::select! {
                () = stops => {}
                () = ended => {}
            }
        }
    }

    /// How many sessions have something under way.
    #[must_use]
    pub fn busy(&self) -> usize {
        let sessions = self.sessions();
        let busy = sessions.values();
        busy.filter(|session| session.presence.idle_since().is_none())
            .count()
    }

    /// Ends all sessions and waits for their servers.
    pub async fn close(&self) {
        for (_, session) in self.sessions().drain() {
            self.release(&session);
        }
        if let Some(process) = &*self.shared() {
            process.end();
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

    /// The session that a message is for, and whether it is one that was there before.
    fn find(&self, headers: &McpHeaders, message: &Message) -> Result<Found, Box<Reply>> {
        let assigned = headers.session_id().map_err(|_| bad_request())?;
        if let Some(id) = assigned.filter(|_| Era::of(message, headers) == Era::Legacy) {
            let known = self.sessions().get(&Key::Assigned(id.to_owned())).cloned();
            return match known {
                Some(session) => Ok(Found::Old(session)),
                None if self.expelled().contains(id) => Ok(Found::Gone(Arc::new(self.link()))),
                None => Err(not_found()),
            };
        }
        if Era::of(message, headers) == Era::Legacy {
            if message.method().as_deref() != Some("initialize") {
                return Ok(Found::Nobody(Arc::new(self.link())));
            }
            let id = hex16(self.parts.random.as_ref()).map_err(|_| unavailable())?;
            return Ok(Found::New(Key::Assigned(id), Arc::new(self.link())));
        }
        let key = match Sealed::read(message.clone(), self.parts.carrier) {
            // What names no run is the signer's (bare draft-00).
            Ok(sealed) if sealed.fields().session.is_empty() => {
                Key::Run(sealed.fields().passport_id.to_string())
            }
            Ok(sealed) => Key::Run(sealed.fields().session.clone()),
            Err(_) if self.parts.desk.plain() == Plain::Admit => {
                return Ok(Found::Alone(Arc::new(self.link())));
            }
            Err(_) => return Ok(Found::Nobody(Arc::new(self.link()))),
        };
        let known = self.sessions().get(&key).cloned();
        Ok(match known {
            Some(session) => Found::Old(session),
            None => Found::New(key, Arc::new(self.link())),
        })
    }
}

/// A session, or what one will be made of.
enum Found {
    Old(Arc<Session>),
    New(Key, Arc<Link>),
    /// A request by itself that nobody signed (2026-07-28): nothing ties one to another.
    Alone(Arc<Link>),
    /// It should be in a session and names none.
    Nobody(Arc<Link>),
    /// It is for one that ended because its caller was revoked, which they are to be told first.
    Gone(Arc<Link>),
}

impl Found {
    fn link(&self) -> &Arc<Link> {
        match self {
            Self::Old(session) => &session.link,
            Self::New(_, link) | Self::Alone(link) | Self::Nobody(link) | Self::Gone(link) => link,
        }
    }
}
