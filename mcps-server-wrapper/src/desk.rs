//! What one wrapper does with every message, whatever carries it: how callers are judged, and what
//! is added to answers.

use std::sync::Arc;

use mcps_client::announce::{self, Announcement};
use mcps_client::identity::Identity;
use mcps_client::link::{Asked, Link, Plain};
use mcps_client::mirror::Mirrors;
use mcps_client::tools;
use mcps_core::clock::Clock;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;

use crate::wrap::{Mode, WrapOptions};

/// How long a client remembers that this server signs: 30 days.
const MAX_AGE_S: u64 = 30 * 24 * 3600;

/// The settings of a wrapper.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) identity: Arc<Identity>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) announcement: Announcement,
    pub(crate) mode: Mode,
    pub(crate) min_level: TrustLevel,
    /// Which arguments of tool calls travel as headers too.
    pub(crate) mirrors: Arc<Mirrors>,
}

impl Desk {
    pub(crate) fn new(
        options: &WrapOptions,
        identity: &Arc<Identity>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            identity: Arc::clone(identity),
            clock: Arc::clone(clock),
            announcement: Announcement {
                carrier: options.carrier,
                min_level: Some(options.min_level),
                max_age_s: Some(MAX_AGE_S),
            },
            mode: options.mode,
            min_level: options.min_level,
            mirrors: Arc::default(),
        }
    }

    /// What becomes of messages without a signature.
    pub(crate) fn plain(&self) -> Plain {
        if self.min_level == TrustLevel::L0 || self.mode == Mode::Observe {
            Plain::Admit
        } else {
            Plain::Refuse
        }
    }

    /// The level below which callers are refused.
    pub(crate) fn need(&self) -> TrustLevel {
        if self.mode == Mode::Observe {
            TrustLevel::L0
        } else {
            self.min_level
        }
    }

    /// Whether the caller may be sent what the server says: not when the authority has told us that
    /// it was revoked or stopped since it last spoke.
    ///
    /// # Errors
    /// What its next message would be refused with.
    pub(crate) fn may_hear(&self, link: &Link) -> Result<(), Refusal> {
        let held = link.admits_peer();
        match held {
            Err(refusal) if self.mode == Mode::Observe => {
                let code = refusal.code().id();
                tracing::warn!(code, reason = %refusal, "would send nothing more to the caller, {code}: {refusal}");
                Ok(())
            }
            held => held,
        }
    }

    /// Logs that a caller is let through for being observed only.
    pub(crate) fn remark(&self, level: TrustLevel, method: &str) {
        if self.mode == Mode::Observe && level < self.min_level {
            let (have, need) = (level, self.min_level);
            let code = Refusal::TrustTooLow { have, need }.code();
            tracing::warn!(code = code.id(), method, %level, "would refuse with {}: level {level}", code.id());
        }
    }

    /// An answer of the server's as its caller is to have it: to one who does not sign, and of an
    /// error, as it is.
    ///
    /// # Errors
    /// As [`Desk::may_hear`]; [`Refusal::NotBound`] for an answer to nothing that is being served;
    /// what signing a tool fails with.
    pub(crate) fn answer(&self, link: &Link, message: Message) -> Result<Message, Refusal> {
        self.may_hear(link)?;
        let unasked = Refusal::NotBound("it answers nothing that was asked");
        let asked = message.id().and_then(|id| link.served(id)).ok_or(unasked)?;
        if asked.method == tools::LIST {
            self.mirrors.learn(&message);
        }
        if link.is_plain() || message.kind() == Kind::Error {
            return Ok(message);
        }
        self.complete(message, &asked)
    }

    /// What is added to answers: the announcement, and a signature to every tool.
    pub(crate) fn complete(&self, message: Message, asked: &Asked) -> Result<Message, Refusal> {
        if announce::is_negotiation(&asked.method) {
            return announce::add(message, self.announcement);
        }
        if asked.method == tools::LIST {
            let passport = self.identity.passport()?;
            let now = self.clock.now();
            return tools::sign_list(message, passport.as_ref(), self.identity.signer(), now);
        }
        Ok(message)
    }
}
