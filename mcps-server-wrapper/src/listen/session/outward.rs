//! From the server to whoever waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use mcps_client::{relay, tools};
use mcps_core::code::Code;
use mcps_core::message::{self, Id, Kind, Message, Outline};
use mcps_transport::frame::Incoming;

use super::{Session, WAITING, WAITING_BYTES};
use crate::listen::exchange::Exchange;

/// Where 2026-07-28 names the subscription that a notification belongs to.
pub(in crate::listen) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

impl Session {
    /// Passes on one line of the server's.
    pub(in crate::listen) async fn server_wrote(&self, incoming: Incoming) {
        let bytes = match incoming {
            Incoming::Frame(frame) => frame.into_bytes(),
            Incoming::TooLong { bytes, outline } | Incoming::CarriageReturn { bytes, outline } => {
                tracing::error!(
                    bytes,
                    "the server wrote a line of {bytes} bytes, which cannot be passed on"
                );
                return self.unsent(outline, Code::UpstreamUnavailable, true).await;
            }
            Incoming::Truncated { bytes } => {
                return tracing::error!(bytes, "the server ended in the middle of a line");
            }
        };
        let outline = Outline::of(&bytes);
        match Message::parse(bytes) {
            Ok(message) => self.pass(message).await,
            Err(refusal) => {
                // Servers that print to standard output are common; what is no message is dropped,
                // unless somebody waits for it.
                tracing::warn!(reason = %refusal, "the server wrote something that is no message: {refusal}");
                self.unsent(outline, Code::Malformed, false).await;
            }
        }
    }

    /// The server has gone: whoever waits is told.
    pub(in crate::listen) async fn server_gone(&self) {
        let responses = self.responses();
        if !responses.is_empty() {
            tracing::error!(
                waiting = responses.len(),
                "the server ended with {} calls unanswered",
                responses.len()
            );
        }
        for id in responses.into_keys() {
            self.fail(&id, Code::UpstreamUnavailable).await;
        }
        self.hush().await;
    }

    async fn pass(&self, message: Message) {
        match (message.kind(), message.id().cloned()) {
            (Kind::Response | Kind::Error, Some(id)) => self.answer(id, message).await,
            (Kind::Response | Kind::Error, None) => {
                tracing::warn!("dropped an answer of the server that names no request");
            }
            (Kind::Request | Kind::Notification, _) => self.say(message).await,
        }
    }

    async fn answer(&self, id: Id, message: Message) {
        let asked = self.link.served(&id);
        let (Some(exchange), Some(asked)) = (self.take(&id), asked) else {
            return tracing::warn!("dropped an answer of the server to nothing that was asked");
        };
        if asked.method == tools::LIST {
            self.desk.mirrors.learn(&message);
        }
        let plain = self.link.is_plain() || message.kind() == Kind::Error;
        let message = if plain {
            Ok(message)
        } else {
            self.desk.complete(message, &asked)
        };
        let written = match message {
            Ok(message) => exchange.write(&self.link, message, true).await,
            Err(refusal) => Err(refusal),
        };
        self.touch();
        self.keep_answer(Arc::clone(&exchange));
        match written {
            Ok(true) => {}
            Ok(false) => tracing::debug!("the caller did not wait for an answer"),
            Err(refusal) => {
                tracing::error!(reason = %refusal, "an answer of the server cannot be signed: {refusal}");
                let decision_id = self.link.decision_id();
                let failed = exchange.fail(&self.link, &id, refusal.code(), &decision_id);
                if let Err(refusal) = failed.await {
                    tracing::error!(error = %refusal, "nor can an error: {refusal}");
                }
            }
        }
    }

    /// A message that the server sends by itself: with the response it belongs to, else on the
    /// standing stream, else with the oldest response. Where there is none it waits for one.
    async fn say(&self, message: Message) {
        let target = self.target(&message);
        match target {
            Some(exchange) if exchange.is_open().await => {
                self.write(&exchange, message, false).await;
            }
            _ if self.shared => tracing::debug!("nobody listens to what the server said"),
            _ => self.keep(message),
        }
    }

    fn target(&self, message: &Message) -> Option<Arc<Exchange>> {
        let about = subscription(message).or_else(|| self.link.about(message));
        let state = self.state();
        let of = |id: Id| {
            let mut found = state.exchanges.iter().filter(|(own, _)| *own == id);
            found.next().map(|(_, exchange)| Arc::clone(exchange))
        };
        let about = about.and_then(of);
        if self.shared {
            // What belongs to no request is nobody's.
            return about;
        }
        about.or_else(|| state.standing.clone()).or_else(|| {
            state
                .exchanges
                .first()
                .map(|(_, exchange)| Arc::clone(exchange))
        })
    }

    fn keep(&self, message: Message) {
        let mut state = self.state();
        state.waiting.push_back(message);
        let bytes = |waiting: &VecDeque<Message>| -> usize {
            waiting.iter().map(|message| message.text().len()).sum()
        };
        while state.waiting.len() > WAITING || bytes(&state.waiting) > WAITING_BYTES {
            state.waiting.pop_front();
            tracing::debug!("nobody listens to the server; its oldest message is dropped");
        }
    }

    /// Tells whoever waits for something that does not go out. Of a line that does not say what it
    /// is, anybody may be who waits: `any` fails them all.
    async fn unsent(&self, outline: Outline, code: Code, any: bool) {
        if any && outline == Outline::default() {
            for id in self.responses().into_keys() {
                self.fail(&id, code).await;
            }
            return;
        }
        match (outline.kind, outline.id) {
            (Some(Kind::Response | Kind::Error), Some(id)) => self.fail(&id, code).await,
            (Some(Kind::Request), Some(id)) => {
                let text = message::error_text(Some(&id), code, &self.link.decision_id(), "");
                // A server that has gone needs no answer.
                drop(relay::send(&self.to_server, text).await);
            }
            _ => {}
        }
    }
}

fn subscription(message: &Message) -> Option<Id> {
    message.meta()?.get(SUBSCRIPTION).and_then(Id::from_value)
}
