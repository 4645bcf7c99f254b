//! Servers that are commands: a process for each session, or one for all.

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::Gate;
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::world::bin;

fn config(more: &str) -> String {
    let server = bin("test-server").display().to_string();
    format!("[tenant.default]\n[[server]]\nname = \"test\"\ncommand = [{server:?}]\n{more}")
}

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {"text": "hi"}}}).to_string()
}

fn text(told: &[String]) -> String {
    let message: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{message}")).to_owned()
}

async fn session(gate: &Gate) -> Caller {
    let mut caller = gate.caller("test");
    caller.open_session().await;
    caller
}

fn stateless(gate: &Gate, tool: &str) -> Caller {
    gate.stateless("test", tool)
}

#[tokio::test]
async fn each_session_has_a_process_of_its_own() {
    let gate = Gate::open(&config("")).await;
    let (one, other) = (session(&gate).await, session(&gate).await);
    assert_eq!(text(&one.ask(&call(1, "echo")).await), "hi");
    let first = text(&one.ask(&call(2, "pid")).await);
    assert_eq!(text(&one.ask(&call(3, "pid")).await), first);
    assert_ne!(text(&other.ask(&call(2, "pid")).await), first);
}

#[tokio::test]
async fn a_run_of_the_newer_era_has_a_process_of_its_own_unless_it_is_shared() {
    for (more, same) in [("", false), ("shared = true\n", true)] {
        let gate = Gate::open(&config(more)).await;
        let (one, other) = (stateless(&gate, "pid"), stateless(&gate, "pid"));
        let ask = async |caller: &Caller, id| {
            let asked = modern(id, "tools/call", r#""name":"pid","arguments":{},"#);
            text(&caller.ask(&asked).await)
        };
        let first = ask(&one, 1).await;
        assert_eq!(ask(&one, 2).await, first);
        assert_eq!(ask(&other, 1).await == first, same);
    }
}

#[tokio::test]
async fn a_process_that_dies_ends_its_own_session_alone() {
    let gate = Gate::open(&config("")).await;
    let (one, other) = (session(&gate).await, session(&gate).await);
    let pid = text(&one.ask(&call(1, "pid")).await);
    let sent = std::process::Command::new("kill")
        .args(["-s", "KILL", &pid])
        .status();
    assert!(sent.unwrap().success());
    crate::wire::eventually("its session is over", async || {
        let (response, _) = one.tell(&call(2, "pid")).await;
        (response.status().as_u16() == 404).then_some(())
    })
    .await;
    assert_eq!(text(&other.ask(&call(2, "echo")).await), "hi");
    assert_eq!(
        text(&session(&gate).await.ask(&call(1, "echo")).await),
        "hi"
    );
}

#[tokio::test]
async fn a_line_of_100_mb_is_one_sessions_end_and_no_other_notices() {
    let gate = Gate::open(&config("")).await;
    let (one, other) = (session(&gate).await, session(&gate).await);
    let resident = || crate::listen::load::ground::resident(gate.process.id()).unwrap();
    let before = resident();
    let (_, code) = one.refused(&call(1, "flood")).await;
    assert_eq!(code, Some(Code::UpstreamUnavailable));
    assert_eq!(text(&other.ask(&call(2, "echo")).await), "hi");
    let grown = resident().saturating_sub(before);
    assert!(grown < 60 * 1024, "the gateway holds {grown} KiB more");
}

#[tokio::test]
async fn processes_end_with_the_gateway() {
    let mut gate = Gate::open(&config("")).await;
    let caller = session(&gate).await;
    let pid = text(&caller.ask(&call(1, "pid")).await);
    let id = gate.process.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", "TERM", &id])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(gate.process.exit().await, 0);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
