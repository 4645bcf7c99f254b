//! What a GET or DELETE of Streamable HTTP asks for, as a message that can be signed: neither has a
//! body, and whoever read a session's id must not be able to listen to it or to end it.

use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_core::refusal::Refusal;

/// The header that carries the signed message, in base64url without padding (RFC 4648 §5).
pub const HEADER: &str = "mcps-envelope";
/// Its method.
const METHOD: &str = "dev.mcps/fetch";

/// One such request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// `GET` or `DELETE`.
    pub method: String,
    /// `Mcp-Session-Id`.
    pub session: String,
    /// `Last-Event-ID`, where a stream is resumed.
    pub last_event_id: Option<String>,
}

impl Fetch {
    /// As a notification, to be sealed as if it were posted.
    ///
    /// # Errors
    /// Never for a session id and an event id that a header can hold.
    pub fn message(&self) -> Result<Message, Refusal> {
        let mut params = serde_json::json!({"method": self.method, "session": self.session});
        if let (Some(id), Some(params)) = (&self.last_event_id, params.as_object_mut()) {
            params.insert("lastEventId".to_owned(), id.as_str().into());
        }
        let message = serde_json::json!({"jsonrpc": "2.0", "method": METHOD, "params": params});
        Message::parse(message.to_string())
    }

    /// From the message that came; `None` for any other.
    #[must_use]
    pub fn read(message: &Message) -> Option<Self> {
        let is_one =
            message.kind() == Kind::Notification && message.method().as_deref() == Some(METHOD);
        let params = message.params().filter(|_| is_one)?.as_object()?;
        let text = |name: &str| {
            let value = params.get(name).and_then(Value::as_str);
            value.map(std::borrow::Cow::into_owned)
        };
        Some(Self {
            method: text("method")?,
            session: text("session")?,
            last_event_id: text("lastEventId"),
        })
    }
}

#[cfg(test)]
mod tests;
