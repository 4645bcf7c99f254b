//! What stands between the client and one server, whatever carries the messages: who the server
//! must be, which of its tools are as they were pinned, and what it said of itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use mcps_core::clock::{Clock, Timestamp};
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Id, Kind, Message};
use mcps_core::random::Random;
use mcps_core::refusal::Refusal;
use mcps_core::replay::ReplayGuard;
use mcps_transport::error::TransportError;
use mcps_transport::pipe::Sender;

use super::Terms;
use crate::announce::{self, Announcement};
use crate::error::ClientError;
use crate::home::Home;
use crate::identity::Identity;
use crate::link::{Asked, End, Link, LinkParts, Plain, Wire};
use crate::peers::Peers;
use crate::trust_source::TrustSource;
use crate::verify::Verifier;
use crate::{relay, tools};

/// The link to a server and all that is held against what comes over it.
pub(super) struct Guard {
    pub(super) link: Link,
    pub(super) min_server_level: TrustLevel,
    pub(super) plain: Plain,
    home: Home,
    clock: Arc<dyn Clock>,
    carrier: Carrier,
    /// The name under which the server is remembered.
    key: String,
    peers: Mutex<Peers>,
    /// Tools that are not as they were pinned; calls to them are refused here.
    withheld: Mutex<BTreeSet<String>>,
    /// Why the server's first answer was refused.
    unproven: Mutex<Refusal>,
}

/// What a guard is made of, beside its terms.
pub(super) struct GuardParts<'a> {
    pub(super) home: &'a Home,
    pub(super) identity: Arc<Identity>,
    pub(super) trust: Arc<TrustSource>,
    pub(super) wire: Wire,
    pub(super) key: String,
    pub(super) session: String,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl Guard {
    /// Before the first message.
    pub(super) fn new(parts: GuardParts<'_>, terms: &Terms) -> Result<Self, ClientError> {
        let GuardParts { home, clock, .. } = parts;
        let peers = Peers::load(home)?;
        // Now, not at the first list: what cannot be read now must be mended before anything is
        // pinned.
        tools::load_pins(home)?;
        let plain = if terms.allow_unsigned && !peers.must_sign(&parts.key, clock.as_ref()) {
            Plain::Admit
        } else {
            Plain::Refuse
        };
        let link = Link::new(LinkParts {
            end: End::Client,
            wire: parts.wire,
            carrier: terms.carrier,
            identity: parts.identity,
            verifier: Verifier {
                trust: parts.trust,
                // Answers are bound to this session, which did not exist before.
                replay: Arc::new(ReplayGuard::since(
                    terms.window.replay_limits(),
                    Timestamp::from_millis(0),
                )),
                clock: Arc::clone(&clock),
                window: terms.window,
            },
            clock: Arc::clone(&clock),
            random: parts.random,
            session: Some(parts.session),
        });
        Ok(Self {
            link,
            min_server_level: terms.min_server_level,
            plain,
            home: home.clone(),
            clock,
            carrier: terms.carrier,
            key: parts.key,
            peers: Mutex::new(peers),
            withheld: Mutex::default(),
            unproven: Mutex::new(Refusal::Unsigned),
        })
    }

    /// Tells the client, unsigned as everything towards it, that a call failed.
    pub(super) async fn answer(
        &self,
        id: Option<&Id>,
        code: Code,
        reason: &str,
        client: &Sender,
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
        relay::send(client, message::error_text(id, code, &decision_id, "")).await
    }

    /// A message of the client's with our announcement, where it has room for one.
    pub(super) fn announced(&self, message: Message) -> Result<Message, Refusal> {
        let own = Announcement {
            carrier: self.carrier,
            min_level: None,
            max_age_s: None,
        };
        announce::add(message, own)
    }

    /// Whether the client may call this: not a tool that is withheld.
    pub(super) fn permits(&self, message: &Message) -> Result<(), Refusal> {
        if message.method().as_deref() != Some(tools::CALL) {
            return Ok(());
        }
        let name = message
            .params()
            .and_then(|params| params.get("name"))
            .and_then(Value::as_str);
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
    pub(super) async fn may_read(&self, message: &Message) -> Result<(), Refusal> {
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
    pub(super) async fn may_hear(&self) -> bool {
        matches!(self.link.holds(self.min_server_level).await, Some(Ok(())))
    }

    /// Takes note of why the server has not proven itself.
    pub(super) fn is_unproven(&self, refusal: &Refusal) {
        let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
        *unproven = refusal.clone();
    }

    /// A `server/discover` of our own (MCP 2026-07-28): whatever comes back, answer or signed
    /// error, names the server's passport.
    pub(super) fn probe(&self) -> Option<Message> {
        let number = self.link.decision_id();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":"mcps-{number}","method":"server/discover","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"mcps","version":"{}"}},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#,
            env!("CARGO_PKG_VERSION"),
        );
        Message::parse(text).ok()
    }

    /// A signed answer to a negotiation must announce signing; one to a list has its tools checked.
    pub(super) fn check_answer(&self, message: Message, asked: &Asked) -> Result<Message, Refusal> {
        if announce::is_negotiation(&asked.method) {
            let (message, announced) = announce::take(message)?;
            let announced = announced.ok_or(Refusal::NoMutualVersion)?;
            self.remember(announced.max_age_s);
            return Ok(message);
        }
        if asked.method == tools::LIST {
            return self.check_tools(message);
        }
        Ok(message)
    }

    fn remember(&self, max_age_s: u64) {
        let Some(peer) = self.link.peer() else { return };
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = peers.remember(
            &self.key,
            peer.passport.agent_name(),
            max_age_s,
            self.clock.as_ref(),
        );
        if let Err(error) = remembered {
            tracing::warn!(error = %error, "cannot remember that this server signs: {error}");
        }
    }

    fn check_tools(&self, message: Message) -> Result<Message, Refusal> {
        let Some(peer) = self.link.peer() else {
            return Err(Refusal::Unsigned);
        };
        let now = self.clock.now();
        let checked = tools::change_pins(&self.home, |pins| {
            Ok(tools::check_list(message, &peer.passport, pins, now)?)
        });
        let checked = checked.map_err(|error| match error {
            ClientError::Refused(refusal) => refusal,
            // A pin that is not kept would be taken anew next time, from whoever then answers.
            error => {
                tracing::error!(error = %error, "pins cannot be kept: {error}");
                Refusal::Tool("pins cannot be kept")
            }
        })?;
        let mut names = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &checked.passed {
            names.remove(name);
        }
        for tool in &checked.withheld {
            tracing::error!(
                tool = tool.name, code = tool.refusal.code().id(), reason = %tool.refusal,
                "tool {:?} is withheld, {}: {}; look at it with: mcps tool list", tool.name, tool.refusal.code().id(), tool.refusal,
            );
            names.insert(tool.name.clone());
        }
        Ok(checked.message)
    }
}

/// Whether a message is one that is answered with the server's passport and carries nothing that
/// only the server may read.
pub(super) fn is_opening(message: &Message) -> bool {
    let negotiates = message
        .method()
        .as_deref()
        .is_some_and(announce::is_negotiation);
    negotiates && message.kind() == Kind::Request
}

/// The server's end forgot our passport and asks for the whole of it.
pub(super) fn wants_passport(message: &Message) -> bool {
    let data = message.error().and_then(|error| error.get("data"));
    let want = data
        .and_then(|data| data.get("want"))
        .and_then(Value::as_str);
    message.kind() == Kind::Error && want.as_deref() == Some("passport")
}
