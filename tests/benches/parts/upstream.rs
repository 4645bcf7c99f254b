//! A server over HTTP that answers at once and does nothing else.

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

struct Answers {
    tools: Value,
    sessions: AtomicU64,
}

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
    let answers = Answers {
        tools: tools.collect(),
        sessions: AtomicU64::new(0),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    println!("listening on http://{address}/mcp");
    std::io::stdout().flush().unwrap();
    let serving = Server::new(listener, answers);
    serving.serve(std::future::pending()).await.unwrap();
}

impl Endpoint for Answers {
    async fn post(&self, post: Post) -> Reply {
        let asked: Value = serde_json::from_str(std::str::from_utf8(&post.body).unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        let result = match asked["method"].as_str() {
            Some("initialize") => {
                let session = self.sessions.fetch_add(1, Ordering::Relaxed).to_string();
                headers.insert("mcp-session-id", HeaderValue::from_str(&session).unwrap());
                json!({
                    "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                    "serverInfo": {"name": "upstream", "version": "1"},
                })
            }
            Some("tools/list") => json!({"tools": self.tools}),
            Some("tools/call") => json!({"content": [{"type": "text", "text": "seen"}]}),
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
