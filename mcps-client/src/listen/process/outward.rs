//! From the server to whoever waits for it.

use std::sync::Arc;

use crate::link::Link;
use mcps_core::code::Code;
use mcps_core::message::{self, Id, Kind, Message, Outline};
use mcps_core::refusal::Refusal;
use mcps_transport::frame::Incoming;

use super::{Process, WAITING, WAITING_BYTES};
use crate::listen::exchange::Exchange;

/// Where 2026-07-28 names the subscription that a notification belongs to.
pub(in crate::listen) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

impl Process {
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
        let waiting = self.fail_all(Code::UpstreamUnavailable).await;
        if waiting > 0 {
            tracing::error!(waiting, "the server ended with {waiting} calls unanswered");
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
        let Some(exchange) = self.take(&id) else {
            return tracing::warn!("dropped an answer of the server to nothing that was asked");
        };
        let message = exchange.reveal(message);
        let message = message.and_then(|message| self.desk.answer(&exchange.link, message));
        let written = match message {
            Ok(message) => exchange.write(message, true).await,
            Err(refusal) => Err(refusal),
        };
        self.keep_answer(Arc::clone(&exchange));
        match written {
            Ok(true) => {}
            Ok(false) => tracing::debug!("the caller did not wait for an answer"),
            Err(refusal) => {
                tracing::error!(reason = %refusal, "an answer of the server is not sent: {refusal}");
                exchange.fail(refusal.code()).await;
            }
        }
    }

    /// A message that the server sends by itself: with the response it belongs to, else on the
    /// standing stream, else with the oldest response. Where there is none it waits for one. What
    /// belongs to no request of a server that many use is nobody's.
    async fn say(&self, message: Message) {
        match self.target(&message) {
            Some(exchange) if exchange.is_open().await => {
                let read = self.write(&exchange, message).await;
                if self.owner.is_none() && !read {
                    self.give_up(&exchange).await;
                }
            }
            _ if self.owner.is_none() => tracing::debug!("nobody listens to what the server said"),
            _ => self.keep(message),
        }
    }

    fn target(&self, message: &Message) -> Option<Arc<Exchange>> {
        let subscription = message.meta().and_then(|meta| meta.get(SUBSCRIPTION));
        let about = subscription.and_then(Id::from_value);
        let of = |id: Id| {
            let state = self.state();
            let mut all = state.waiting.iter();
            let found = all.find(|waiting| waiting.id == id)?;
            Some(Arc::clone(&found.exchange))
        };
        let Some(owner) = &self.owner else {
            return about.or_else(|| token(message)).and_then(of);
        };
        let about = about.or_else(|| owner.about(message)).and_then(of);
        about.or_else(|| self.beside(owner, message)).or_else(|| {
            let state = self.state();
            let oldest = state.waiting.first().map(|waiting| &waiting.exchange);
            state.standing.as_ref().or(oldest).cloned()
        })
    }

    /// The request that a message belongs to among those few that came on a link of their own.
    fn beside(&self, owner: &Arc<Link>, message: &Message) -> Option<Arc<Exchange>> {
        let state = self.state();
        let mut all = state.waiting.iter().map(|waiting| &waiting.exchange);
        let found = all.find(|exchange| {
            !Arc::ptr_eq(&exchange.link, owner)
                && exchange.link.about(message).as_ref() == exchange.id()
        });
        found.cloned()
    }

    /// Nobody reads the response to a request, so that it is not waited for any more.
    async fn give_up(&self, exchange: &Arc<Exchange>) {
        let id = {
            let state = self.state();
            let mut all = state.waiting.iter();
            let found = all.find(|waiting| Arc::ptr_eq(&waiting.exchange, exchange));
            found.map(|waiting| waiting.id.clone())
        };
        if let Some(id) = id {
            tracing::warn!("a caller who does not read what the server says is cut off");
            self.cancel(&id).await;
        }
    }

    /// Signs and sends what is no answer; whether somebody may read on.
    pub(super) async fn write(&self, exchange: &Exchange, message: Message) -> bool {
        let heard = self.desk.may_hear(&exchange.link);
        let written = match heard.and_then(|()| exchange.reveal(message)) {
            Ok(message) => exchange.write(message, false).await,
            Err(refusal) => Err(refusal),
        };
        match written {
            Ok(read) => read,
            Err(Refusal::NotBound(why)) => {
                tracing::warn!(reason = why, "dropped what the server said: {why}");
                true
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "a message of the server is not sent: {refusal}");
                true
            }
        }
    }

    fn keep(&self, message: Message) {
        let mut state = self.state();
        state.unheard.push_back(message);
        let mut bytes: usize = state.unheard.iter().map(|kept| kept.text().len()).sum();
        while state.unheard.len() > WAITING || bytes > WAITING_BYTES {
            let oldest = state.unheard.pop_front();
            bytes -= oldest.map_or(bytes, |oldest| oldest.text().len());
            tracing::debug!("nobody listens to the server; its oldest message is dropped");
        }
    }

    /// Tells whoever waits for something that does not go out. Of a line that does not say what it
    /// is, anybody may be who waits: `any` fails them all.
    async fn unsent(&self, outline: Outline, code: Code, any: bool) {
        if any && outline == Outline::default() {
            self.fail_all(code).await;
            return;
        }
        match (outline.kind, outline.id) {
            (Some(Kind::Response | Kind::Error), Some(id)) => self.fail(&id, code).await,
            (Some(Kind::Request), Some(id)) => {
                let Some(owner) = &self.owner else { return };
                let text = message::error_text(Some(&id), code, &owner.decision_id(), "");
                // A server that has gone needs no answer.
                self.write_now(text).await;
            }
            _ => {}
        }
    }

    /// Ends all requests under way; how many there were.
    async fn fail_all(&self, code: Code) -> usize {
        let waiting = std::mem::take(&mut self.state().waiting);
        for waiting in &waiting {
            waiting.exchange.fail(code).await;
        }
        waiting.len()
    }
}

/// The request whose progress a message tells, where its token is its id.
fn token(message: &Message) -> Option<Id> {
    let progress = message.method().as_deref() == Some("notifications/progress");
    let params = message.params().filter(|_| progress)?;
    params.get("progressToken").and_then(Id::from_value)
}
