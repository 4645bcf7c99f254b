//! Streams that a server closes before it has answered, and that go on.

use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Gate;
use super::server::tool;
use crate::listen::caller::{Caller, messages};
use crate::wire::{Asked, Process, Stage};

const SAID: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;

/// A server that says something of each call and closes the stream, and answers to whoever comes back.
async fn answer(asked: Asked, called: &Mutex<Value>) {
    if asked.method == "GET" && asked.header("last-event-id") == Some("b") {
        let id = called.lock().unwrap().clone();
        let text = json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}}).to_string();
        let mut stream = asked.events("").await;
        stream.event_with("c", &text).await;
        return stream.end().await;
    }
    if asked.method != "POST" {
        return asked.empty(405, "").await;
    }
    let text = str::from_utf8(&asked.body).unwrap();
    let message: Value = serde_json::from_str(text).unwrap();
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": {"name": "closes", "version": "1"},
        }),
        Some("tools/list") => json!({"tools": [tool("look")]}),
        Some("tools/call") => {
            *called.lock().unwrap() = message["id"].clone();
            let mut stream = asked.events("").await;
            stream.text("id: a\nretry: 10\ndata: \n\n").await;
            stream.event_with("b", SAID).await;
            return stream.end().await;
        }
        _ => return asked.empty(202, "").await,
    };
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    let named = "Mcp-Session-Id: theirs\r\n";
    asked.json(200, named, &answer.to_string()).await;
}

/// What a gateway reads of it directly, and through a `mcps-wrap`, is all of it.
async fn reads_on(gate: &Gate, name: &str) {
    let mut caller = gate.caller(name);
    caller.open_session().await;
    let session = caller.session().to_owned();
    let call =
        r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"look","arguments":{}}}"#;
    let (response, mut body) = caller.tell(call).await;
    let said = opened(&caller, &mut body, response).await;
    assert!(said.contains("notifications/message"), "{name}: {said}");
    // Its answer is yet to come.
    body.finish().unwrap_err();
    let (response, _) = caller.fetch_after(Method::GET, &session, Some("b")).await;
    let told = opened(&caller, &mut body, response).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["id"], &told["result"]),
        (&json!(5), &json!({"content": []})),
        "{name}"
    );
    body.finish().unwrap();
}

async fn opened(
    caller: &Caller,
    body: &mut mcps_client::link::Body,
    response: reqwest::Response,
) -> String {
    let [text] = messages(response).await.try_into().unwrap();
    let opened = caller.open(body, text).await.unwrap();
    opened.message.into_text()
}

#[tokio::test]
async fn a_stream_that_a_server_closes_goes_on_signed_or_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let called = Mutex::default();
    let serving = async {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            answer(Asked::read(socket).await, &called).await;
        }
    };
    let asking = async {
        let stage = Stage::set();
        let mut wrap = stage.world.program("mcps-wrap");
        wrap.arg("--home").arg(&stage.server);
        wrap.args(["--listen", "127.0.0.1:0", "--status-refresh", "0"]);
        let mut wrap = Process::start(&stage.world, {
            wrap.args(["--upstream-url", &url]);
            wrap
        });
        let line = wrap.read().await;
        let signed = line.strip_prefix("listening on ").unwrap();
        let config = format!(
            "[tenant.default]\n[[server]]\nname = \"near\"\nurl = \"{url}\"\n[[server]]\nname = \"far\"\nurl = \"{signed}\"\nsigned = true\n"
        );
        let gate = Gate::open_on(stage, &config).await;
        for name in ["near", "far"] {
            reads_on(&gate, name).await;
        }
    };
    tokio::select! {
        () = serving => {}
        () = asking => {}
    }
}
