//! Asking a server for its tools before one of them is called.

use http::HeaderValue;
use mcps_client::listen::Passage;
use mcps_client::tools;
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_transport::http::headers::{MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX, McpHeaders};

use super::{Catalogue, MAX_TOOLS};

/// Pages of one list.
const MAX_PAGES: usize = 100;

/// On whose behalf a server is asked: in their session, with what their request says of itself.
pub struct Inquiry<'a> {
    /// The way to the server.
    pub passage: &'a Passage,
    /// The request before which it is asked.
    pub message: &'a Message,
    /// Its headers.
    pub headers: &'a McpHeaders,
}

impl Inquiry<'_> {
    /// The request for one page.
    fn page(&self, cursor: Option<&str>) -> Option<Message> {
        let mut params = Vec::new();
        if let Some(cursor) = cursor {
            params.push(format!(r#""cursor":{}"#, serde_json::Value::from(cursor)));
        }
        let meta = self.message.meta();
        let said = [
            "io.modelcontextprotocol/protocolVersion",
            "io.modelcontextprotocol/clientInfo",
            "io.modelcontextprotocol/clientCapabilities",
        ];
        let said: Vec<String> = said
            .iter()
            .filter_map(|name| Some((name, meta.as_ref()?.get(name)?)))
            .map(|(name, value)| format!(r#""{name}":{}"#, value.raw()))
            .collect();
        if !said.is_empty() {
            params.push(format!(r#""_meta":{{{}}}"#, said.join(",")));
        }
        let params = params.join(",");
        Message::parse(format!(
            r#"{{"jsonrpc":"2.0","id":"tools","method":"{}","params":{{{params}}}}}"#,
            tools::LIST
        ))
        .ok()
    }

    /// What the newer era says of a request in its headers is of this one now.
    fn headers(&self) -> McpHeaders {
        let mut headers = self.headers.raw().clone();
        headers.remove(MCP_NAME);
        let params: Vec<_> = headers
            .keys()
            .filter(|name| name.as_str().starts_with(MCP_PARAM_PREFIX))
            .cloned()
            .collect();
        for name in params {
            headers.remove(name);
        }
        if headers.contains_key(MCP_METHOD) {
            headers.insert(MCP_METHOD, HeaderValue::from_static(tools::LIST));
        }
        McpHeaders::new(headers)
    }
}

impl Catalogue {
    /// Asks a server for all its tools and takes note of them.
    pub async fn inquire(&self, server: &str, inquiry: &Inquiry<'_>) {
        let (headers, mut cursor, mut names) = (inquiry.headers(), None::<String>, Vec::new());
        for page in 0..MAX_PAGES {
            let Some(question) = inquiry.page(cursor.as_deref()) else {
                return;
            };
            let answer = inquiry.passage.inquire(question, &headers, server).await;
            let Some(answer) = answer else { return };
            let Some(result) = answer.result() else {
                if page == 0 && is_unknown(&answer) {
                    self.complete(server, None);
                }
                return;
            };
            let listed = result.get("tools").and_then(Value::as_array);
            let listed: Vec<Value<'_>> = listed.into_iter().flatten().collect();
            for tool in &listed {
                let name = tool.get("name").and_then(Value::as_str);
                names.extend(name.map(std::borrow::Cow::into_owned));
            }
            self.learn(server, &listed);
            let next = result.get("nextCursor").and_then(Value::as_str);
            cursor = next.map(std::borrow::Cow::into_owned);
            if cursor.is_none() || names.len() > MAX_TOOLS {
                break;
            }
        }
        self.complete(server, Some(&names));
    }
}

/// Whether a server knows no lists of tools.
fn is_unknown(answer: &Message) -> bool {
    let code = answer.error().and_then(|error| error.get("code"));
    code.and_then(Value::as_i64) == Some(-32601)
}
