//! What any gateway costs at least that is made of the same HTTP: it passes requests on and looks at nothing.

use std::io::Write as _;

use mcps_transport::http::client::{Client, ClientLimits, Response};
use mcps_transport::http::server::{Endpoint, Post, Reply, Server};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::net::TcpListener;

/// Says in the environment that this process is the relay, and to where.
pub(super) const TO: &str = "BENCH_RELAY_TO";

struct Relay(Client);

/// Serves until it is killed, with a thread for each core as the gateway does.
pub(super) fn serve(to: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let relay = Relay(Client::new(to, ClientLimits::default(), None).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        println!("listening on http://{address}/mcp");
        std::io::stdout().flush().unwrap();
        let serving = Server::new(listener, relay);
        serving.serve(std::future::pending()).await.unwrap();
    });
}

impl Endpoint for Relay {
    async fn post(&self, post: Post) -> Reply {
        let text = String::from_utf8(post.body.to_vec()).unwrap();
        let mut kept = HeaderMap::new();
        for name in ["mcp-session-id", "mcp-protocol-version"] {
            if let Some(value) = post.headers.raw().get(name) {
                kept.insert(name, HeaderValue::clone(value));
            }
        }
        let (status, answered, body) = match self.0.post(text, kept).await.unwrap() {
            Response::Json { body, headers } => (StatusCode::OK, headers, Some(body)),
            Response::Accepted { headers } => (StatusCode::ACCEPTED, headers, None),
            other => panic!("{other:?}"),
        };
        let mut headers = HeaderMap::new();
        if let Some(session) = answered.raw().get("mcp-session-id") {
            headers.insert("mcp-session-id", session.clone());
        }
        match body {
            Some(body) => Reply::Json {
                status,
                headers,
                body,
            },
            None => Reply::Empty { status, headers },
        }
    }
}
