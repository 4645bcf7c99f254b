//! What one of several servers does to those beside it, where all are one: nothing.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::{Says, Server, result, tool, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::wire::{INITIALIZE, PATIENCE};

const LIST: &str = r#"{"jsonrpc":"2.0","id":90,"method":"tools/list"}"#;

/// A gateway in front of a server that is up to something, and one that is not.
async fn gate(aaa: &Server, zzz: &Server) -> Gate {
    let (aaa, zzz) = (over_http("aaa", aaa), over_http("zzz", zzz));
    Gate::open(&format!("[tenant.default]\n{aaa}{zzz}")).await
}

/// What is asked of all servers is answered, in any time at all.
async fn in_time<T>(asked: impl Future<Output = T>) -> T {
    timeout(PATIENCE, asked)
        .await
        .expect("one server holds everybody up")
}

async fn together(gate: &Gate) -> Caller {
    let mut caller = Caller::of(&gate.stage.agent, &gate.url);
    in_time(caller.open_session()).await;
    caller
}

async fn tools(caller: &Caller) -> Vec<String> {
    let told = in_time(caller.ask(LIST)).await;
    let message: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    let listed = message["result"]["tools"].as_array();
    let listed = listed.unwrap_or_else(|| panic!("{message}"));
    let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
    listed.iter().map(name).collect()
}

/// One page of tools, and the way to the next.
fn page(asked: &Value, tools: &[Value], next: &str) -> Value {
    let result = json!({"tools": tools, "nextCursor": next});
    json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})
}

#[tokio::test]
async fn a_server_that_never_takes_what_it_is_told_keeps_it_from_no_other() {
    let aaa = Server::with(&["look"]).await;
    let said = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    let zzz = Server::standing(
        Some(vec![said.to_string()]),
        |asked| match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            _ => usual(asked),
        },
    )
    .await;
    aaa.deafen();
    let gate = gate(&aaa, &zzz).await;
    let caller = together(&gate).await;
    assert_eq!(zzz.seen("notifications/initialized").len(), 1);
    assert_eq!(tools(&caller).await, ["aaa__look", "zzz__look"]);
    let (mut stood, _) = in_time(caller.fetch(Method::GET, caller.session())).await;
    assert_eq!(stood.status(), StatusCode::OK);
    assert!(in_time(stood.chunk()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_list_that_never_ends_holds_no_other_up() {
    let aaa = Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => {
            let after = Duration::from_secs(2);
            Says::Late(after, page(asked, &[tool("look")], "more"))
        }
        _ => usual(asked),
    })
    .await;
    let zzz = Server::with(&["look"]).await;
    let gate = gate(&aaa, &zzz).await;
    let caller = together(&gate).await;
    assert!(tools(&caller).await.contains(&"zzz__look".to_owned()));
}

#[tokio::test]
async fn a_list_that_takes_all_the_room_is_left_out_alone() {
    // On one page, and on some that are each short enough.
    for (bytes, next) in [((4 << 20) - 4096, None), (3 << 20, Some("more"))] {
        let aaa = Server::saying(move |asked| match asked["method"].as_str() {
            Some("tools/list") => {
                let mut padded = tool("look");
                padded["description"] = "x".repeat(bytes).into();
                let page = page(asked, &[padded], next.unwrap_or_default());
                match next {
                    Some(_) => Says::Json(page),
                    None => result(asked, json!({"tools": page["result"]["tools"]})),
                }
            }
            _ => usual(asked),
        })
        .await;
        let zzz = Server::with(&["look"]).await;
        let gate = gate(&aaa, &zzz).await;
        let caller = together(&gate).await;
        assert_eq!(tools(&caller).await, ["zzz__look"]);
        gate.process.says("what aaa lists is left out").await;
    }
}

#[tokio::test]
async fn a_refusal_that_takes_all_the_room_is_passed_on_to_nobody() {
    let aaa = Server::saying(|asked| match asked["method"].as_str() {
        Some("prompts/list") => {
            let why = "x".repeat((4 << 20) - 4096);
            let error = json!({"code": -32601, "message": why});
            Says::Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}))
        }
        _ => usual(asked),
    })
    .await;
    let zzz = Server::with(&["look"]).await;
    let gate = gate(&aaa, &zzz).await;
    let caller = together(&gate).await;
    let told = in_time(caller.ask(&LIST.replace("tools", "prompts"))).await;
    let message: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    assert_eq!(message["error"]["message"], "no such method");
}

#[tokio::test]
async fn a_revision_that_nobody_knows_is_chosen_for_nobody() {
    for version in ["", "0", "1999-01-01"] {
        let aaa = Server::saying(move |asked| match asked["method"].as_str() {
            Some("initialize") => result(
                asked,
                json!({"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}),
            ),
            _ => usual(asked),
        })
        .await;
        let zzz = Server::with(&["look"]).await;
        let gate = gate(&aaa, &zzz).await;
        let caller = Caller::of(&gate.stage.agent, &gate.url);
        let told = in_time(caller.ask(INITIALIZE)).await;
        let message: Value = serde_json::from_str(told.last().unwrap()).unwrap();
        assert_eq!(message["result"]["protocolVersion"], "2025-11-25");
    }
}
