//! What `mcps connect` does with what the server's end sent.

use std::sync::PoisonError;

use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;

use super::{Connect, NO_LINE, Opening};
use crate::error::ClientError;
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
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                return self.refuse_line(bytes, outline, ends).await;
            }
            Incoming::Truncated { bytes } => {
                return self.refuse_line(bytes, Outline::default(), ends).await;
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

    async fn refuse_line(
        &self,
        bytes: u64,
        outline: Outline,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        tracing::error!(
            bytes,
            "the server sent a line of {bytes} bytes that cannot be a message"
        );
        let refused = Refused::unread(Refusal::Message(NO_LINE), outline);
        self.refuse(refused, ends).await
    }

    fn is_broken(&self) -> bool {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, opened: Opened, ends: &Ends) -> Result<(), TransportError> {
        let Opened {
            message,
            trust,
            asked,
            ..
        } = opened;
        self.answered.send_replace(true);
        if self.answers_probe(message.id(), Opening::Sent) {
            return Ok(());
        }
        if is_unread(&message) {
            tracing::error!(
                "the server's end could not read something that came to it under our name"
            );
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
    fn answers_probe(&self, answered: Option<&Id>, then: Opening) -> bool {
        let mut opening = self.opening();
        let ours = matches!(&*opening, Opening::Probed(id) if answered == Some(id));
        if ours {
            *opening = then;
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

    /// Nothing that is not verified reaches the client; whoever waits for it is told.
    async fn refuse(&self, refused: Refused, ends: &Ends) -> Result<(), TransportError> {
        let (code, reason) = (refused.refusal.code(), refused.refusal.to_string());
        let known = self.link.peer().is_some();
        let answers = refused
            .kind
            .is_none_or(|kind| matches!(kind, Kind::Response | Kind::Error));
        let twice = refused.refusal == Refusal::Replayed;
        let id = refused.id.as_ref().filter(|_| answers && !twice);
        let waiting = id.filter(|id| self.link.abandon(id));
        if twice || (!known && waiting.is_none() && refused.refusal != Refusal::Unsigned) {
            // Programs that start servers print to standard output before they do.
            tracing::warn!(
                code = code.id(),
                reason,
                "ignored a line from the server: {reason}"
            );
            return Ok(());
        }
        if !known {
            let mut unproven = self.unproven.lock().unwrap_or_else(PoisonError::into_inner);
            *unproven = refused.refusal.clone();
        }
        if !known && refused.refusal == Refusal::Unsigned {
            tracing::error!(
                "the server does not sign with the {} carrier; put `mcps-wrap --` in front of its command, with the same --carrier",
                self.carrier
            );
        }
        match waiting {
            // Whoever asked because of our question is told in its place.
            Some(id) if self.answers_probe(Some(id), Opening::NotSent) => {}
            Some(id) => self.answer(Some(id), code, &reason, ends).await?,
            None => tracing::error!(
                code = code.id(),
                reason,
                "refused what the server sent, {}: {reason}",
                code.id()
            ),
        }
        self.answered.send_replace(true);
        if known && is_tampering(&refused) {
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

/// Whether somebody else had a hand in it. A refusal for what the server's own passport or clock
/// is worth now may pass, and then its next message is delivered.
fn is_tampering(refused: &Refused) -> bool {
    !refused.authentic || matches!(refused.refusal, Refusal::StreamBroken(_))
}

/// A refusal of ours that names no request: of a line that was changed or put in on the way, since
/// what the client writes is read here first.
fn is_unread(message: &Message) -> bool {
    let number = message
        .error()
        .and_then(|error| error.get("code"))
        .and_then(Value::as_i64);
    message.kind() == Kind::Error
        && message.id().is_none()
        && number.and_then(Code::from_jsonrpc).is_some()
}

/// The server's end forgot our passport and asks for the whole of it.
fn wants_passport(message: &Message) -> bool {
    let data = message.error().and_then(|error| error.get("data"));
    let want = data
        .and_then(|data| data.get("want"))
        .and_then(Value::as_str);
    message.kind() == Kind::Error && want.as_deref() == Some("passport")
}
