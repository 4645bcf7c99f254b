//! `mcps connect`: an MCP server on our standard input and output for any unmodified client. What
//! the client writes goes out signed; what comes back is verified before the client sees it.

mod deliver;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Id, Kind, Message, Outline};
use mcps_core::random::{Random, hex16};
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;
use mcps_transport::limits::Limits;
use tokio::sync::{Mutex as AsyncMutex, watch};

use crate::announce::{self, Announcement};
use crate::error::ClientError;
use crate::home::Home;
use crate::identity::Identity;
use crate::link::{End, Link, LinkParts, Plain, Wire};
use crate::peers::{self, Peers};
use crate::relay::{self, Ending, Ends, Relay};
use crate::trust_source::{Freshness, TrustSource};
use crate::verify::{Verifier, Window};
use crate::{renewal, tools};

/// The environment variable that tells `mcps-wrap` the session of the one client that started it.
pub const SESSION_ENV: &str = "MCPS_SESSION";

/// Why a line is no message.
const NO_LINE: &str = "a line that is too long, broken off, or holds a line end";

/// What `mcps connect` was asked to do.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The command of the signed server and its arguments.
    pub command: Vec<String>,
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
/// A home that has not enrolled, a command that cannot be started.
pub async fn run(
    home: &Home,
    options: ConnectOptions,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Ending, ClientError> {
    let identity = Arc::new(Identity::load(home, End::Client)?);
    let trust = Arc::new(TrustSource::load(
        home,
        options.freshness,
        Arc::clone(&clock),
        Arc::clone(&random),
    )?);
    let session = hex16(random.as_ref())?;
    let limits = Limits::default();
    let command = relay::command(&options.command).env(SESSION_ENV, &session);
    let key = peers::stdio_key(&options.command);
    let peers = Peers::load(home)?;
    // Now, not at the first list: what cannot be read now must be mended before anything is pinned.
    tools::load_pins(home)?;
    let plain = if options.allow_unsigned && !peers.must_sign(&key, clock.as_ref()) {
        Plain::Admit
    } else {
        Plain::Refuse
    };
    let link = Link::new(LinkParts {
        end: End::Client,
        wire: Wire::Stdio,
        carrier: options.carrier,
        identity: Arc::clone(&identity),
        verifier: Verifier {
            trust: Arc::clone(&trust),
            // Answers are bound to this session, which did not exist before.
            replay: Arc::new(ReplayGuard::since(
                options.window.replay_limits(),
                mcps_core::clock::Timestamp::from_millis(0),
            )),
            clock: Arc::clone(&clock),
            window: options.window,
        },
        clock: Arc::clone(&clock),
        random,
        session: Some(session),
    });
    let connect = Connect {
        link,
        home: home.clone(),
        clock: Arc::clone(&clock),
        carrier: options.carrier,
        min_server_level: options.min_server_level,
        plain,
        key,
        peers: Mutex::new(peers),
        withheld: Mutex::default(),
        sending: AsyncMutex::new(()),
        opening: Mutex::new(Opening::NotSent),
        answered: watch::Sender::new(false),
        unproven: Mutex::new(Refusal::Unsigned),
        broken: Mutex::new(false),
    };
    tracing::info!(
        passport_id = %identity.id()?, carrier = %options.carrier,
        "signing as {} for: {}", identity.passport()?.agent_name(), relay::shown(&options.command),
    );
    tokio::select! {
        ending = relay::run(&connect, command, &limits) => Ok(ending?),
        () = renewal::keep(home.clone(), identity, Arc::clone(&clock)) => Err(Refusal::Passport("none is loaded").into()),
        never = trust.follow(home) => match never {},
    }
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
    link: Link,
    home: Home,
    clock: Arc<dyn Clock>,
    carrier: Carrier,
    min_server_level: TrustLevel,
    plain: Plain,
    key: String,
    peers: Mutex<Peers>,
    /// Tools that are not as they were pinned; calls to them are refused here.
    withheld: Mutex<BTreeSet<String>>,
    /// Held while a message is signed and queued, so that the stream goes out in its order. What
    /// comes from the server must never wait for it: the server may be waiting to be read.
    sending: AsyncMutex<()>,
    opening: Mutex<Opening>,
    answered: watch::Sender<bool>,
    /// Why the server's first answer was refused.
    unproven: Mutex<Refusal>,
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
        let waiting = self.link.take_asked();
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
    /// Tells the client, unsigned as everything towards it, that a call failed.
    async fn answer(
        &self,
        id: Option<&Id>,
        code: Code,
        reason: &str,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        let decision_id = self.link.decision_id();
        tracing::warn!(
            code = code.id(),
            decision_id,
            reason,
            "refused with {}: {reason}; {}",
            code.id(),
            code.advice()
        );
        relay::send(
            &ends.client,
            message::error_text(id, code, &decision_id, ""),
        )
        .await
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
                if self.link.served(&id).is_some() && self.may_hear().await =>
            {
                let decision_id = self.link.decision_id();
                tracing::warn!(
                    code = code.id(),
                    decision_id,
                    reason,
                    "an answer of the client is not sent: {reason}"
                );
                let _order = self.sending.lock().await;
                match self.link.seal_failure(&id, code, &decision_id) {
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
        let own = Announcement {
            carrier: self.carrier,
            min_level: None,
            max_age_s: None,
        };
        let message = match announce::add(message, own) {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.await_opening(&message, ends).await?;
        if let Err(refusal) = self.may_read(&message).await {
            return Ok(Err(refusal));
        }
        let _order = self.sending.lock().await;
        match self.link.seal(message) {
            Ok(text) => relay::send(&ends.server, text).await.map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn permits(&self, message: &Message) -> Result<(), Refusal> {
        if *self.broken.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Refusal::StreamBroken("it broke before; connect again"));
        }
        if message.method().as_deref() != Some(tools::CALL) {
            return Ok(());
        }
        let name = message
            .params()
            .and_then(|params| params.get("name"))
            .and_then(mcps_core::json::Value::as_str);
        let withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        match name {
            Some(name) if withheld.contains(name.as_ref()) => Err(Refusal::Tool(
                "its definition is not the one that was pinned",
            )),
            _ => Ok(()),
        }
    }

    /// Whether the server may read this: only an opening goes to one that has not proven itself,
    /// and nothing goes to one whose passport does not hold any more.
    async fn may_read(&self, message: &Message) -> Result<(), Refusal> {
        match self.link.holds(self.min_server_level).await {
            Some(held) => held,
            None if is_opening(message) => Ok(()),
            None => {
                let unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
                Err(unproven.clone())
            }
        }
    }

    /// Whether the server may be told that something of the client's does not come.
    async fn may_hear(&self) -> bool {
        let broken = *self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        !broken && matches!(self.link.holds(self.min_server_level).await, Some(Ok(())))
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

    /// A signed `server/discover` of our own (MCP 2026-07-28): whatever comes back, answer or
    /// signed error, names the server's passport.
    fn probe(&self) -> Option<(Id, String)> {
        let number = self.link.decision_id();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"mcps-{number}","method":"server/discover","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"mcps","version":"{}"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#,
            env!("CARGO_PKG_VERSION"),
        );
        let probe = Message::parse(text).ok()?;
        let id = probe.id()?.clone();
        Some((id, self.link.seal(probe).ok()?))
    }
}

/// Whether a message is one that is answered with the server's passport and carries nothing that
/// only the server may read.
fn is_opening(message: &Message) -> bool {
    let negotiates = message
        .method()
        .as_deref()
        .is_some_and(announce::is_negotiation);
    negotiates && message.kind() == Kind::Request
}
