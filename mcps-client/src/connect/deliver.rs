//! What `mcps connect` does with what the server's end sent.

use std::sync::PoisonError;

use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::{Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;

use super::guard::wants_passport;
use super::{Connect, NO_LINE, Opening};
use crate::link::{Opened, Refused};
use crate::relay::{self, Ends};

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
            .guard
            .link
            .open(bytes, self.guard.min_server_level, self.guard.plain)
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
            self.guard.link.show_passport();
        }
        let id = message.id().cloned();
        let checked = match (&asked, trust) {
            (Some(asked), Some(_)) if message.kind() == Kind::Response => {
                self.guard.check_answer(message, asked)
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

    /// Nothing that is not verified reaches the client; whoever waits for it is told.
    async fn refuse(&self, refused: Refused, ends: &Ends) -> Result<(), TransportError> {
        let (code, reason) = (refused.refusal.code(), refused.refusal.to_string());
        let known = self.guard.link.peer().is_some();
        let answers = refused
            .kind
            .is_none_or(|kind| matches!(kind, Kind::Response | Kind::Error));
        let twice = refused.refusal == Refusal::Replayed;
        let id = refused.id.as_ref().filter(|_| answers && !twice);
        let waiting = id.filter(|id| self.guard.link.abandon(id));
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
            self.guard.is_unproven(&refused.refusal);
        }
        if !known && refused.refusal == Refusal::Unsigned {
            tracing::error!(
                "the server does not sign with the {} carrier; put `mcps-wrap --` in front of its command, with the same --carrier",
                self.guard.link.carrier()
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
        for id in self.guard.link.take_asked() {
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
