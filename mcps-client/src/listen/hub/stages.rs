//! How far a request has come. Each is made by the step before the next alone, so that none can be
//! left out; whoever listens puts steps of its own between them.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use mcps_core::level::Effective;
use mcps_core::message::{Id, Kind, Message, mismatch_text, unknown_method_text};
use mcps_transport::http::headers::MCP_SESSION_ID;
use mcps_transport::http::server::{Post, Reply};

use super::reply::{bad_request, empty, json, not_found, status_of, unavailable};
use super::{Barred, Found, Hub, Key};
use crate::link::{Body, Guest, Link, Opened, Peer};
use crate::listen::mirror::Era;
use crate::listen::session::{Server, Session};
use crate::listen::upstream::Passage;

/// A message that was read, and whose session is known or can begin.
pub struct Arrived {
    pub(super) found: Found,
    pub(super) id: Option<Id>,
    pub(super) signed: bool,
}

impl Arrived {
    /// Whether it has an envelope. Whose it is nobody knows before it is verified.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    /// What it is answered by; absent for what nobody answers.
    #[must_use]
    pub const fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }
}

/// A message that was verified: envelope, replay, revocation, level of the listener.
pub struct Admitted {
    pub(super) found: Found,
    pub(super) opened: Opened,
    pub(super) era: Era,
}

/// A message in its session.
pub struct Entered {
    pub(super) session: Arc<Session>,
    pub(super) opened: Opened,
    pub(super) era: Era,
    /// What the answer says beside, such as the name of a session that begins with it.
    pub(super) headers: HeaderMap,
}

/// A GET or DELETE that its session's caller asked for.
pub struct Fetched {
    pub(super) session: Arc<Session>,
    pub(super) body: Body,
}

impl Admitted {
    /// The message, without envelope.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.opened.message
    }

    /// What the caller's word is worth; absent where it does not sign.
    #[must_use]
    pub const fn trust(&self) -> Option<Effective> {
        self.opened.trust
    }

    /// Who signed; absent where nobody did.
    #[must_use]
    pub fn caller(&self) -> Option<Peer> {
        self.opened.req.as_ref().and(self.link().peer())
    }

    /// The hash of the caller's signed object; absent where nothing was signed.
    #[must_use]
    pub fn signed(&self) -> Option<Digest> {
        self.opened.req.as_ref().map(|req| req.hash)
    }

    /// Which of the two ways of speaking it is of.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.era
    }

    /// The session that it is in or begins: the one that we named or, in the era without, the run
    /// that was signed. Absent where nothing ties one request to another.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        match &self.found {
            Found::Old(session) => session.name.clone(),
            Found::New(key, _) => Some(key.name()),
            Found::Alone(_) | Found::Nobody(_) | Found::Gone(_) => None,
        }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        self.found.link()
    }
}

impl Entered {
    /// The session's way to the server, where that is no process of ours.
    #[must_use]
    pub fn passage(&self) -> Option<&Passage> {
        match &self.session.server {
            Server::Remote(passage) => Some(passage),
            Server::Own(_) | Server::Shared(_) => None,
        }
    }

    /// The message, without envelope.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.opened.message
    }

    /// The way of speaking that it is of.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.era
    }
}

impl Entered {
    /// The same request as whoever judges it understands it: what its server is to have in place of
    /// what its caller wrote. It is answered to the caller's own.
    #[must_use]
    pub fn meaning(mut self, message: Message) -> Self {
        if message.id() == self.opened.message.id() {
            self.opened.message = message;
        }
        self
    }
}

impl Fetched {
    /// The session's way to the server, where that is no process of ours.
    #[must_use]
    pub fn passage(&self) -> Option<&Passage> {
        match &self.session.server {
            Server::Remote(passage) => Some(passage),
            Server::Own(_) | Server::Shared(_) => None,
        }
    }

    /// Who the session's caller is; absent where it does not sign.
    #[must_use]
    pub fn caller(&self) -> Option<Peer> {
        self.session.link.peer()
    }

    /// The session's name.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.name.as_deref()
    }
}

impl Key {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Assigned(name) | Self::Run(name) => name.clone(),
        }
    }
}

impl Hub {
    /// The signed error for a message that goes no further: its code, and the id by which the log
    /// knows why. What is no request is only accepted, since nobody waits for an answer to it.
    #[must_use]
    pub fn deny(&self, denied: Admitted, code: Code, decision_id: &str) -> Box<Reply> {
        self.denied(denied.link(), &denied.opened, code, decision_id)
    }

