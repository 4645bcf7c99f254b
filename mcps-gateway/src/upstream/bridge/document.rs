//! Documents of our own in a server's place, and what is read of a server's.

use mcps_core::code::Code;
use mcps_core::message::{self, Message};
use mcps_core::random::{Random, hex16};
use mcps_transport::http::client::{EventReader, Response};
use mcps_transport::http::headers::McpHeaders;

use super::wording::quoted;

/// The answer to a request.
pub(super) fn answer(asked: &Message, result: &str) -> Option<Message> {
    let id = asked.id()?;
    Message::parse(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#
    ))
    .ok()
}

/// An error of MCP's own.
pub(super) fn error(asked: &Message, number: i64, why: &str) -> Option<Message> {
    let (id, why) = (asked.id()?, quoted(why));
    let text =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{number},"message":{why}}}}}"#);
    Message::parse(text).ok()
}

/// A refusal of the table; the log has why, under the id that the caller is told.
pub(super) fn refusal(
    asked: &Message,
    code: Code,
    random: &dyn Random,
    server: &str,
    why: &str,
) -> Option<Message> {
    // Without randomness nothing can be signed either, so that nothing gets here.
    let decision_id = hex16(random).unwrap_or_default();
    tracing::warn!(
        server,
        code = code.id(),
        decision_id,
        "refused with {}: {why}; {}",
        code.id(),
        code.advice()
    );
    Message::parse(message::error_text(asked.id(), code, &decision_id, "")).ok()
}

/// Taken, and nothing to say about it.
pub(super) fn accepted() -> Response {
    let headers = McpHeaders::default();
    Response::Accepted { headers }
}

/// The next message of a stream; what is none is left out. `None` at its end.
pub(super) async fn next(events: &mut EventReader) -> Option<Message> {
    loop {
        let event = events.next().await.ok()??;
        let data = event.data().filter(|data| !data.is_empty());
        let message = data.and_then(|data| Message::parse(data.to_vec()).ok());
        if message.is_some() {
            return message;
        }
    }
}

/// The answer that a response is or ends with.
pub(super) async fn whole(response: Response) -> Option<Message> {
    let mut events = match response {
        Response::Json { body, .. } | Response::Refused { body, .. } => {
            return Message::parse(body.to_vec()).ok();
        }
        Response::Events { events, .. } => events,
        Response::Accepted { .. } => return None,
    };
    loop {
        let message = next(&mut events).await?;
        if message.method().is_none() {
            return Some(message);
        }
    }
}
