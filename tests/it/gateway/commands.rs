//! Servers that are commands: a process for each session, or one for all.

use futures_util::future::join_all;
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
async fn on_the_one_pipe_of_all_callers_nobody_is_given_an_answer_that_is_not_its_own() {
    let gate = Gate::open(&config("shared = true\nanswer_s = 10\n")).await;
    let with = |name: &str, said: &str| {
        json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call",
            "params": {"name": name, "arguments": {"text": said}}})
        .to_string()
    };
    let (first, given_up) = (session(&gate).await, session(&gate).await);
    let (_, code) = first.refused(&with("late", "first")).await;
    assert_eq!(code, Some(Code::UpstreamUnavailable), "its time is over");
    let hold = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"hold","arguments":{"text":"held"},"_meta":{"progressToken":"mine"}}}"#;
    let (mut held, _) = given_up.tell(hold).await;
    let mut said = String::new();
    while !said.contains("held") {
        let word = held.chunk().await.unwrap().unwrap();
        said += &String::from_utf8_lossy(&word);
    }
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#;
    assert_eq!(given_up.tell(cancel).await.0.status().as_u16(), 202);

    // All of one id at one time, in both eras.
    let older = join_all((0..6).map(|_| session(&gate))).await;
    let older = older.iter().enumerate().map(async |(at, caller)| {
        let said = format!("older {at}");
        (caller.ask(&with("stray", &said)).await, said)
    });
    let newer: Vec<Caller> = (0..6).map(|_| stateless(&gate, "stray")).collect();
    let newer = newer.iter().enumerate().map(async |(at, caller)| {
        let said = format!("newer {at}");
        let params = format!(r#""name":"stray","arguments":{{"text":"{said}"}},"#);
        (caller.ask(&modern(5, "tools/call", &params)).await, said)
    });
    let (older, newer) = tokio::join!(join_all(older), join_all(newer));
    for (told, said) in older.into_iter().chain(newer) {
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(text(&told), said);
    }
    // And whoever had no answer, none of what came too late.
    for caller in [&first, &given_up] {
        let next = with("echo", "mine").replace(r#""id":5"#, r#""id":6"#);
        let told = caller.ask(&next).await;
        assert_eq!((told.len(), text(&told)), (1, "mine".to_owned()));
    }
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
