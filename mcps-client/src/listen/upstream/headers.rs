//! Which header fields go on: those of MCP, the access token, and how calls are traced. All others
//! are nobody's business unless somebody said so: no signature covers them.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use mcps_transport::http::headers::{
    MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, MCP_SESSION_ID, McpHeaders,
};

use super::Upstream;
use crate::listen::mirror;

/// What holds a caller's access token.
pub const CREDENTIALS: HeaderName = header::AUTHORIZATION;

/// To the server, beside what begins with `mcp-`. The last three are W3C's Trace Context and Baggage.
const THERE: [HeaderName; 5] = [
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
];

/// To the caller, of an answer.
const BACK: [HeaderName; 2] = [header::RETRY_AFTER, header::ALLOW];
/// To a caller whose credentials the server has: others would get, and send, one for a place that the
/// server names.
const CHALLENGE: HeaderName = header::WWW_AUTHENTICATE;

/// Whether a header says again what the body says.
fn is_mirrored(name: &HeaderName) -> bool {
    name == MCP_METHOD || name == MCP_NAME || name.as_str().starts_with(MCP_PARAM_PREFIX)
}

impl Upstream {
    /// What goes on to the server, in the session that it knows by `session`. What would mirror the
    /// body does not where nobody has compared the two.
    pub(in crate::listen) fn there(
        &self,
        asked: &McpHeaders,
        session: Option<&HeaderValue>,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mirrors = mirror::mirrors(asked);
        for (name, value) in asked.raw() {
            let mcp = name.as_str().starts_with("mcp-") && name != MCP_SESSION_ID;
            if !mirrors && is_mirrored(name) {
                continue;
            }
            if mcp || THERE.contains(name) || self.headers.contains(name) {
                headers.append(name, value.clone());
            }
        }
        headers.extend(session.map(|id| (MCP_SESSION_ID, id.clone())));
        headers
    }

    /// Whether the server has what its callers come with.
    pub(in crate::listen) fn has_credentials(&self) -> bool {
        self.headers.contains(&CREDENTIALS)
    }

    /// What goes back to the caller.
    pub(in crate::listen) fn back(&self, answered: &McpHeaders) -> HeaderMap {
        let challenge = self.has_credentials().then_some(CHALLENGE);
        let mut headers = HeaderMap::new();
        for name in BACK.into_iter().chain(challenge) {
            for value in answered.raw().get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        headers
    }
}
