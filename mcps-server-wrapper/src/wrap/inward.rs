//! From the client to the server.

use mcps_client::announce;
use mcps_client::desk::Mode;
use mcps_client::link::{Opened, Refused};
use mcps_client::relay::{self, Ends};
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Kind, Message};
use mcps_core::refusal::Refusal;
use mcps_transport::error::TransportError;
use mcps_transport::frame::Incoming;

use super::Wrap;

impl Wrap {
    pub(super) async fn inward(
        &self,
        incoming: Incoming,
        ends: &Ends,
    ) -> Result<(), TransportError> {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                tracing::warn!(
                    bytes,
                    "the client sent a line of {bytes} bytes that cannot be a message"
                );
                let why = Refusal::Message("a line that is too long or holds a line end");
                return self.refuse(Refused::unread(why, outline), ends).await;
            }
            Incoming::Truncated { bytes } => {
                tracing::warn!(bytes, "the client closed in the middle of a line; dropped");
                return Ok(());
            }
        };
        let (need, plain) = (self.desk.need(), self.desk.plain());
        match self.link.open(bytes, need, plain).await {
            Ok(opened) => self.pass(opened, ends).await,
            Err(refused) if self.desk.mode == Mode::Observe => self.observe(*refused, ends).await,
            Err(refused) => self.refuse(*refused, ends).await,
        }
    }

    async fn pass(&self, opened: Opened, ends: &Ends) -> Result<(), TransportError> {
        let Opened { message, trust, .. } = opened;
        let level = trust.map_or(TrustLevel::L0, mcps_core::level::Effective::level);
        let method = message
            .method()
            .map(|method| method.into_owned())
            .unwrap_or_default();
        self.desk.remark(level, &method);
        tracing::debug!(method, %level, kind = message.kind().as_str(), "verified");
        self.forward(message, ends).await
    }

    async fn forward(&self, message: Message, ends: &Ends) -> Result<(), TransportError> {
        let id = message.id().cloned();
        match announce::take(message) {
            Ok((message, _)) => relay::send(&ends.server, message.into_text()).await,
            Err(refusal) => match id {
                Some(id) => self.fail(vec![id], refusal.code(), ends).await,
                None => Ok(()),
            },
        }
    }

    /// Logs what enforcing would refuse, and passes it on as far as it can be read.
    async fn observe(&self, refused: Refused, ends: &Ends) -> Result<(), TransportError> {
        let code = refused.refusal.code();
        tracing::warn!(code = code.id(), reason = %refused.refusal, "would refuse with {}: {}", code.id(), refused.refusal);
        if refused.message.is_none() {
            return self.refuse(refused, ends).await;
        }
        match self.link.overlook(refused) {
            Some(message) => self.forward(message, ends).await,
            None => Ok(()),
        }
    }

    /// Whoever waits is told the code and its title: the client for its request, the server for
    /// its own. A notification has nobody to tell.
    async fn refuse(&self, refused: Refused, ends: &Ends) -> Result<(), TransportError> {
        let code = refused.refusal.code();
        let decision_id = self.link.decision_id();
        tracing::warn!(
            code = code.id(), decision_id, reason = %refused.refusal,
            passport_id = refused.req.as_ref().map(|req| req.passport_id.as_str()),
            "refused with {}: {}; {}", code.id(), refused.refusal, code.advice(),
        );
        match refused.kind {
            Some(Kind::Notification) => Ok(()),
            Some(Kind::Response | Kind::Error) => {
                // The server must not wait for an answer that was refused. Only a genuine answer
                // ends its request: anybody could send a forged one.
                let Some(id) = refused
                    .id
                    .filter(|id| refused.authentic && self.link.abandon(id))
                else {
                    return Ok(());
                };
                relay::send(
                    &ends.server,
                    message::error_text(Some(&id), code, &decision_id, ""),
                )
                .await
            }
            Some(Kind::Request) | None => {
                let _order = self.sending.lock().await;
                match self.link.seal_refused(&refused, &decision_id) {
                    Ok(text) => relay::send(&ends.client, text).await,
                    Err(refusal) => {
                        tracing::error!(error = %refusal, "a refusal could not be signed: {refusal}");
                        Ok(())
                    }
                }
            }
        }
    }
}
