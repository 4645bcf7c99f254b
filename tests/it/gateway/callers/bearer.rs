//! A plain client: it signs nothing, and sends what it has in `Authorization`.

use mcps_core::code::Code;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::listen::caller::messages;
use crate::wire::{INITIALIZE, code_of};

/// What it sends.
pub(crate) fn call(id: u32, tool: &str) -> String {
    let params = json!({"name": tool, "arguments": {"n": id}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// One.
pub(crate) struct Bearer {
    http: Client,
    url: String,
    /// The value of `Authorization`; none where it is empty.
    pub(crate) credential: String,
    pub(crate) session: Option<String>,
}

/// How something was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<Code>,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn challenge(&self) -> &str {
        let value = self.headers.get("www-authenticate");
        value.map_or("", |value| value.to_str().unwrap())
    }
}

impl Bearer {
    /// One that sends a token or a key.
    pub(crate) fn with(url: &str, token: &str) -> Self {
        Self::saying(url, &format!("Bearer {token}"))
    }

    /// One that says that.
    pub(crate) fn saying(url: &str, credential: &str) -> Self {
        Self {
            http: Client::builder().build().unwrap(),
            url: url.to_owned(),
            credential: credential.to_owned(),
            session: None,
        }
    }

    pub(crate) async fn send(&self, method: Method, more: &[(&str, &str)], body: &str) -> Response {
        let mut request = self.http.request(method, &self.url);
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        if let Some(session) = &self.session {
            headers.push(("mcp-session-id", session));
            headers.push(("mcp-protocol-version", "2025-11-25"));
        }
        for (name, value) in headers.iter().chain(more) {
            request = request.header(*name, *value);
        }
        if !self.credential.is_empty() {
            let value = HeaderValue::from_str(&self.credential).unwrap();
            request = request.header("authorization", value);
        }
        request.body(body.to_owned()).send().await.unwrap()
    }

    pub(crate) async fn post(&self, body: &str) -> Response {
        self.send(Method::POST, &[], body).await
    }

    /// Opens a session.
    pub(crate) async fn open(&mut self) {
        let response = self.post(INITIALIZE).await;
        let status = response.status();
        let session = response.headers().get("mcp-session-id").cloned();
        let text = response.text().await.unwrap();
        assert_eq!((status, code_of(&text)), (StatusCode::OK, None), "{text}");
        self.session = Some(session.unwrap().to_str().unwrap().to_owned());
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(self.post(ready).await.status(), StatusCode::ACCEPTED);
    }

    /// Asks, and returns the answer whatever it is.
    pub(crate) async fn ask(&self, body: &str) -> Value {
        let response = self.post(body).await;
        let status = response.status();
        let texts = messages(response).await;
        let text = texts.last().unwrap_or_else(|| panic!("{status}"));
        serde_json::from_str(std::str::from_utf8(text).unwrap()).unwrap()
    }

    /// Calls a tool: the text of its result.
    pub(crate) async fn call(&self, id: u32, tool: &str) -> String {
        let told = self.ask(&call(id, tool)).await;
        let text = told["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    /// Sends something that is refused.
    pub(crate) async fn refused(&self, body: &str) -> Refused {
        let response = self.post(body).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let code = (!text.is_empty()).then(|| code_of(&text)).flatten();
        Refused {
            status,
            code,
            headers,
            text,
        }
    }
}
