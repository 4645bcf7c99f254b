//! Servers of one era and callers of the other.

mod newer;
mod older;
mod peers;
mod unasked;

use reqwest::Response;
use serde_json::{Value, json};

use super::server::{Says, Server, result, tool};
use super::{Gate, over_http};
use crate::listen::caller::Caller;

const META: &str = "io.modelcontextprotocol/";

/// A server of 2026-07-28 that refuses what is not of it, with one tool, `look`, whose calls `answer` answers.
async fn newer_server(answer: impl Fn(&Value) -> Says + Send + Sync + 'static) -> Server {
    Server::saying(move |asked| {
        let meta = &asked["params"]["_meta"];
        if meta[format!("{META}protocolVersion")] != "2026-07-28"
            || !meta[format!("{META}clientCapabilities")].is_object()
        {
            return error(asked, -32602, "what this server wants is missing");
        }
        match asked["method"].as_str() {
            Some("server/discover") => result(
                asked,
                json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
                    "capabilities": {"tools": {"listChanged": true}, "logging": {}, "resources": {"subscribe": true}},
                    "instructions": "look first",
                    "_meta": {format!("{META}serverInfo"): {"name": "newer", "version": "3"}}}),
            ),
            Some("tools/list") => result(
                asked,
                json!({"resultType": "complete", "tools": [mirrored()], "ttlMs": 5, "cacheScope": "public"}),
            ),
            Some("initialize" | "ping" | "logging/setLevel") => error(asked, -32601, "no such method"),
            _ => answer(asked),
        }
    })
    .await
}

/// A server of 2025-11-25 that refuses what is not of it, the same otherwise. Whoever opens its stream hears this.
async fn older_server(
    stream: Option<Vec<String>>,
    answer: impl Fn(&Value) -> Says + Send + Sync + 'static,
) -> Server {
    Server::standing(stream, move |asked| {
        if asked["params"]["_meta"].to_string().contains(META) {
            return error(asked, -32602, "what is this?");
        }
        match asked["method"].as_str() {
            Some("initialize") => result(
                asked,
                json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "older", "version": "2"}, "instructions": "look first",
                    "capabilities": {"tools": {"listChanged": true}, "logging": {}, "resources": {"subscribe": true}, "tasks": {}}}),
            ),
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            Some("server/discover") => error(asked, -32601, "no such method"),
            _ => answer(asked),
        }
    })
    .await
}

/// A tool whose argument goes in a header too.
fn mirrored() -> Value {
    let mut tool = tool("look");
    tool["inputSchema"]["properties"] = json!({"n": {"type": "integer", "x-mcp-header": "N"}});
    tool
}

fn error(asked: &Value, code: i64, why: &str) -> Says {
    Says::Json(
        json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": code, "message": why}}),
    )
}

/// What the two servers answer a call with.
fn seen(asked: &Value) -> Value {
    let content =
        json!([{"type": "text", "text": format!("look({})", asked["params"]["arguments"])}]);
    match asked["params"]["_meta"][format!("{META}protocolVersion")].is_string() {
        true => json!({"resultType": "complete", "content": content}),
        false => json!({"content": content}),
    }
}

async fn gate(server: &Server, era: &str) -> Gate {
    let config = format!(
        "[tenant.default]\n{}era = \"{era}\"\n",
        over_http("files", server)
    );
    Gate::open(&config).await
}

/// The two endpoints, and what the tool is called there.
const PLACES: [(Option<&str>, &str); 2] = [(Some("files"), "look"), (None, "files__look")];

fn caller_at(gate: &Gate, path: Option<&str>) -> Caller {
    let url = path.map_or(gate.url.clone(), |path| gate.at(path));
    Caller::of(&gate.stage.agent, &url)
}

/// What came back last.
fn last(told: &[String]) -> Value {
    serde_json::from_str(told.last().unwrap()).unwrap()
}

/// The next message of a stream, as it was sent.
async fn next(response: &mut Response, rest: &mut String) -> Vec<u8> {
    loop {
        while let Some(end) = rest.find("\n\n") {
            let event: String = rest.drain(..end + 2).collect();
            let data: Vec<&str> = event
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect();
            if !data.concat().is_empty() {
                return data.concat().into_bytes();
            }
        }
        let chunk = tokio::time::timeout(crate::wire::PATIENCE, response.chunk()).await;
        let chunk = chunk.unwrap().unwrap().expect("another message");
        rest.push_str(str::from_utf8(&chunk).unwrap());
    }
}

/// A request of 2026-07-28 of a caller who can be asked.
fn asked(id: u32, method: &str, params: Value) -> String {
    let mut params = params;
    params["_meta"] = json!({
        format!("{META}protocolVersion"): "2026-07-28",
        format!("{META}clientInfo"): {"name": "t", "version": "1"},
        format!("{META}clientCapabilities"): {"sampling": {}, "elicitation": {}, "roots": {}},
        "progressToken": format!("of-{id}"),
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// The headers of one.
fn newer_headers(caller: &mut Caller, method: &str, name: Option<&str>) {
    let mut headers = vec![
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    headers.extend(name.map(|name| ("mcp-name", name)));
    caller.headers = headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
}