    /// The same for one that is in its session already.
    #[must_use]
    pub fn deny_entered(&self, denied: Entered, code: Code, decision_id: &str) -> Box<Reply> {
        self.denied(&denied.session.link, &denied.opened, code, decision_id)
    }

    /// The same for a method that nobody permits by name: what a server tells that does not have it.
    #[must_use]
    pub fn deny_method(&self, denied: Entered, code: Code, decision_id: &str) -> Box<Reply> {
        let request = denied.opened.message.kind() == Kind::Request;
        let id = denied.opened.message.id().filter(|_| request);
        let Some(id) = id else {
            return self.deny_entered(denied, code, decision_id);
        };
        let link = &denied.session.link;
        let status = match denied.era {
            Era::Modern if link.is_plain() => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        let text = unknown_method_text(id, code, decision_id);
        self.sealed(link, &denied.opened, text, status)
    }

    /// The same for headers that are not what the body says.
    #[must_use]
    pub fn deny_headers(&self, denied: Entered, code: Code, decision_id: &str) -> Box<Reply> {
        let Some(id) = denied.opened.message.id() else {
            return bad_request();
        };
        let text = mismatch_text(id, code, decision_id);
        let link = &denied.session.link;
        self.sealed(link, &denied.opened, text, StatusCode::BAD_REQUEST)
    }

    fn denied(&self, link: &Link, opened: &Opened, code: Code, decision_id: &str) -> Box<Reply> {
        let request = opened.message.kind() == Kind::Request;
        let Some(id) = opened.message.id().filter(|_| request) else {
            return empty(status_of(code));
        };
        let mut body = link.respond(opened);
        match link.seal_failure_into(id, code, decision_id, &mut body) {
            // It is an answer of MCP, not of HTTP: SDKs make an error of the call of it, and not of
            // the connection.
            Ok(text) => json(StatusCode::OK, HeaderMap::new(), text),
            Err(_) => unavailable(),
        }
    }

    /// The session of a message that may go on to its server; the first begins one.
    ///
    /// # Errors
    /// The answer where there is none and none is to begin. `barred` says under which id it is refused, and is
    /// told why.
    pub fn enter(
        &self,
        admitted: Admitted,
        barred: impl FnOnce(&Barred) -> String,
    ) -> Result<Entered, Box<Reply>> {
        let Admitted { found, opened, era } = admitted;
        let mut headers = HeaderMap::new();
        let link = Arc::clone(found.link());
        let started = match found {
            Found::Old(session) => Ok(session),
            Found::Alone(link) => self.alone(&link),
            Found::Nobody(_) => return Err(bad_request()),
            Found::Gone(_) => return Err(not_found()),
            Found::New(key, link) => {
                if let Key::Assigned(id) = &key {
                    let id = HeaderValue::from_str(id).map_err(|_| unavailable())?;
                    headers.insert(MCP_SESSION_ID, id);
                }
                self.start(key, &link)
            }
        };
        match started {
            Ok(session) => Ok(Entered {
                session,
                opened,
                era,
                headers,
            }),
            Err(why) => {
                let decision_id = barred(&why);
                Err(self.turn_away(&link, &opened, why.code, &decision_id))
            }
        }
    }

    /// Takes note of whom something else than a signature has proven to be the caller. A session is of
    /// whoever began it.
    ///
    /// # Errors
    /// 404 where it is somebody else's: to others it is not there.
    pub fn claimed(&self, arrived: Arrived, guest: Option<&Guest>) -> Result<Arrived, Box<Reply>> {
        match &arrived.found {
            Found::Old(session) => session.is_of(guest)?,
            Found::New(_, link) | Found::Alone(link) | Found::Nobody(link) | Found::Gone(link) => {
                if let Some(guest) = guest {
                    link.welcome(guest.clone());
                }
            }
        }
        Ok(arrived)
    }

    /// Verifies a message that arrived, and that its headers agree with it.
    ///
    /// # Errors
    /// The signed refusal.
    pub async fn verify(&self, arrived: Arrived, post: &Post) -> Result<Admitted, Box<Reply>> {
        let (opened, era) = self.look(&arrived.found, post).await?;
        Ok(Admitted {
            found: arrived.found,
            opened,
            era,
        })
    }
}
