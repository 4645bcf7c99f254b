//! Under which names a listener answers, and to whose pages: the defence against DNS rebinding
//! (MCP, *Streamable HTTP: Security*).

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header};

use super::{answer::Answer, refusal::Refusal};
use crate::{
    error::TransportError,
    http::{
        headers::MCP_PARAM_PREFIX,
        uri::{canonical, host, port},
    },
};

/// What pages of other origins may send beside what they always may, and what they may read.
const ALLOWED_HEADERS: &str = "accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id";
const EXPOSED_HEADERS: &str = "mcp-protocol-version, mcp-session-id, www-authenticate";

/// Which requests are answered at all. `Default` answers `/mcp` under the names of this machine to
/// itself (`localhost`, `127.0.0.1`, `[::1]`, on any port), and to no page of another origin.
///
/// A request without `Origin` does not come from a page and passes. One from the origin it is sent
/// to passes: its host was checked before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    hosts: Vec<Name>,
    origins: Vec<String>,
    path: String,
    /// Whether paths below it are answered too.
    below: bool,
    /// Where documents are, which anybody may read; none unless said.
    documents: Option<String>,
}

/// A host, and a port when only that one will do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    host: String,
    port: Option<u16>,
}

impl Name {
    fn parse(authority: &str) -> Result<Self, TransportError> {
        Ok(Self {
            host: host(authority)?,
            port: port(authority)?,
        })
    }
}

/// What [`Edge::admit`] found: the origin of the page that asks, if one does.
#[derive(Debug)]
pub(super) struct Admitted {
    origin: Option<HeaderValue>,
}

impl Default for Edge {
    fn default() -> Self {
        let names = ["localhost", "127.0.0.1", "[::1]"];
        Self {
            hosts: names
                .map(|host| Name {
                    host: host.to_owned(),
                    port: None,
                })
                .to_vec(),
            origins: Vec::new(),
            path: "/mcp".to_owned(),
            below: false,
            documents: None,
        }
    }
}

impl Edge {
    /// Answers under this name too: `mcp.example.com` on any port, `mcp.example.com:8443` on one.
    ///
    /// # Errors
    /// [`TransportError::UrlMalformed`] and [`TransportError::UrlUserinfo`] when it is none.
    pub fn allow_host(mut self, name: &str) -> Result<Self, TransportError> {
        self.hosts.push(Name::parse(name)?);
        Ok(self)
    }

    /// Answers pages of this origin too: `https://app.example.com`, `http://localhost:6274`.
    ///
    /// # Errors
    /// What [`canonical`] refuses.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, TransportError> {
        self.origins.push(canonical(origin)?);
        Ok(self)
    }

    /// Answers at this path and no other; a query is ignored.
    #[must_use]
    pub fn at_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Answers at paths below that one too, as in `/mcp/files`: which of them there are is up to the
    /// endpoint.
    #[must_use]
    pub const fn and_below(mut self) -> Self {
        self.below = true;
        self
    }

    /// Answers GET at this path and below it with documents, as in
    /// `/.well-known/oauth-protected-resource` (RFC 9728).
    #[must_use]
    pub fn with_documents(mut self, path: &str) -> Self {
        self.documents = Some(path.to_owned());
        self
    }

    /// Whether this path is one that is answered.
    fn has(&self, path: &str) -> bool {
        is_at(path, &self.path, self.below) || self.is_document(path)
    }

    /// Whether this path is one of a document's.
    pub(super) fn is_document(&self, path: &str) -> bool {
        let documents = self.documents.as_deref();
        documents.is_some_and(|documents| is_at(path, documents, true))
    }

    /// Holds host, origin and path against the rules, in this order, so that who may not ask learns
    /// nothing of what is there.
    pub(super) fn admit(&self, target: &Uri, headers: &HeaderMap) -> Result<Admitted, Refusal> {
        let name = single(headers, header::HOST)
            .ok_or(Refusal::HOST)
            .and_then(|host| Name::parse(host).map_err(|_| Refusal::HOST))?;
        // RFC 9112 §3.2.2: in absolute form the target names the host too.
        if let Some(authority) = target.authority() {
            let target = Name::parse(authority.as_str()).map_err(|_| Refusal::HOST)?;
            if target != name {
                return Err(Refusal::HOST);
            }
        }
        let known = |allowed: &Name| {
            allowed.host == name.host && (allowed.port.is_none() || allowed.port == name.port)
        };
        if !self.hosts.iter().any(known) {
            return Err(Refusal::HOST_FORBIDDEN);
        }
        let origin = self.origin(&name, headers)?;
        if !self.has(target.path()) {
            return Err(Refusal::PATH);
        }
        Ok(Admitted { origin })
    }

    fn origin(&self, to: &Name, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        if !headers.contains_key(header::ORIGIN) {
            return Ok(None);
        }
        let origin = single(headers, header::ORIGIN)
            .and_then(|origin| canonical(origin).ok())
            .ok_or(Refusal::ORIGIN_FORBIDDEN)?;
        // The browser writes the host in one way, and so does `canonical`; the port is left out
        // where it is the scheme's own.
        let same = |scheme: &str, default_port: u16| {
            let port = to.port.filter(|port| *port != default_port);
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            origin == format!("{scheme}://{}{port}", to.host)
        };
        if same("http", 80) || same("https", 443) || self.origins.contains(&origin) {
            Ok(headers.get(header::ORIGIN).cloned())
        } else {
            Err(Refusal::ORIGIN_FORBIDDEN)
        }
    }
}

impl Admitted {
    /// The answer to a preflight (Fetch Standard, *CORS preflight*), if it is one.
    pub(super) fn preflight(&self, headers: &HeaderMap) -> Option<Response<Answer>> {
        self.origin.as_ref()?;
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let wanted = Method::from_bytes(wanted.as_bytes()).ok()?;
        if ![Method::POST, Method::GET, Method::DELETE].contains(&wanted) {
            return None;
        }
        let mut response = Response::new(Answer::whole(bytes::Bytes::new()));
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        let fixed = |text| HeaderValue::from_static(text);
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            fixed(super::refusal::METHODS),
        );
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("600"));
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            allowed_headers(headers),
        );
        Some(response)
    }

    /// Lets the page read an answer.
    pub(super) fn label(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.origin else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED_HEADERS),
        );
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

/// The fixed ones, and of those asked for the mirrored arguments, whose names nobody knows before.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut allowed = ALLOWED_HEADERS.to_owned();
    for name in asked.split(',').map(str::trim) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let Ok(name) = name
            && name.as_str().starts_with(MCP_PARAM_PREFIX)
        {
            allowed.push_str(", ");
            allowed.push_str(name.as_str());
        }
    }
    HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(ALLOWED_HEADERS))
}

/// Whether a path is that one or, where those count too, one below it.
fn is_at(path: &str, base: &str, below: bool) -> bool {
    let rest = path.strip_prefix(base);
    rest.is_some_and(|rest| rest.is_empty() || (below && rest.starts_with('/')))
}

fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
