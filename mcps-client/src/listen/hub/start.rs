//! How sessions begin, and the processes behind them.

use std::sync::Arc;

use crate::exit;
use crate::link::{Link, Peer};
use crate::relay;
use mcps_core::code::Code;
use mcps_transport::child::Child;
use mcps_transport::pipe::Pipe;

use super::{Behind, Hub, Key};
use crate::desk::Desk;
use crate::listen::presence::Presence;
use crate::listen::process::Process;
use crate::listen::session::{Server, Session};
use crate::listen::upstream::Passage;

/// Why a session does not begin.
#[derive(Clone, Debug)]
pub struct Barred {
    /// What its caller is told.
    pub code: Code,
    /// Why, for the operator.
    pub why: String,
}

impl Barred {
    const fn full(why: String) -> Self {
        let code = Code::RateLimited;
        Self { code, why }
    }
}

impl Hub {
    /// Begins a session on a link on which somebody was admitted.
    ///
    /// # Errors
    /// Why there is to be none.
    pub(super) fn start(&self, key: Key, link: &Arc<Link>) -> Result<Arc<Session>, Barred> {
        let mut sessions = self.sessions();
        let stateless = matches!(key, Key::Run(_));
        let own = match &self.parts.behind {
            Behind::Command { words, shared } => (!(*shared && stateless)).then_some(words),
            Behind::Url(_) => None,
        };
        if let Some(sooner) = sessions.get(&key) {
            // Two first messages of one run at the same time.
            return match &sooner.server {
                Server::Own(process) => beside(sooner, process, link),
                Server::Shared(_) | Server::Remote(_) => self.alone(link),
            };
        }
        let caller = link.peer().map(|peer| subject(&peer));
        let caller = caller.or_else(|| link.guest().map(|guest| format!("{guest:?}")));
        let leaving = self.leaving().clone();
        let all = || sessions.values().chain(&leaving);
        let same = all().filter(|session| session.caller == caller);
        if caller.is_some() && same.count() >= self.parts.max_sessions_each {
            return Err(Barred::full(format!(
                "this caller has {} sessions already; --max-sessions-per-caller, of a gateway max_sessions_per_caller, allows more",
                self.parts.max_sessions_each
            )));
        }
        let count = all().count();
        if count >= self.parts.max_sessions {
            return Err(Barred::full(format!(
                "there are {count} sessions already; --max-sessions, of a gateway max_sessions, allows more"
            )));
        }
        let (server, running) = match own {
            None => (self.common(link, true)?, None),
            Some(words) => {
                let (process, running) = self.launch(words, Some(Arc::clone(link)))?;
                (Server::Own(process), Some(running))
            }
        };
        let desk = self.desk_of(&server);
        let session = Arc::new(Session {
            name: Some(key.name()),
            link: Arc::clone(link),
            desk,
            server,
            presence: Presence::new(&self.parts.desk.clock),
            caller,
        });
        sessions.insert(key, Arc::clone(&session));
        drop(sessions);
        if let Some(running) = running {
            let (hub, own) = (self.clone(), Arc::clone(&session));
            let (hub_too, own_too) = (self.clone(), Arc::clone(&session));
            let lose = move || hub.forget(&own);
            self.run(running, lose, move || hub_too.gone(&own_too));
        }
        Ok(session)
    }

    /// A session of one request, whose server is one that needs no other.
    ///
    /// # Errors
    /// When the server cannot be started.
    pub(super) fn alone(&self, link: &Arc<Link>) -> Result<Arc<Session>, Barred> {
        let server = self.common(link, false)?;
        Ok(Arc::new(Session {
            name: None,
            link: Arc::clone(link),
            desk: self.desk_of(&server),
            server,
            presence: Presence::new(&self.parts.desk.clock),
            caller: None,
        }))
    }

    /// How messages of a session are judged: by what its own server told of its tools.
    fn desk_of(&self, server: &Server) -> Desk {
        match server {
            Server::Own(process) | Server::Shared(process) => process.desk().clone(),
            Server::Remote(_) => self.fresh_desk(),
        }
    }

    /// That of a server of which nothing is known yet.
    fn fresh_desk(&self) -> Desk {
        Desk {
            mirrors: Arc::default(),
            ..self.parts.desk.clone()
        }
    }

