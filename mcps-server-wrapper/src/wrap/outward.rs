//! From the server to the client.

use mcps_client::relay::{self, Ends};
use mcps_core::code::Code;
use mcps_core::message::{self, Kind, Message, Outline};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;

use super::Wrap;

impl Wrap {
    pub(super) async fn outward(
        &self,
        incoming: Incoming,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                tracing::error!(
                    bytes,
                    "the server wrote a line of {bytes} bytes, which cannot be passed on"
                );
                return self.unpassed(outline, ends).await;
            }
            Incoming::Truncated { bytes } => {
                tracing::error!(bytes, "the server ended in the middle of a line");
                return Ok(());
            }
        };
        let length = bytes.len();
        let outline = Outline::of(&bytes);
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(refusal) => {
                // Servers that print to standard output are common; what is no message is dropped,
                // unless somebody waits for it.
                tracing::warn!(bytes = length, reason = %refusal, "the server wrote something that is no message: {refusal}");
                return self.unsent(outline, Code::Malformed, ends).await;
            }
        };
        let (kind, id) = (Some(message.kind()), message.id().cloned());
        match self.sign(message, ends).await? {
            Ok(()) => Ok(()),
            Err(Refusal::NotBound(why)) => {
                tracing::warn!(reason = why, "dropped an answer of the server: {why}");
                Ok(())
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "a message of the server is not sent: {refusal}");
                self.unsent(Outline { kind, id }, refusal.code(), ends)
                    .await
            }
        }
    }

    /// The same for a line that is too long to be read. If it does not say what it is, it may be
    /// the answer to any call in flight.
    async fn unpassed(&self, outline: Outline, ends: &Ends) -> Result<(), TransportError> {
        if outline == Outline::default() {
            let serving = self.link.serving();
            tracing::error!(
                waiting = serving.len(),
                "it may answer any call in flight, so all of them fail"
            );
            return self.fail(serving, Code::UpstreamUnavailable, ends).await;
        }
        self.unsent(outline, Code::UpstreamUnavailable, ends).await
    }

    /// Tells whoever waits for something that does not go out: the client for an answer, the
    /// server for the answer to a request of its own.
    async fn unsent(
        &self,
        Outline { kind, id }: Outline,
        code: Code,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        match (kind, id) {
            (Some(Kind::Response | Kind::Error), Some(id)) if self.link.served(&id).is_some() => {
                self.fail(vec![id], code, ends).await
            }
            (Some(Kind::Request), Some(id)) => {
                let decision_id = self.link.decision_id();
                tracing::warn!(
                    code = code.id(),
                    decision_id,
                    "a request of the server failed"
                );
                let error = message::error_text(Some(&id), code, &decision_id, "");
                relay::send(&ends.server, error).await
            }
            _ => Ok(()),
        }
    }

    async fn sign(
        &self,
        message: Message,
        ends: &Ends,
    ) -> Result<Result<(), Refusal>, TransportError> {
        if let Err(refusal) = self.desk.may_hear(&self.link) {
            return Ok(Err(refusal));
        }
        let asked = message.id().and_then(|id| self.link.served(id));
        let message =
            match asked.filter(|_| message.kind() == Kind::Response && !self.link.is_plain()) {
                Some(asked) => self.desk.complete(message, &asked),
                None => Ok(message),
            };
        let message = match message {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let _order = self.sending.lock().await;
        match self.link.seal(message) {
            Ok(text) => relay::send(&ends.client, text).await.map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}
