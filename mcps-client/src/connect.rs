//! `mcps connect`: an MCP server on our standard input and output for any unmodified client. What
//! the client writes goes out signed; what comes back is verified before the client sees it. The
//! signed server is a process that we start, here, or one over HTTP (`remote`).

mod address;
mod deliver;
mod guard;
mod remote;

pub use address::Address;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::random::{Random, hex16};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;
use mcps_transport::limits::Limits;
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::error::ClientError;
use crate::home::Home;
use crate::identity::Identity;
use crate::link::{End, Wire};
use crate::relay::{self, Ending, Ends, Relay};
use crate::token::TokenSource;
use crate::trust_source::{Freshness, TrustSource};
use crate::verify::Window;
use crate::{peers, renewal};
use guard::{Guard, GuardParts, is_opening};

/// The environment variable that tells `mcps-wrap` the session of the one client that started it.
pub const SESSION_ENV: &str = "MCPS_SESSION";

/// Why a line is no message.
const NO_LINE: &str = "a line that is too long, broken off, or holds a line end";

/// What `mcps connect` was asked to do.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where the signed server is.
    pub server: Place,
    /// On what terms.
    pub terms: Terms,
}

/// Where a signed server is.
#[derive(Clone, Debug)]
pub enum Place {
    /// A process that we start: its command and arguments.
    Command(Vec<String>),
    /// At a URL, over Streamable HTTP.
    Url {
        /// Which.
        address: Address,
        /// Certificates that are trusted beside the machine's own, PEM.
        extra_roots: Option<PathBuf>,
        /// The access token that goes with each request, if one does.
        token: Option<TokenSource>,
    },
}

/// What is asked of a server, whatever carries the messages.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How envelopes travel.
    pub carrier: Carrier,
    /// The lowest effective level of a server whose answers are delivered.
    pub min_server_level: TrustLevel,
    /// Whether a server that never signed is tolerated.
    pub allow_unsigned: bool,
    /// How far off timestamps may be.
    pub window: Window,
    /// How often the authority is asked.
    pub freshness: Freshness,
}

/// Runs until the client or the server ends.
///
/// # Errors
/// A home that has not enrolled, a command that cannot be started, a session that the server over
/// HTTP ended.
pub async fn run(
    home: &Home,
    options: ConnectOptions,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Ending, ClientError> {
    let ConnectOptions { server, terms } = options;
    let identity = Arc::new(Identity::load(home, End::Client)?);
    let trust = Arc::new(TrustSource::load(
        home,
        terms.freshness,
        Arc::clone(&clock),
        Arc::clone(&random),
    )?);
    let session = hex16(random.as_ref())?;
    let (wire, key, shown) = match &server {
        Place::Command(words) => (Wire::Stdio, peers::stdio_key(words), relay::shown(words)),
        Place::Url { address, .. } => {
            let uri = address.as_str().to_owned();
            (Wire::Http(vec![uri.clone()]), uri, address.shown())
        }
    };
    let parts = GuardParts {
        home,
        identity: Arc::clone(&identity),
        trust: Arc::clone(&trust),
        wire,
        key,
        session: session.clone(),
        clock: Arc::clone(&clock),
        random,
    };
    let guard = Guard::new(parts, &terms)?;
    tracing::info!(
        passport_id = %identity.id()?, carrier = %terms.carrier,
        "signing as {} for: {shown}", identity.passport()?.agent_name(),
    );
    let limits = Limits::default();
    let relaying = async {
        match server {
            Place::Command(words) => {
                let command = relay::command(&words).env(SESSION_ENV, &session);
                let connect = Connect::new(guard);
                Ok(relay::run(&connect, command, &limits).await?)
            }
            Place::Url {
                address,
                extra_roots,
                token,
            } => remote::run(guard, &address, extra_roots.as_deref(), token, &limits).await,
        }
    };
    let ended = tokio::select! {
        ending = relaying => ending,
        () = renewal::keep(home.clone(), Arc::clone(&identity), Arc::clone(&clock)) => Err(Refusal::Passport("none is loaded").into()),
        never = trust.follow(home, &identity) => match never {},
    };
    trust.store_feed(home);
    ended
}

/// Whether the first message went out, after which the others wait for the server's passport.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Opening {
    NotSent,
    Sent,
    /// We asked for the server's passport ourselves, under this id.
    Probed(Id),
}

struct Connect {
    guard: Guard,
    /// Held while a message is signed and queued, so that the stream goes out in its order. What
    /// comes from the server must never wait for it: the server may be waiting to be read.
    sending: AsyncMutex<()>,
    opening: Mutex<Opening>,
    answered: watch::Sender<bool>,
    broken: Mutex<bool>,
}

