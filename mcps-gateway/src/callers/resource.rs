//! What clients are told that come without a token: where tokens for this gateway are to be had
//! (RFC 9728; MCP, *Authorization*).

use std::collections::BTreeSet;

use http::header::{HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use mcps_client::listen::PATH;
use mcps_core::code::Code;
use mcps_transport::http::uri::canonical;
use serde_json::json;

/// Where an endpoint's document is, before the endpoint's own path.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The endpoints under the name by which a caller knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    /// Scheme and authority.
    origin: &'a str,
    /// The path of all servers' endpoint.
    path: &'a str,
}

impl<'a> Resource<'a> {
    /// Among all names the one that the caller has used, else the first.
    pub(crate) fn of(uris: &'a [String], headers: &HeaderMap) -> Option<Self> {
        let parts = |uri: &'a String| {
            let (scheme, rest) = uri.split_once("://")?;
            let end = rest.find('/').unwrap_or(rest.len());
            let (origin, path) = uri.split_at_checked(scheme.len() + 3 + end)?;
            Some((scheme, Self { origin, path }))
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let named = uris.iter().filter_map(parts).find(|(scheme, resource)| {
            let asked = host.and_then(|host| canonical(&format!("{scheme}://{host}")).ok());
            asked.as_deref() == Some(resource.origin)
        });
        let (_, resource) = named.or_else(|| uris.first().and_then(parts))?;
        Some(resource)
    }

    /// The path, here, of the endpoint that a document's path is about; `None` for what is none.
    pub(crate) fn endpoint(&self, path: &str) -> Option<String> {
        match path.strip_prefix(WELL_KNOWN)? {
            "" | "/" => Some(PATH.to_owned()),
            rest => Some(format!("{PATH}{}", rest.strip_prefix(self.path)?)),
        }
    }

    /// The document of an endpoint, of one server or of all.
    pub(crate) fn document(
        &self,
        server: Option<&str>,
        issuers: &[&str],
        scopes: &BTreeSet<&str>,
    ) -> String {
        let (origin, path) = (self.origin, self.path);
        let mut document = json!({
            "resource": format!("{origin}{path}{}", below(server)),
            "resource_name": "mcps-gateway",
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        });
        if let (false, Some(members)) = (scopes.is_empty(), document.as_object_mut()) {
            members.insert("scopes_supported".to_owned(), json!(scopes));
        }
        document.to_string()
    }

    /// Where that is.
    fn address(&self, server: Option<&str>) -> String {
        let (origin, path) = (self.origin, self.path);
        format!("{origin}{WELL_KNOWN}{path}{}", below(server))
    }
}

fn below(server: Option<&str>) -> String {
    server.map_or(String::new(), |server| format!("/{server}"))
}

/// What goes with a refusal, so that a client knows how to do better (RFC 6750 §3): with a token of these
/// scopes. Without issuers it knows nothing more than that a key is needed.
pub(crate) fn challenge(
    code: Code,
    resource: Option<(Resource<'_>, Option<&str>)>,
    scopes: &[String],
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let error = match code {
        Code::InvalidCredential => Some("invalid_token"),
        Code::InsufficientScope => Some("insufficient_scope"),
        code if code.http_status() == 401 => None,
        _ => return headers,
    };
    let mut members = Vec::new();
    members.extend(error.map(|error| format!(r#"error="{error}""#)));
    if !scopes.is_empty() {
        members.push(format!(r#"scope="{}""#, scopes.join(" ")));
    }
    match resource {
        Some((resource, server)) => {
            let address = resource.address(server);
            members.push(format!(r#"resource_metadata="{address}""#));
        }
        None => members.push(r#"realm="mcps-gateway""#.to_owned()),
    }
    let value = format!("Bearer {}", members.join(", "));
    // Addresses, names and scopes are of visible ASCII.
    headers.extend(HeaderValue::from_str(&value).map(|value| (WWW_AUTHENTICATE, value)));
    headers
}

#[cfg(test)]
mod tests;
