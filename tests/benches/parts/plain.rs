//! A client that does not sign, with the transport's own HTTP.

use std::fmt;

use mcps_transport::http::client::{Client, ClientLimits, Response};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::it::listen::load::era::Era;
use super::it::wire;

/// Why something did not come.
#[derive(Debug)]
pub(super) enum Failed {
    /// A status, and the words with it.
    Refused(StatusCode, String),
    /// The connection.
    Broken(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status, words) => write!(f, "{status}: {words}"),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// A client that does not sign.
pub(super) struct Plain {
    http: Client,
    pub(super) era: Era,
    pub(super) session: Option<HeaderValue>,
    tool: &'static str,
    /// What each request has beside those of MCP.
    more: HeaderMap,
}

impl Plain {
    pub(super) async fn open(url: &str, era: Era, tool: &'static str) -> Self {
        Self::open_with(url, era, tool, HeaderMap::new()).await
    }

    pub(super) async fn open_with(
        url: &str,
        era: Era,
        tool: &'static str,
        more: HeaderMap,
    ) -> Self {
        let opened = Self::try_open(url, era, tool, more).await;
        opened.unwrap_or_else(|failed| panic!("{url}: {failed}"))
    }

    /// The same, or why not.
    pub(super) async fn try_open(
        url: &str,
        era: Era,
        tool: &'static str,
        more: HeaderMap,
    ) -> Result<Self, Failed> {
        let mut plain = Self {
            http: Client::new(url, ClientLimits::default(), None).unwrap(),
            era,
            session: None,
            tool,
            more,
        };
        if era == Era::Legacy {
            let opening = plain.try_post(wire::INITIALIZE.to_owned(), "initialize");
            let (text, headers) = opening.await?;
            if !text.contains(r#""result""#) {
                return Err(Failed::Refused(StatusCode::OK, text));
            }
            plain.session = headers.get("mcp-session-id").cloned();
            let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
            plain.try_post(ready.to_owned(), "").await?;
        }
        Ok(plain)
    }

    pub(super) async fn call(&self, id: u64) {
        let call = self.era.call(id, self.tool, "");
        let (text, _) = self.post(call, "tools/call").await;
        assert!(text.contains(r#""result""#), "{text}");
        assert!(text.contains(&format!(r#""id":{id},"#)), "{text}");
    }

    pub(super) async fn post(&self, text: String, method: &str) -> (String, HeaderMap) {
        let answered = self.try_post(text, method).await;
        answered.unwrap_or_else(|failed| panic!("{failed}"))
    }

    /// The same, or why it has no answer.
    pub(super) async fn try_post(
        &self,
        text: String,
        method: &str,
    ) -> Result<(String, HeaderMap), Failed> {
        let mut headers = self.more.clone();
        let name = (method == "tools/call").then_some(self.tool);
        for (header, value) in self.era.mirrored(method, name) {
            let value = HeaderValue::from_str(value).unwrap();
            headers.insert(HeaderName::from_static(header), value);
        }
        if let Some(session) = &self.session {
            headers.insert("mcp-session-id", session.clone());
            let version = HeaderValue::from_static("2025-11-25");
            headers.insert("mcp-protocol-version", version);
        }
        let answered = self.http.post(text, headers).await;
        match answered.map_err(|error| Failed::Broken(error.to_string()))? {
            Response::Json { body, headers } => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                Ok((text, headers.raw().clone()))
            }
            Response::Events {
                mut events,
                headers,
            } => {
                let mut text = String::new();
                // To its end, so that the connection is good for the next one.
                while let Some(event) = events.next().await.unwrap() {
                    text += std::str::from_utf8(&event.data().unwrap_or_default()).unwrap();
                }
                Ok((text, headers.raw().clone()))
            }
            Response::Accepted { headers } => Ok((String::new(), headers.raw().clone())),
            Response::Refused { status, body, .. } => {
                let words = String::from_utf8_lossy(&body).into_owned();
                Err(Failed::Refused(status, words))
            }
        }
    }
}
