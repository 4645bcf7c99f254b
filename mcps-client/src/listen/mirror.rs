//! What the headers say beside the body. In revision 2026-07-28 they mirror it, and one that
//! disagrees is refused before anything acts on it (*Streamable HTTP: Server Validation*).

use std::borrow::Cow;

use crate::mirror::Mirrors;
use crate::tools;
use http::StatusCode;
use mcps_core::json::Value;
use mcps_core::message::{Kind, Message};
use mcps_transport::http::headers::{HEADER_MISMATCH, McpHeaders, mirrored_member};

/// Where a request of the stateless era names its revision.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Where it names what the client can do.
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Revisions whose sessions are ours to keep.
const LEGACY: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

/// The first revision without them.
const MODERN: &str = "2026-07-28";

/// Which of the two ways of speaking a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Until 2025-11-25: sessions.
    Legacy,
    /// From 2026-07-28 on: each request by itself.
    Modern,
}

/// The revision that a message of the stateless era names.
fn named(message: &Message) -> Option<Cow<'_, str>> {
    message.meta()?.get(VERSION).and_then(Value::as_str)
}

impl Era {
    /// By what the message says, else by its header.
    pub(super) fn of(message: &Message, headers: &McpHeaders) -> Self {
        let header = headers.protocol_version().ok().flatten();
        let legacy = header.is_none_or(|version| LEGACY.contains(&version));
        match named(message) {
            None if legacy => Self::Legacy,
            _ => Self::Modern,
        }
    }
}

/// Whether the headers are of a revision in which they mirror the body. In older ones nobody holds them
/// to it.
pub(super) fn mirrors(headers: &McpHeaders) -> bool {
    let version = headers.protocol_version().ok().flatten();
    version.is_some_and(|version| !LEGACY.contains(&version))
}

/// Whether a client knows events without a message, and comes back for what it missed.
pub(super) fn resumes(headers: &McpHeaders) -> bool {
    headers.protocol_version().ok().flatten() == Some("2025-11-25")
}

/// Whether the headers name a revision that we do not know.
pub(super) fn is_unknown(headers: &McpHeaders) -> bool {
    let version = headers.protocol_version().ok().flatten();
    version.is_some_and(|version| version != MODERN && !LEGACY.contains(&version))
}

/// The status of an answer of the stateless era that is nothing but this error (2026-07-28,
/// *Streamable HTTP: Error Handling*).
pub(super) fn status(error: Option<i64>) -> StatusCode {
    match error {
        Some(-32601) => StatusCode::NOT_FOUND,
        // Parameters; headers; a capability that was not declared; a revision that is not spoken.
        Some(-32602 | -32020 | -32021 | -32022) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// What is wrong with a request before its server sees it: a JSON-RPC error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) number: i64,
    pub(super) why: &'static str,
}

const fn mismatch(why: &'static str) -> Wrong {
    let number = HEADER_MISMATCH as i64;
    Wrong { number, why }
}

/// Whether a request says what its era wants, and its headers agree with its body.
pub(super) fn check(
    message: &Message,
    headers: &McpHeaders,
    era: Era,
    mirrors: &Mirrors,
) -> Result<(), Wrong> {
    let version = headers.protocol_version();
    let version = version.map_err(|_| mismatch("MCP-Protocol-Version is malformed"))?;
    if era == Era::Legacy {
        return match version {
            Some(version) if !LEGACY.contains(&version) => {
                Err(mismatch("MCP-Protocol-Version is unknown"))
            }
            _ => Ok(()),
        };
    }
    if message.kind() != Kind::Request {
        return Ok(());
    }
    stands_alone(message)?;
    if version != named(message).as_deref() {
        return Err(mismatch("MCP-Protocol-Version is not what the body says"));
    }
    let method = headers.method();
    let method = method.map_err(|_| mismatch("Mcp-Method is malformed"))?;
    if method != message.method().as_deref() {
        return Err(mismatch("Mcp-Method is not what the body says"));
    }
    let name = headers.name();
    let name = name.map_err(|_| mismatch("Mcp-Name is malformed"))?;
    let member = match message.method().as_deref() {
        // The extension for tasks (SEP-2663), whose clients need not send it.
        Some("tasks/get" | "tasks/update" | "tasks/cancel") if name.is_none() => None,
        method => method.and_then(mirrored_member),
    };
    let Some(member) = member else {
        return Ok(());
    };
    let mirrored = message.params().and_then(|params| params.get(member));
    if name.as_deref() != mirrored.and_then(Value::as_str).as_deref() {
        return Err(mismatch("Mcp-Name is not what the body says"));
    }
    match message.params() {
        Some(params) if method == Some(tools::CALL) => {
            mirrors.check(params, headers).map_err(mismatch)
        }
        _ => Ok(()),
    }
}

/// Whether a request of the stateless era says all that it must. A server on standard input would
/// take one that does not for a client of the older era, and from then on all others too.
fn stands_alone(message: &Message) -> Result<(), Wrong> {
    let invalid = |why| Wrong {
        number: -32602,
        why,
    };
    if message.method().as_deref() == Some("initialize") {
        return Err(Wrong {
            number: -32601,
            why: "there is no initialize in this revision",
        });
    }
    if named(message).is_none() {
        return Err(invalid(
            "_meta lacks io.modelcontextprotocol/protocolVersion",
        ));
    }
    let capabilities = message.meta().and_then(|meta| meta.get(CAPABILITIES));
    if capabilities.and_then(Value::as_object).is_none() {
        return Err(invalid(
            "_meta lacks io.modelcontextprotocol/clientCapabilities",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
