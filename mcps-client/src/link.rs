//! One connection to one peer, seen from either end: what goes out is signed, counted and bound;
//! what comes in is verified, in order, and bound to what was asked.
//!
//! Over stdio a link is used by two tasks, one per direction. [`Link::seal`] is called under the
//! lock that also writes, so that the stream is signed in the order in which it is sent. Over HTTP
//! what is posted stands by itself ([`Link::seal_post`], [`Link::open_post`]) and each response is a
//! stream ([`Body`], [`Link::seal_into`], [`Link::open_from`]).

mod body;
mod guest;
mod opened;
mod outgoing;
mod refused;
mod state;

pub use body::Body;
pub use guest::Guest;
pub use opened::{Opened, Plain};
pub use refused::Refused;
pub use state::{Asked, Peer};

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mcps_core::clock::Clock;
use mcps_core::envelope::Carrier;
use mcps_core::json::Limits;
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Id};
use mcps_core::passport::{Kind, PassportId};
use mcps_core::random::{Random, hex16};
use mcps_core::refusal::Refusal;

use crate::identity::Identity;
use crate::verify::Verifier;
use state::State;

/// The audience of whoever does not know the other's passport yet.
const ANYBODY: &str = "stdio:*";

/// Requests in flight per direction.
pub const MAX_IN_FLIGHT: usize = 10_000;

/// Limits for one line between our own ends: the largest message and room for its envelope.
#[must_use]
pub fn line_limits() -> Limits {
    let message = Limits::default();
    Limits {
        bytes: message.bytes + 64 * 1024,
        depth: message.depth + 2,
    }
}

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Asks: an agent's end.
    Client,
    /// Serves: beside the server.
    Server,
}

impl End {
    /// What passports this end may have.
    pub(crate) const fn speaks(self) -> [Kind; 2] {
        match self {
            Self::Client => [Kind::Agent, Kind::Gateway],
            Self::Server => [Kind::Server, Kind::Gateway],
        }
    }

    /// Whose passports are accepted from the other end.
    const fn expects(self) -> &'static [Kind] {
        match self {
            Self::Client => &[Kind::Server, Kind::Gateway],
            Self::Server => &[Kind::Agent, Kind::Gateway],
        }
    }
}

/// What carries the messages, which decides whom a client's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// Standard input and output: the server is named by its passport.
    #[default]
    Stdio,
    /// HTTP: the server is named by its canonical URI. A client names the first; a server answers
    /// to all of them.
    Http(Vec<String>),
}

impl Wire {
    fn uri(&self) -> Option<&str> {
        match self {
            Self::Stdio => None,
            Self::Http(uris) => uris.first().map(String::as_str),
        }
    }
}

/// One connection's signing and verifying.
#[derive(Debug)]
pub struct Link {
    end: End,
    wire: Wire,
    carrier: Carrier,
    identity: Arc<Identity>,
    verifier: Verifier,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    state: Mutex<State>,
    /// Who the other end is where it does not sign.
    guest: OnceLock<Guest>,
}

/// What a link is made of.
#[derive(Debug)]
pub struct LinkParts {
    /// Which end we are.
    pub end: End,
    /// What carries the messages.
    pub wire: Wire,
    /// How envelopes travel.
    pub carrier: Carrier,
    /// Who we are.
    pub identity: Arc<Identity>,
    /// How what comes in is verified.
    pub verifier: Verifier,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Nonces.
    pub random: Arc<dyn Random>,
    /// The agent's run: given by the client's end, learnt by the server's unless it was told.
    pub session: Option<String>,
}

impl Link {
    /// A link before its first message.
    #[must_use]
    pub fn new(parts: LinkParts) -> Self {
        Self {
            end: parts.end,
            wire: parts.wire,
            carrier: parts.carrier,
            identity: parts.identity,
            verifier: parts.verifier,
            clock: parts.clock,
            random: parts.random,
            state: Mutex::new(State::new(parts.session)),
            guest: OnceLock::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which end we are.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// The carrier in use.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Who we are.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Whom the other end has proven to be, once it has.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        self.state().peer.clone()
    }

    /// Who the other end is, where something else than a signature says so.
    #[must_use]
    pub fn guest(&self) -> Option<&Guest> {
        self.guest.get()
    }

    /// Takes note of that. It stays the same as long as the link is there.
    pub(crate) fn welcome(&self, guest: Guest) {
        let _ = self.guest.set(guest);
    }

    /// Whether the other end, as far as it is known, is still worth `need`: asked before something
    /// is sent to it that nobody else should read. `None` as long as nobody is known.
    ///
    /// # Errors
    /// What its next message would be refused with.
    pub async fn holds(&self, need: TrustLevel) -> Option<Result<(), Refusal>> {
        let id = {
            let state = self.state();
            match (&state.peer, &state.stranger) {
                (Some(peer), _) if !peer.recognised => {
                    let have = peer.level;
                    let low = Refusal::TrustTooLow { have, need };
                    return Some(if have >= need { Ok(()) } else { Err(low) });
                }
                (Some(peer), _) => peer.passport.id().clone(),
                (None, Some(stranger)) => stranger.clone(),
                (None, None) if state.plain => return Some(Ok(())),
                (None, None) => return None,
            }
        };
        Some(self.verifier.holds(&id, need).await)
    }

    /// Whether the authority has revoked or stopped the other end since it last spoke, as far as it
    /// told us by itself: asked before anything is sent to it. Asks nobody.
    ///
    /// # Errors
    /// What its next message would be refused with.
    pub fn admits_peer(&self) -> Result<(), Refusal> {
        let id = match (&self.state().peer, self.guest()) {
            (Some(peer), _) if peer.recognised => peer.passport.id().clone(),
            (None, Some(guest)) => return self.verifier.trust.admits_guest(guest),
            _ => return Ok(()),
        };
        self.verifier.trust.admits_known(&id)
    }

    /// Whether the other end speaks plain MCP and that was admitted.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let state = self.state();
        state.plain && state.peer.is_none()
    }

