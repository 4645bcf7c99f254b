//! What a server's end does with every message, whatever carries it: how callers are judged, and
//! what is added to answers.

use std::sync::Arc;

use crate::announce::{self, Announcement};
use crate::identity::Identity;
use crate::link::{Asked, Link, Plain};
use crate::mirror::Mirrors;
use crate::tools;
use mcps_core::clock::Clock;
use mcps_core::envelope::Carrier;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;

/// How long a client remembers that this server signs: 30 days.
const MAX_AGE_S: u64 = 30 * 24 * 3600;

/// Whether refusals bite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Log what would be refused and pass it on: for finding out what enforcing would break.
    Observe,
    /// Refuse.
    #[default]
    Enforce,
}

/// The settings of a server's end.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is said of us in MCP's own negotiation.
    pub announcement: Announcement,
    /// Whether refusals bite.
    pub mode: Mode,
    /// The level from which on callers are admitted.
    pub min_level: TrustLevel,
    /// Which arguments of tool calls travel as headers too.
    pub mirrors: Arc<Mirrors>,
}

impl Desk {
    /// Admits callers from `min_level` on; at L0 those too that do not sign.
    #[must_use]
    pub fn new(
        carrier: Carrier,
        mode: Mode,
        min_level: TrustLevel,
        identity: &Arc<Identity>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        Self {
            identity: Arc::clone(identity),
            clock: Arc::clone(clock),
            announcement: Announcement {
                carrier,
                min_level: Some(min_level),
                max_age_s: Some(MAX_AGE_S),
            },
            mode,
            min_level,
            mirrors: Arc::default(),
        }
    }

    /// What becomes of messages without a signature.
    #[must_use]
    pub fn plain(&self) -> Plain {
        if self.min_level == TrustLevel::L0 || self.mode == Mode::Observe {
            Plain::Admit
        } else {
            Plain::Refuse
        }
    }

    /// The level below which callers are refused.
    #[must_use]
    pub fn need(&self) -> TrustLevel {
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
    pub fn may_hear(&self, link: &Link) -> Result<(), Refusal> {
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
    pub fn remark(&self, level: TrustLevel, method: &str) {
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
    pub fn answer(&self, link: &Link, message: Message) -> Result<Message, Refusal> {
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
    ///
    /// # Errors
    /// As [`announce::add`] and [`tools::sign_list`].
    pub fn complete(&self, message: Message, asked: &Asked) -> Result<Message, Refusal> {
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
