//! Saying in MCP's own negotiation that messages are signed, and taking that out again before an
//! unmodified peer sees it.
//!
//! `initialize` (up to 2025-11-25) and `server/discover` (2026-07-28) answer with `capabilities`;
//! the client's stand in `initialize`'s parameters or in each request's `_meta`. The extension
//! stands under `capabilities.extensions`, for draft-00 peers under `capabilities.mcps`.

use mcps_core::envelope::{Carrier, EXTENSION, VERSION};
use mcps_core::json::{Object, Value};
use mcps_core::level::TrustLevel;
use mcps_core::message::{self, Kind, Message};
use mcps_core::refusal::Refusal;

use crate::link::line_limits;

/// Where 2026-07-28 puts the client's capabilities in each request.
const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// What an end says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Announcement {
    /// How its envelopes travel.
    pub carrier: Carrier,
    /// A server's minimum level for callers.
    pub min_level: Option<TrustLevel>,
    /// How long a client is to remember that this server signs, in seconds.
    pub max_age_s: Option<u64>,
}

/// What was read of the other end's announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// How long to remember that it signs, in seconds.
    pub max_age_s: u64,
}

/// Methods whose answer carries the server's capabilities.
#[must_use]
pub fn is_negotiation(method: &str) -> bool {
    matches!(method, "initialize" | "server/discover")
}

fn capabilities(message: &Message) -> Option<Object<'_>> {
    let value = match message.kind() {
        Kind::Response => message.result()?.get("capabilities"),
        Kind::Request if message.method().as_deref() == Some("initialize") => {
            message.params()?.get("capabilities")
        }
        Kind::Request => message.meta()?.get(CLIENT_CAPABILITIES),
        Kind::Notification | Kind::Error => None,
    };
    value.and_then(Value::as_object)
}

fn edited(text: String) -> Result<Message, Refusal> {
    Message::parse_with(text.into_bytes(), line_limits())
}

/// Adds the announcement, where the message has capabilities to hold it.
///
/// # Errors
/// [`Refusal::Envelope`] when the message already claims to be announced: only this end may.
pub fn add(message: Message, own: Announcement) -> Result<Message, Refusal> {
    let Some(held) = capabilities(&message) else {
        return Ok(message);
    };
    let mut text = message.text().to_owned();
    let mut value = format!(r#"{{"version":"{VERSION}""#);
    if let Some(level) = own.min_level {
        value.push_str(&format!(r#","min_trust_level":{}"#, level.number()));
    }
    if let Some(age) = own.max_age_s {
        value.push_str(&format!(r#","max_age_s":{age}"#));
    }
    let claimed = Refusal::Envelope("the message announces signing by itself");
    match (own.carrier, held.get("extensions")) {
        (Carrier::Draft00, _) => {
            if held.get("mcps").is_some() {
                return Err(claimed);
            }
            message::insert_first(&mut text, held, "mcps", &format!("{value}}}"));
        }
        (Carrier::Native, Some(extensions)) => {
            let Some(extensions) = extensions.as_object() else {
                return Ok(message);
            };
            if extensions.get(EXTENSION).is_some() {
                return Err(claimed);
            }
            message::insert_first(&mut text, extensions, EXTENSION, &format!("{value}}}"));
        }
        (Carrier::Native, None) => {
            let created = format!(r#"{{"{EXTENSION}":{value},"created":true}}}}"#);
            message::insert_first(&mut text, held, "extensions", &created);
        }
    }
    edited(text)
}

/// Reads the other end's announcement and takes it out.
///
/// # Errors
/// [`Refusal::NoMutualVersion`] for a version that is not ours.
pub fn take(message: Message) -> Result<(Message, Option<Announced>), Refusal> {
    let Some(held) = capabilities(&message) else {
        return Ok((message, None));
    };
    let mut text = message.text().to_owned();
    let extensions = held.get("extensions").and_then(Value::as_object);
    let native =
        extensions.and_then(|extensions| Some((extensions, extensions.member(EXTENSION)?)));
    let value = if let Some((extensions, member)) = native {
        let value = member.value();
        let created = value.get("created").and_then(Value::as_bool) == Some(true);
        match held.member("extensions") {
            Some(whole) if created && extensions.len() == 1 => {
                message::remove(&mut text, held, whole)
            }
            _ => message::remove(&mut text, extensions, member),
        }
        value
    } else if let Some(member) = held.member("mcps") {
        message::remove(&mut text, held, member);
        member.value()
    } else {
        return Ok((message, None));
    };
    if value.get("version").and_then(Value::as_str).as_deref() != Some(VERSION) {
        return Err(Refusal::NoMutualVersion);
    }
    let max_age = value
        .get("max_age_s")
        .and_then(Value::as_i64)
        .and_then(|age| u64::try_from(age).ok());
    Ok((
        edited(text)?,
        Some(Announced {
            max_age_s: max_age.unwrap_or(0),
        }),
    ))
}

#[cfg(test)]
mod tests;