    /// Ids of our requests that wait for an answer; after this none do.
    #[must_use]
    pub fn take_asked(&self) -> Vec<Id> {
        self.state().asked.drain().map(|(id, _)| id).collect()
    }

    /// Stops waiting for the answer to one request of ours; whether it was waited for.
    #[must_use]
    pub fn abandon(&self, id: &Id) -> bool {
        self.state().asked.remove(id).is_some()
    }

    /// Stops serving one request of the other end: it wants no answer any more.
    pub fn forget(&self, id: &Id) {
        self.state().serving.remove(id);
    }

    /// What one request of the other end asks, while it is being served.
    #[must_use]
    pub fn served(&self, id: &Id) -> Option<Asked> {
        self.state().serving.get(id).map(|(_, asked)| asked.clone())
    }

    /// The request being served that a message of the server's belongs to, where the message says
    /// so: by its progress token.
    #[must_use]
    pub fn about(&self, message: &message::Message) -> Option<Id> {
        self.state().serving.with_token_of(message)
    }

    /// Takes note of a message that was refused but is passed on by an observer, and returns it.
    /// An answer to it is then bound to it, or goes unsigned to a peer that never signed.
    #[must_use]
    pub fn overlook(&self, refused: Refused) -> Option<message::Message> {
        let message = refused.message?;
        let mut state = self.state();
        state.plain |= state.peer.is_none() && refused.req.is_none();
        if message.kind() == message::Kind::Request {
            state.serving.insert(&message, refused.req).ok()?;
        }
        if let Some(id) = message.id().filter(|_| message.method().is_none()) {
            state.asked.remove(id);
        }
        Some(message)
    }

    /// Ids of the other end's requests that wait for our answer. They stay until answered.
    #[must_use]
    pub fn serving(&self) -> Vec<Id> {
        self.state().serving.ids()
    }

    /// A short random id that ties what a peer is told to what the log says.
    #[must_use]
    pub fn decision_id(&self) -> String {
        hex16(self.random.as_ref())
            .unwrap_or_else(|_| "00000000000000000000000000000000".to_owned())
    }

    /// Whether a message for `aud` is for us. Requests and notifications to a stdio server name
    /// `stdio:` and its passport, the `first` alone may say `stdio:*`, and those to one over HTTP name
    /// its URI; everything else names the receiver's passport, except the error of a server that could not read who asked.
    fn is_addressed(&self, kind: message::Kind, aud: &str, first: bool) -> bool {
        match (self.end, kind) {
            // Bare draft-00 messages name nobody.
            _ if aud.is_empty() => self.carrier == Carrier::Draft00,
            (End::Server, message::Kind::Request | message::Kind::Notification) => match &self.wire
            {
                Wire::Http(uris) => uris.iter().any(|uri| uri == aud),
                Wire::Stdio => {
                    let id = aud.strip_prefix("stdio:");
                    id.is_some_and(|id| self.identity.is_own(id) || (first && id == "*"))
                }
            },
            (End::Client, message::Kind::Error) if aud == self.anybody() => true,
            _ => self.identity.is_own(aud),
        }
    }

    /// Whom a message of ours is for.
    fn audience(&self, kind: message::Kind, peer: Option<&PassportId>) -> String {
        match (self.end, kind, peer) {
            (End::Client, message::Kind::Request | message::Kind::Notification, Some(id)) => {
                let uri = self.wire.uri().map(str::to_owned);
                uri.unwrap_or_else(|| format!("stdio:{id}"))
            }
            (_, _, Some(id)) => id.to_string(),
            (_, _, None) => self.anybody().to_owned(),
        }
    }

    /// The audience where the other's passport is not known: over HTTP whoever uses the URI.
    fn anybody(&self) -> &str {
        self.wire.uri().unwrap_or(ANYBODY)
    }
}

#[cfg(test)]
mod tests;