impl Relay for Connect {
    async fn client_wrote(&self, incoming: Incoming, ends: &Ends) -> Result<(), TransportError> {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                tracing::warn!(
                    bytes,
                    "the client wrote a line of {bytes} bytes that cannot be sent"
                );
                return self.unsent(outline, &Refusal::Message(NO_LINE), ends).await;
            }
            Incoming::Truncated { bytes } => {
                tracing::warn!(bytes, "the client closed in the middle of a line; dropped");
                return Ok(());
            }
        };
        let outline = Outline::of(&bytes);
        let (outline, refusal) = match Message::parse(bytes) {
            Ok(message) => {
                let (kind, id) = (Some(message.kind()), message.id().cloned());
                match self.send(message, ends).await? {
                    Ok(()) => return Ok(()),
                    Err(refusal) => (Outline { kind, id }, refusal),
                }
            }
            Err(refusal) => (outline, refusal),
        };
        self.unsent(outline, &refusal, ends).await
    }

    async fn server_wrote(&self, incoming: Incoming, ends: &Ends) -> Result<(), TransportError> {
        self.deliver(incoming, ends).await
    }

    async fn server_gone(&self, ends: &Ends) -> Result<(), TransportError> {
        self.answered.send_replace(true);
        let waiting = self.guard.link.take_asked();
        if !waiting.is_empty() {
            tracing::error!(
                waiting = waiting.len(),
                "the server ended with {} calls unanswered",
                waiting.len()
            );
        }
        for id in waiting {
            self.answer(
                Some(&id),
                Code::UpstreamUnavailable,
                "the server ended",
                ends,
            )
            .await?;
        }
        Ok(())
    }
}

impl Connect {
    fn new(guard: Guard) -> Self {
        Self {
            guard,
            sending: AsyncMutex::new(()),
            opening: Mutex::new(Opening::NotSent),
            answered: watch::Sender::new(false),
            broken: Mutex::new(false),
        }
    }

    async fn answer(
        &self,
        id: Option<&Id>,
        code: Code,
        reason: &str,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        self.guard.answer(id, code, reason, &ends.client).await
    }

    /// Tells whoever waits for something that does not go out: the client for the answer to its
    /// request, the server for an answer of the client's.
    async fn unsent(
        &self,
        Outline { kind, id }: Outline,
        refusal: &Refusal,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        let (code, reason) = (refusal.code(), refusal.to_string());
        match (kind, id) {
            (Some(Kind::Request) | None, id) => self.answer(id.as_ref(), code, &reason, ends).await,
            (Some(Kind::Response | Kind::Error), Some(id))
                if self.guard.link.served(&id).is_some() && self.may_hear().await =>
            {
                let decision_id = self.guard.link.decision_id();
                tracing::warn!(
                    code = code.id(),
                    decision_id,
                    reason,
                    "an answer of the client is not sent: {reason}"
                );
                let _order = self.sending.lock().await;
                match self.guard.link.seal_failure(&id, code, &decision_id) {
                    Ok(text) => relay::send(&ends.server, text).await,
                    Err(refusal) => {
                        tracing::error!(error = %refusal, "an error could not be signed: {refusal}");
                        Ok(())
                    }
                }
            }
            _ => {
                tracing::warn!(
                    code = code.id(),
                    reason,
                    "dropped what the client sent: {reason}"
                );
                Ok(())
            }
        }
    }

    /// Signs a message and queues it for the server.
    async fn send(
        &self,
        message: Message,
        ends: &Ends,
    ) -> Result<Result<(), Refusal>, TransportError> {
        if let Err(refusal) = self.permits(&message) {
            // A notification has nobody to answer to.
            return Ok(if message.kind() == Kind::Notification {
                Ok(())
            } else {
                Err(refusal)
            });
        }
        let message = match self.guard.announced(message) {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.await_opening(&message, ends).await?;
        if let Err(refusal) = self.guard.may_read(&message).await {
            return Ok(Err(refusal));
        }
        let _order = self.sending.lock().await;
        match self.guard.link.seal(message) {
            Ok(text) => relay::send(&ends.server, text).await.map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn permits(&self, message: &Message) -> Result<(), Refusal> {
        if *self.broken.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Refusal::StreamBroken("it broke before; connect again"));
        }
        self.guard.permits(message)
    }

    /// Whether the server may be told that something of the client's does not come.
    async fn may_hear(&self) -> bool {
        let broken = *self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        !broken && self.guard.may_hear().await
    }

    /// The first message alone may go out before the server's passport is known, if it is one that
    /// is answered with it. Anything else waits; a client that starts with another request (as the
    /// stateless era allows) waits for a question of our own.
    async fn await_opening(&self, message: &Message, ends: &Ends) -> Result<(), TransportError> {
        let order = self.sending.lock().await;
        if *self.opening() == Opening::NotSent {
            if is_opening(message) {
                *self.opening() = Opening::Sent;
                return Ok(());
            }
            if let Some((id, text)) = self.probe() {
                self.answered.send_replace(false);
                *self.opening() = Opening::Probed(id);
                relay::send(&ends.server, text).await?;
            }
        }
        drop(order);
        let mut answered = self.answered.subscribe();
        // The sender is ours, so this ends with the server's first answer or its end.
        drop(answered.wait_for(|answered| *answered).await);
        Ok(())
    }

    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A signed question of our own, and its id.
    fn probe(&self) -> Option<(Id, String)> {
        let probe = self.guard.probe()?;
        let id = probe.id()?.clone();
        Some((id, self.guard.link.seal(probe).ok()?))
    }
}
