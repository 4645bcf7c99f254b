//! The gateway on standard input and output, for a client that starts its servers itself.

use std::fs;

use serde_json::{Value, json};

use super::server::Server;
use super::{approving, over_http};
use crate::wire::{INITIALIZE, Process, Stage, code_of, eventually};

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {"n": 1}}})
        .to_string()
}

/// A gateway that speaks to us, with this configuration.
fn start(stage: &Stage, config: &str, more: &[&str]) -> Process {
    let home = stage.world.enrol("gateway", "gateway", 2);
    let file = stage.world.dir().join("gateway.toml");
    fs::write(&file, approving(config)).unwrap();
    let mut program = stage.world.program("mcps-gateway");
    program.arg("--home").arg(&home).arg("stdio");
    program.arg("--config").arg(&file);
    program.arg("--as").arg(&stage.agent);
    program.args(["--status-refresh", "0"]).args(more);
    Process::start(&stage.world, program)
}

async fn told(process: &mut Process, text: &str) -> Value {
    process.write(text).await;
    serde_json::from_str(&process.read().await).unwrap()
}

#[tokio::test]
async fn a_client_that_starts_it_reaches_all_servers_as_the_agent_it_is() {
    let (one, other) = (Server::with(&["look"]).await, Server::with(&["send"]).await);
    let stage = Stage::set();
    // TLS and names are for those who come over the network.
    let config = format!(
        "public_url = [\"https://gateway.example.com/mcp\"]\n[tenant.default]\nanonymous = true\n{}{}min_level = 3\n",
        over_http("one", &one),
        over_http("other", &other)
    );
    let mut gateway = start(&stage, &config, &[]);
    assert!(told(&mut gateway, INITIALIZE).await["result"].is_object());
    gateway.write(INITIALIZED).await;
    let said = told(&mut gateway, &call(7, "one__look")).await;
    assert_eq!(said["id"], 7);
    assert_eq!(said["result"]["content"][0]["text"], r#"look({"n":1})"#);
    assert!(said["result"].get("_meta").is_none(), "no envelope: {said}");
    let said = told(&mut gateway, &call(8, "other__send")).await;
    assert!(code_of(&said.to_string()).is_some(), "{said}");
    assert!(other.seen("tools/call").is_empty());

    // It listens for its own client, and others on the machine could find where.
    let words = gateway.words();
    let (_, url) = words.split_once("listening at ").unwrap();
    let url = url.split(' ').next().unwrap();
    let http = reqwest::Client::builder().build().unwrap();
    let stranger = http
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(INITIALIZE);
    let refused = stranger.send().await.unwrap();
    assert_eq!(refused.status(), reqwest::StatusCode::UNAUTHORIZED);

    gateway.close_input();
    assert_eq!(gateway.exit().await, 0);
    let mut tail = stage.world.mcps(&stage.world.home("gateway"));
    tail.args(["events", "tail", "-n", "100", "-o", "json"]);
    let records = crate::world::run(&mut tail).succeeded();
    assert!(records.contains(r#""name":"agent""#), "{records}");
}

#[tokio::test]
async fn one_server_alone_has_its_own_names_and_its_process_ends_with_the_client() {
    let stage = Stage::set();
    let server = crate::world::bin("test-server").display().to_string();
    let config = format!("[tenant.default]\n[[server]]\nname = \"test\"\ncommand = [{server:?}]\n");
    let mut gateway = start(&stage, &config, &["--server", "test"]);
    told(&mut gateway, INITIALIZE).await;
    gateway.write(INITIALIZED).await;
    let said = told(&mut gateway, &call(1, "pid")).await;
    let pid = said["result"]["content"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    gateway.close_input();
    assert_eq!(gateway.exit().await, 0);
    eventually("the server ends", async || {
        (!std::path::Path::new("/proc").join(&pid).exists()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_is_revoked_is_refused_and_one_that_never_enrolled_is_told_what_to_do() {
    let server = Server::with(&["look"]).await;
    let stage = Stage::set();
    let config = format!("[tenant.default]\n{}", over_http("one", &server));
    let mut gateway = start(&stage, &config, &[]);
    told(&mut gateway, INITIALIZE).await;
    gateway.write(INITIALIZED).await;
    stage.revoke(&stage.agent);
    // It is refused, or the session is ended and the gateway with it.
    let mut through = 0;
    loop {
        gateway.try_write(&call(1, "one__look")).await;
        match gateway.read_to_end().await {
            Some(line) if code_of(&line).is_none() => through += 1,
            _ => break,
        }
    }
    assert_eq!(server.seen("tools/call").len(), through);

    let nobody = stage.world.dir().join("nobody");
    let mut program = stage.world.program("mcps-gateway");
    program.arg("--home").arg(stage.world.home("gateway"));
    program.args(["stdio", "--config"]);
    program.arg(stage.world.dir().join("gateway.toml"));
    program.arg("--as").arg(&nobody);
    gateway.kill().await;
    let failed = crate::world::run(&mut program);
    let said = failed.failed(3);
    assert!(said.contains("nobody"), "names the home: {said}");
}
