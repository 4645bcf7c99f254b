//! What was agreed on with the server, and what each request says of it in its headers. Until
//! 2025-11-25 that is a version and a session for all of them; since 2026-07-28 each message has
//! all of it in itself, mirrored for whoever does not read bodies.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_transport::http::headers::{
    MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, mirrored_member, value,
};

use crate::mirror::Mirrors;
use crate::tools;

/// Where 2026-07-28 puts the protocol version in each request.
const VERSION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";

/// What `initialize` agreed on.
#[derive(Clone, Debug)]
struct Agreed {
    version: Option<HeaderValue>,
    id: Option<HeaderValue>,
}

/// The session, once there is one, or the version that the client's messages name by themselves.
#[derive(Debug, Default)]
pub(super) struct Session {
    agreed: Mutex<Option<Agreed>>,
    modern: Mutex<Option<String>>,
}

impl Session {
    /// Takes note of the verified answer to `initialize`, and of the session that came with it.
    pub(super) fn agree(&self, answer: &Message, id: Option<HeaderValue>) {
        let version = answer
            .result()
            .and_then(|result| result.get("protocolVersion"))
            .and_then(Value::as_str);
        let version = version.and_then(|version| HeaderValue::from_str(&version).ok());
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Agreed { version, id });
    }

    fn agreed(&self) -> Option<Agreed> {
        let agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        agreed.clone()
    }

    /// Whether this is a connection of 2025-11-25 or earlier.
    pub(super) fn is_legacy(&self) -> bool {
        self.agreed().is_some()
    }

    /// The server's name for the session.
    pub(super) fn id(&self) -> Option<HeaderValue> {
        self.agreed()?.id
    }

    /// The headers of a request that belongs to the session and has no message to mirror.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(Agreed { version, id }) = self.agreed() {
            headers.extend(version.map(|version| (MCP_PROTOCOL_VERSION, version)));
            headers.extend(id.map(|id| (MCP_SESSION_ID, id)));
        }
        headers
    }

    /// The headers that go with a message.
    pub(super) fn headers_for(&self, message: &Message, mirrors: &Mirrors) -> HeaderMap {
        let mut modern = self.modern.lock().unwrap_or_else(PoisonError::into_inner);
        match (message.method(), version(message)) {
            (Some(method), Some(version)) => {
                let headers = mirrored(message, &method, &version, mirrors);
                *modern = Some(version);
                headers
            }
            // It begins a session.
            (Some(method), None) if method == "initialize" => HeaderMap::new(),
            // A notification need not name the version; its headers do.
            (Some(method), None) if !self.is_legacy() => {
                let version = modern.as_deref();
                version.map_or_else(HeaderMap::new, |version| {
                    mirrored(message, &method, version, mirrors)
                })
            }
            _ => self.headers(),
        }
    }
}

/// Whether a message says by itself what it speaks, as since 2026-07-28.
pub(super) fn is_modern(message: &Message) -> bool {
    message.method().is_some() && version(message).is_some()
}

fn version(message: &Message) -> Option<String> {
    let version = message.meta()?.get(VERSION_MEMBER)?;
    version.as_str().map(std::borrow::Cow::into_owned)
}

fn mirrored(message: &Message, method: &str, version: &str, mirrors: &Mirrors) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: &str| {
        // What no header can hold the server refuses, as it would from anybody.
        headers.extend(HeaderValue::from_str(text).ok().map(|value| (name, value)));
    };
    put(MCP_PROTOCOL_VERSION, version);
    put(MCP_METHOD, method);
    let params = message.params();
    let named = mirrored_member(method)
        .and_then(|member| params?.get(member))
        .and_then(Value::as_str);
    if let Some(name) = named {
        headers.insert(MCP_NAME, value::encode(&name));
    }
    if let Some(params) = params.filter(|_| method == tools::CALL) {
        mirrors.add(params, &mut headers);
    }
    headers
}

#[cfg(test)]
mod tests;
