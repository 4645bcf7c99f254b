//! What `mcps connect` does with what the server's end sent.

use std::sync::PoisonError;

use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;

use super::{Connect, Opening};
use crate::link::{Asked, Opened, Refused};
use crate::relay::{self, Ends};
use crate::{announce, tools};

impl Connect {
    pub(super) async fn deliver(
        &self,
        incoming: Incoming,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes }
            | Incoming::CarriageReturn { bytes }
            | Incoming::Truncated { bytes } => {
                tracing::error!(
                    bytes,
                    "the server sent a line of {bytes} bytes that cannot be a message"
                );
                let refused = Refused::unread(Refusal::Message(
                    "a line that is too long, broken off, or holds a line end",
                ));
                return self.refuse(refused, ends).await;
            }
        };
        if self.is_broken() {
            return Ok(());
        }
        match self
            .link
            .open(bytes, self.min_server_level, self.plain)
            .await
        {
            Ok(opened) => self.pass(opened, ends).await,
            Err(refused) => self.refuse(*refused, ends).await,
        }
    }

    fn is_broken(&self) -> bool {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, opened: Opened, ends: &Ends) -> Result<(), TransportError> {
        let Opened {
            message,
            trust,
            asked,
        } = opened;
        if self.answers_probe(&message).await {
            return Ok(());
        }
        if wants_passport(&message) {
            self.link.show_passport();
        }
        let id = message.id().cloned();
        let checked = match (&asked, trust) {
            (Some(asked), Some(_)) if message.kind() == Kind::Response => {
                self.check_answer(message, asked)
            }
            _ => Ok(message),
        };
        match checked {
            Ok(message) => relay::send(&ends.client, message.into_text()).await,
            Err(refusal) => {
                self.answer(id.as_ref(), refusal.code(), &refusal.to_string(), ends)
                    .await
            }
        }
    }

    /// The answer to our own question goes no further.
    async fn answers_probe(&self, message: &Message) -> bool {
        let mut opening = self.sending.lock().await;
        let ours = matches!(&*opening, Opening::Probed(id) if message.id() == Some(id));
        if ours {
            *opening = Opening::Sent;
        }
        ours
    }

    /// A signed answer to a negotiation must announce signing; one to a list has its tools checked.
    fn check_answer(&self, message: Message, asked: &Asked) -> Result<Message, Refusal> {
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
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = tools::check_list(message, &peer.passport, &mut pins, self.clock.now())?;
        let mut names = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        for tool in &checked.withheld {
            tracing::error!(
                tool = tool.name, code = tool.refusal.code().id(), reason = %tool.refusal,
                "tool `{}` is withheld, {}: {}; look at it with: mcps tool list", tool.name, tool.refusal.code().id(), tool.refusal,
            );
            names.insert(tool.name.clone());
        }
        if checked.pinned || !checked.withheld.is_empty() {
            let saved = tools::save_pins(&self.home, &pins);
            // A pin that is not kept would be taken anew next time, from whoever then answers.
            saved.map_err(|error| {
                tracing::error!(error = %error, "pins cannot be saved: {error}");
                Refusal::Tool("pins cannot be saved")
            })?;
        }
        Ok(checked.message)
    }

    /// Nothing that is not verified reaches the client; whoever waits for it is told.
    async fn refuse(&self, refused: Refused, ends: &Ends) -> Result<(), TransportError> {
        let (code, reason) = (refused.refusal.code(), refused.refusal.to_string());
        if refused.authentic && matches!(refused.refusal, Refusal::Replayed | Refusal::NotBound(_))
        {
            tracing::warn!(
                code = code.id(),
                reason,
                "dropped what the server sent, {}: {reason}",
                code.id()
            );
            return match refused.id.filter(|_| code == Code::NotBound) {
                Some(id) if self.link.abandon(&id) => {
                    self.answer(Some(&id), code, &reason, ends).await
                }
                _ => Ok(()),
            };
        }
        let answers = matches!(refused.kind, Some(Kind::Response | Kind::Error));
        let waiting = refused
            .id
            .filter(|id| (answers || refused.kind.is_none()) && self.link.abandon(id));
        let known = self.link.peer().is_some();
        if !known && waiting.is_none() && !matches!(refused.refusal, Refusal::Unsigned) {
            // Programs that start servers print to standard output before they do.
            tracing::warn!(
                code = code.id(),
                reason,
                "ignored a line before the server's first message: {reason}"
            );
            return Ok(());
        }
        if let Some(id) = waiting {
            self.answer(Some(&id), code, &reason, ends).await?;
        } else {
            tracing::error!(
                code = code.id(),
                reason,
                "refused what the server sent, {}: {reason}",
                code.id()
            );
        }
        if known {
            return self.break_off(ends).await;
        }
        Ok(())
    }

    /// After a message that was not the server's, nothing more is delivered.
    async fn break_off(&self, ends: &Ends) -> Result<(), TransportError> {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        tracing::error!(
            "the connection to the server was tampered with; nothing more is delivered, connect again"
        );
        for id in self.link.take_asked() {
            self.answer(Some(&id), Code::StreamBroken, "the stream broke", ends)
                .await?;
        }
        Ok(())
    }
}

/// The server's end forgot our passport and asks for the whole of it.
fn wants_passport(message: &Message) -> bool {
    let data = message.error().and_then(|error| error.get("data"));
    let want = data
        .and_then(|data| data.get("want"))
        .and_then(Value::as_str);
    message.kind() == Kind::Error && want.as_deref() == Some("passport")
}
