//! The header fields of Streamable HTTP, in both eras. Names are compared without regard to case,
//! values with regard to it (RFC 9110 §5.1; MCP 2026-07-28, *Streamable HTTP: Case Sensitivity*).
//!
//! Revisions 2025-03-26 to 2025-11-25 (*Transports: Streamable HTTP*):
//! - `Mcp-Session-Id`: chosen by the server in its answer to `initialize`, then sent by the client
//!   with every request; visible ASCII (0x21 to 0x7E) only. Missing where one is required: 400.
//!   Unknown or ended: 404, upon which the client starts a new session.
//! - `MCP-Protocol-Version`: with every request after `initialize`, since 2025-06-18. Absent means
//!   2025-03-26; unknown: 400.
//! - `Last-Event-ID`: with a GET that resumes a stream (WHATWG HTML §9.2.4).
//!
//! Revision 2026-07-28 (*Streamable HTTP: Request Metadata*) has neither sessions nor resumption; a
//! server ignores the first and the last of these and answers GET and DELETE with 405. Instead each
//! POST mirrors parts of its body, for what stands between and does not read bodies:
//! - `MCP-Protocol-Version`: required, equal to `_meta["io.modelcontextprotocol/protocolVersion"]`.
//!   A version the server does not speak: 400 and `UnsupportedProtocolVersionError`.
//! - `Mcp-Method`: required with each request, equal to `method`. A method the server does not
//!   implement: 404 and −32601.
//! - `Mcp-Name`: required with `tools/call` and `prompts/get`, where it is `params.name`, and with
//!   `resources/read`, where it is `params.uri`: [`mirrored_member`].
//! - `Mcp-Param-*`: the arguments of a tool whose schema marks them with `x-mcp-header`.
//!
//! The values of the last two may be Base64 between markers: [`value`]. Required and missing,
//! different from the body after decoding, or malformed: 400 and [`HEADER_MISMATCH`]. Headers of
//! *notifications* are not defined by this revision. Whoever reads the body has to compare; that is
//! not done here, where nobody does.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::error::TransportError;

pub mod value;

/// The session that a server of 2025-11-25 and earlier assigned.
pub const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The protocol revision in use.
pub const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The `method` of the message in the body (2026-07-28).
pub const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// What the message in the body is about: [`mirrored_member`] (2026-07-28).
pub const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// After which event a stream is to resume (until 2025-11-25).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What the names of mirrored tool arguments start with (2026-07-28).
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// The JSON-RPC error code `HeaderMismatch`: headers are missing, malformed or differ from the
/// body; answered with status 400 (2026-07-28, *Server Validation*).
pub const HEADER_MISMATCH: i32 = -32020;

/// Which member of `params` the header `Mcp-Name` mirrors for this method, if any (2026-07-28,
/// *Standard Request Headers*; for `tasks/*` SEP-2663, where clients may leave it out).
#[must_use]
pub fn mirrored_member(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// The header that carries the argument marked with `x-mcp-header: name`.
///
/// # Errors
/// [`TransportError::HeaderName`] when `name` is not `1*tchar` (RFC 9110 §5.6.2), so no header can
/// be named after it.
pub fn param_header(name: &str) -> Result<HeaderName, TransportError> {
    if name.is_empty() {
        return Err(TransportError::HeaderName);
    }
    let name = format!("{MCP_PARAM_PREFIX}{name}");
    HeaderName::try_from(name).map_err(|_| TransportError::HeaderName)
}

/// The headers of one request or answer, read as MCP means them. What MCP does not name is in
/// [`raw`](Self::raw).
///
/// Each method answers for its header alone, so that a caller can say which one is wrong, with the
/// code of the era it speaks. A header that must be single is an error when repeated: the two ends
/// of a connection might each believe another one.
#[derive(Clone, Default)]
pub struct McpHeaders(HeaderMap);

impl McpHeaders {
    /// The headers as received.
    #[must_use]
    pub fn new(raw: HeaderMap) -> Self {
        Self(raw)
    }

    /// All of them.
    #[must_use]
    pub fn raw(&self) -> &HeaderMap {
        &self.0
    }

    /// `Mcp-Session-Id`.
    ///
    /// # Errors
    /// [`TransportError::HeaderRepeated`]; [`TransportError::HeaderMalformed`] when it is empty or
    /// not visible ASCII.
    pub fn session_id(&self) -> Result<Option<&str>, TransportError> {
        self.token(MCP_SESSION_ID)
    }

    /// `MCP-Protocol-Version`.
    ///
    /// # Errors
    /// As [`session_id`](Self::session_id).
    pub fn protocol_version(&self) -> Result<Option<&str>, TransportError> {
        self.token(MCP_PROTOCOL_VERSION)
    }

    /// `Mcp-Method`. Never encoded: Base64 is for `Mcp-Name` and `Mcp-Param-*` alone.
    ///
    /// # Errors
    /// As [`session_id`](Self::session_id).
    pub fn method(&self) -> Result<Option<&str>, TransportError> {
        self.token(MCP_METHOD)
    }

    /// `Mcp-Name`, decoded.
    ///
    /// # Errors
    /// [`TransportError::HeaderRepeated`]; [`TransportError::HeaderMalformed`] when it does not
    /// decode.
    pub fn name(&self) -> Result<Option<String>, TransportError> {
        let value = self.single(&MCP_NAME)?;
        value.map(|text| value::decode(&MCP_NAME, text)).transpose()
    }

    /// The mirrored arguments: each name without `Mcp-Param-`, in lower case, and its decoded
    /// value. An empty list when there are none.
    ///
    /// # Errors
    /// As [`name`](Self::name), for the first header that is wrong.
    pub fn params(&self) -> Result<Vec<(String, String)>, TransportError> {
        let mut params = Vec::new();
        for name in self.0.keys() {
            let Some(param) = name.as_str().strip_prefix(MCP_PARAM_PREFIX) else {
                continue;
            };
            if let Some(text) = self.single(name)? {
                params.push((param.to_owned(), value::decode(name, text)?));
            }
        }
        Ok(params)
    }

    /// `Last-Event-ID`: the id of the event after which to resume, as UTF-8 (WHATWG HTML §9.2.4).
    ///
    /// # Errors
    /// [`TransportError::HeaderRepeated`]; [`TransportError::HeaderMalformed`] when it is not
    /// UTF-8.
    pub fn last_event_id(&self) -> Result<Option<&str>, TransportError> {
        let id = self.single(&LAST_EVENT_ID)?.map(std::str::from_utf8);
        id.transpose().map_err(|_| TransportError::HeaderMalformed {
            name: LAST_EVENT_ID,
        })
    }

    fn token(&self, name: HeaderName) -> Result<Option<&str>, TransportError> {
        let Some(value) = self.single(&name)? else {
            return Ok(None);
        };
        let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(value).ok().filter(|_| visible);
        match text {
            Some(text) => Ok(Some(text)),
            None => Err(TransportError::HeaderMalformed { name }),
        }
    }

    fn single(&self, name: &HeaderName) -> Result<Option<&[u8]>, TransportError> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next();
        match values.next() {
            None => Ok(value.map(http::HeaderValue::as_bytes)),
            Some(_) => Err(TransportError::HeaderRepeated { name: name.clone() }),
        }
    }
}

impl From<HeaderMap> for McpHeaders {
    fn from(raw: HeaderMap) -> Self {
        Self(raw)
    }
}

/// Names only: values are credentials, sessions and arguments.
impl fmt::Debug for McpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.keys().map(HeaderName::as_str))
            .finish()
    }
}

#[cfg(test)]
mod tests;