    /// The server that sessions have in common: the one over HTTP, or a process.
    fn common(&self, link: &Link, stays: bool) -> Result<Server, Barred> {
        let words = match &self.parts.behind {
            Behind::Url(upstream) => {
                return Ok(Server::Remote(Passage::new(upstream, link, stays)));
            }
            Behind::Command { words, .. } => words,
        };
        let mut shared = self.shared();
        if let Some(process) = shared.as_ref().filter(|process| !process.is_ended()) {
            return Ok(Server::Shared(Arc::clone(process)));
        }
        let (process, running) = self.launch(words, None)?;
        *shared = Some(Arc::clone(&process));
        drop(shared);
        let (hub, own) = (self.clone(), Arc::clone(&process));
        let lose = move || {
            let mut shared = hub.shared();
            if shared
                .as_ref()
                .is_some_and(|shared| Arc::ptr_eq(shared, &own))
            {
                *shared = None;
            }
            drop(shared);
            // Whoever used it begins anew.
            hub.sessions().retain(|_, session| {
                !matches!(&session.server, Server::Shared(process) if Arc::ptr_eq(process, &own))
            });
        };
        self.run(running, lose, || {});
        Ok(Server::Shared(process))
    }

    fn launch(
        &self,
        words: &[String],
        owner: Option<Arc<Link>>,
    ) -> Result<(Arc<Process>, Running), Barred> {
        let limits = &self.parts.limits;
        let started = relay::command(words).spawn(limits);
        let (child, server) = started.map_err(|error| Barred {
            code: Code::UpstreamUnavailable,
            why: exit::chain(&error),
        })?;
        let pipe = server.into_pipe(limits);
        let (desk, random) = (self.fresh_desk(), &self.parts.random);
        let process = Process::new(desk, pipe.outbox.sender(), owner, random);
        let process = Arc::new(process);
        let running = Running {
            process: Arc::clone(&process),
            pipe,
            child,
        };
        Ok((process, running))
    }

    /// Passes on what a process says until it ends or is ended. From then on it must not be found;
    /// `gone` is told when it is no more.
    fn run(
        &self,
        running: Running,
        lose: impl FnOnce() + Send + 'static,
        gone: impl FnOnce() + Send + 'static,
    ) {
        let Running {
            process,
            mut pipe,
            mut child,
        } = running;
        self.spawn(async move {
            loop {
                let incoming = tokio::select! {
                    incoming = pipe.inbox.next() => incoming,
                    () = process.wait_for_end() => break,
                };
                match incoming {
                    Ok(Some(incoming)) => tokio::select! {
                        () = process.server_wrote(incoming) => {}
                        () = process.wait_for_end() => break,
                    },
                    Ok(None) | Err(_) => break,
                }
            }
            process.end();
            lose();
            process.server_gone().await;
            drop(pipe.outbox.finish().await);
            // Whoever had found it before is told too; from here on what is sent to it fails.
            process.server_gone().await;
            drop(child.shutdown().await);
            gone();
        });
    }
}

/// A session of one request, with the process of the one that its caller began just before.
///
/// # Errors
/// When it cannot be proven that it is the same caller.
fn beside(
    sooner: &Session,
    process: &Arc<Process>,
    link: &Arc<Link>,
) -> Result<Arc<Session>, Barred> {
    let (one, other) = (sooner.link.peer(), link.peer());
    let same = one.zip(other).is_some_and(|(one, other)| {
        one.recognised && other.recognised && subject(&one) == subject(&other)
    });
    if !same {
        let why = "its run begins at the same time, perhaps by somebody else";
        return Err(Barred::full(why.to_owned()));
    }
    Ok(Arc::new(Session {
        name: sooner.name.clone(),
        link: Arc::clone(link),
        desk: process.desk().clone(),
        server: Server::Own(Arc::clone(process)),
        presence: Arc::clone(&sooner.presence),
        caller: None,
    }))
}

/// A process that was started.
struct Running {
    process: Arc<Process>,
    pipe: Pipe,
    child: Child,
}

/// Who signs, whatever passport they have at the moment. Nobody vouches for what an unknown issuer
/// says, so there each passport is somebody else.
fn subject(peer: &Peer) -> String {
    let passport = &peer.passport;
    if !peer.recognised {
        return format!("unrecognised {}", passport.id());
    }
    let ext = passport.ext();
    let ext = ext.map(|ext| (ext.tenant.as_str(), ext.kind, ext.owner.as_str()));
    // Quoted, so that no name reaches into the next.
    format!("{:?}", (passport.issuer(), ext, passport.agent_name()))
}
