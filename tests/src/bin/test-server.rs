//! `test-server`: an MCP server over stdio for the load tests. It says what it was told, keeps what
//! it was told to keep, speaks by itself to whoever subscribed, and writes down what it did.
//!
//! `test-server [--every MILLISECONDS] [--journal FILE]`

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a server that cannot go on ends, and the test that started it sees that"
)]

use std::fs::{File, OpenOptions};
use std::io::{Write as _, stdin, stdout};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const REVISION: &str = "io.modelcontextprotocol/protocolVersion";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

struct Server {
    every: Duration,
    journal: Option<File>,
    /// The ids of calls that were there.
    calls: Vec<Value>,
}

fn main() {
    let mut server = Server::from_arguments();
    for line in stdin().lines() {
        let Ok(request) = serde_json::from_str::<Value>(&line.unwrap()) else {
            continue;
        };
        server.read(&request);
    }
}

impl Server {
    fn from_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut server = Self {
            every: Duration::from_millis(100),
            journal: None,
            calls: Vec::new(),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("a value");
            match name.as_str() {
                "--every" => server.every = Duration::from_millis(value.parse().unwrap()),
                "--journal" => server.journal = Some(journal(&value.into())),
                _ => unreachable!("no such option: {name}"),
            }
        }
        server
    }

    fn read(&mut self, request: &Value) {
        let (Some(id), Some(method)) = (request.get("id"), request["method"].as_str()) else {
            return;
        };
        let params = &request["params"];
        let modern = params["_meta"].get(REVISION).is_some();
        match method {
            "initialize" => answer(
                id,
                json!({"protocolVersion": params["protocolVersion"], "capabilities": capabilities(),
                       "serverInfo": {"name": "test-server", "version": "1"}}),
                modern,
            ),
            "server/discover" => answer(
                id,
                json!({"supportedVersions": ["2025-11-25", "2026-07-28"], "capabilities": capabilities()}),
                modern,
            ),
            "tools/list" => answer(id, json!({"tools": tools()}), modern),
            "tools/call" => self.call(id, params, modern),
            "resources/subscribe" => {
                answer(id, json!({}), modern);
                self.speak(&params["uri"], Value::Null);
            }
            "subscriptions/listen" => {
                let wanted = &params["notifications"];
                tell(
                    "notifications/subscriptions/acknowledged",
                    json!({"notifications": wanted, "_meta": {SUBSCRIPTION: id}}),
                );
                self.speak(&wanted["resourceSubscriptions"][0], id.clone());
            }
            _ => say(
                &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}}),
            ),
        }
    }

    fn call(&mut self, id: &Value, params: &Value, modern: bool) {
        let text = params["arguments"]["text"].as_str().unwrap_or_default();
        if let Some(journal) = &mut self.journal {
            // One write, which other processes' writes do not come into.
            journal.write_all(format!("{text}\n").as_bytes()).unwrap();
        }
        let before = self.calls.clone();
        self.calls.push(id.clone());
        match params["name"].as_str() {
            Some("echo") => answer(id, content(text), modern),
            Some("pid") => answer(id, content(&std::process::id().to_string()), modern),
            // As soon as a file is there.
            Some("wait") => {
                while !std::path::Path::new(text).exists() {
                    thread::sleep(Duration::from_millis(10));
                }
                answer(id, content(text), modern);
            }
            // Never a whole line.
            Some("drip") => loop {
                let mut out = stdout().lock();
                if out.write_all(b" ").and_then(|()| out.flush()).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            },
            Some("flood") => flood(id),
            // Never, until somebody strays.
            Some("late") => {}
            // With answers to whatever was ever asked, to what never was, and twice to what is.
            Some("stray") => {
                let never = [
                    json!(5),
                    json!("5"),
                    json!(0),
                    json!(-1),
                    json!("mcps-5"),
                    Value::Null,
                ];
                for other in before.iter().chain(&never) {
                    answer(other, content("another's"), modern);
                }
                answer(id, content(text), modern);
                answer(id, content("a second one"), modern);
            }
            // Nothing but word that it is held.
            Some("hold") => tell(
                "notifications/progress",
                json!({"progressToken": params["_meta"]["progressToken"], "progress": 1, "message": text}),
            ),
            _ => say(
                &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "no such tool"}}),
            ),
        }
    }

    /// Tells of a resource that it changed, again and again: `URI/1`, `URI/2`.
    fn speak(&self, uri: &Value, subscription: Value) {
        let (uri, every) = (uri.as_str().unwrap_or_default().to_owned(), self.every);
        thread::spawn(move || {
            for number in 1_u64.. {
                let mut params = json!({"uri": format!("{uri}/{number}")});
                if !subscription.is_null() {
                    params["_meta"] = json!({SUBSCRIPTION: subscription});
                }
                tell("notifications/resources/updated", params);
                thread::sleep(every);
            }
        });
    }
}

fn journal(path: &PathBuf) -> File {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).unwrap()
}

fn capabilities() -> Value {
    json!({"tools": {}, "resources": {"subscribe": true}})
}

fn tools() -> Vec<Value> {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    [
        "drip", "echo", "flood", "hold", "late", "pid", "stray", "wait",
    ]
    .iter()
    .map(|name| json!({"name": name, "description": name, "inputSchema": schema}))
    .collect()
}

/// An answer of 100 MB in one line, as far as somebody reads it.
fn flood(id: &Value) {
    let mut out = stdout().lock();
    let begin =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":""#);
    let much = [b'x'; 64 * 1024];
    let mut written = out.write_all(begin.as_bytes());
    for _ in 0..100_000_000 / much.len() {
        written = written.and_then(|()| out.write_all(&much));
    }
    drop(written.and_then(|()| out.write_all(b"\"}]}}\n")));
}

fn content(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn answer(id: &Value, mut result: Value, modern: bool) {
    if modern {
        result["resultType"] = "complete".into();
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    say(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

fn tell(method: &str, params: Value) {
    say(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
}

fn say(message: &Value) {
    let mut out = stdout().lock();
    // Whoever read us has gone; the end of our input says the same.
    let _ = writeln!(out, "{message}").and_then(|()| out.flush());
}
