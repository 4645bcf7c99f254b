//! A server over HTTP that answers at once and does nothing else, or writes down what it was asked.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mcps_transport::http::server::{Endpoint, Post, Reply, Server};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Says in the environment that this process is the server, and how many tools it has.
pub(super) const TOOLS: &str = "BENCH_UPSTREAM_TOOLS";

/// Where it listens, and to the end of which file it writes the words of each call; without them at
/// any port, and nowhere.
pub(super) const AT: &str = "BENCH_UPSTREAM_AT";
pub(super) const JOURNAL: &str = "BENCH_UPSTREAM_JOURNAL";

struct Answers {
    tools: Value,
    sessions: AtomicU64,
    journal: Option<File>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever starts this process says so what it is to do"
)]
pub(super) async fn serve(tools: usize) {
    let tools = (0..tools).map(|number| {
        let name = if number == 0 {
            "look".to_owned()
        } else {
            format!("look_{number}")
        };
        json!({
            "name": name,
            "description": "Looks at something and says what it is, for as long as that may take.",
            "inputSchema": {
                "type": "object",
                "properties": {"text": {"type": "string", "description": "What to look at."}},
            },
        })
    });
    let journal = std::env::var(JOURNAL).ok();
    let journal = journal.map(|path| OpenOptions::new().append(true).create(true).open(path));
    let answers = Answers {
        tools: tools.collect(),
        sessions: AtomicU64::new(0),
        journal: journal.transpose().unwrap(),
    };
    let address = std::env::var(AT).unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    println!("listening on http://{address}/mcp");
    std::io::stdout().flush().unwrap();
    let serving = Server::new(listener, answers);
    serving.serve(std::future::pending()).await.unwrap();
}

impl Answers {
    /// What a call is answered with: its own words, once they are written down.
    fn seen(&self, asked: &Value) -> String {
        let text = asked["params"]["arguments"]["text"].as_str();
        let text = text.filter(|text| !text.is_empty()).unwrap_or("seen");
        if let Some(mut journal) = self.journal.as_ref() {
            // One write, which other processes' writes do not come into.
            journal.write_all(format!("{text}\n").as_bytes()).unwrap();
        }
        text.to_owned()
    }
}

/// Sessions have the process in their names: another one knows nothing of them.
fn begins() -> String {
    format!("{}-", std::process::id())
}

impl Endpoint for Answers {
    async fn post(&self, post: Post) -> Reply {
        let asked: Value = serde_json::from_str(std::str::from_utf8(&post.body).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        let session = post.headers.raw().get("mcp-session-id");
        let session = session.map(|name| name.to_str().unwrap());
        if session.is_some_and(|name| !name.starts_with(&begins())) {
            return Reply::Empty {
                status: StatusCode::NOT_FOUND,
                headers,
            };
        }
        let result = match asked["method"].as_str() {
            Some("initialize") => {
                let number = self.sessions.fetch_add(1, Ordering::Relaxed);
                let session = format!("{}{number}", begins());
                headers.insert("mcp-session-id", HeaderValue::from_str(&session).unwrap());
                json!({
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "upstream", "version": "1"},
                })
            }
            Some("server/discover") => json!({
                "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            }),
            Some("tools/list") => json!({"tools": self.tools}),
            Some("tools/call") => {
                json!({"content": [{"type": "text", "text": self.seen(&asked)}]})
            }
            Some("ping") => json!({}),
            _ => {
                return Reply::Empty {
                    status: StatusCode::ACCEPTED,
                    headers,
                };
            }
        };
        let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        Reply::Json {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }
}
