//! What servers ask of callers by themselves: it is decided as any call is, and who is refused hears so.

use std::fs;

use mcps_core::code::Code;
use serde_json::{Value, json};

use super::server::{Says, Server, content, result, tool, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{Stage, code_of, eventually};

const FORBID: &str = r#"@id("no-sampling") @reason("Nobody's model works for a server.")
forbid (principal, action == Action::"sampling", resource);"#;

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}).to_string()
}

/// A server that asks this under the id 1 before it answers a call.
async fn asking(method: &'static str) -> Server {
    Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
        Some("tools/call") => {
            let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}});
            let Says::Json(answer) = content(asked, "seen") else {
                unreachable!()
            };
            Says::Events(vec![question.to_string(), answer.to_string()])
        }
        _ => usual(asked),
    })
    .await
}

/// A gateway at which no server may ask for sampling.
async fn gate(server: &Server) -> Gate {
    let stage = Stage::set();
    fs::write(stage.world.dir().join("team.cedar"), FORBID).unwrap();
    let config = format!(
        "[tenant.default]\npolicy = [\"team.cedar\"]\n{}",
        over_http("files", server)
    );
    Gate::open_on(stage, &config).await
}

fn asked_by_server(gate: &Gate) -> Value {
    let records = gate.records();
    let found = records.iter().find(|record| record["asked_by"] == "server");
    found.unwrap().clone()
}

#[tokio::test]
async fn a_server_that_may_not_ask_is_told_so_and_its_caller_hears_nothing() {
    for (path, name) in [(Some("files"), "look"), (None, "files__look")] {
        let server = asking("sampling/createMessage").await;
        let gate = gate(&server).await;
        let url = path.map_or(gate.url.clone(), |path| gate.at(path));
        let mut caller = Caller::of(&gate.stage.agent, &url);
        caller.open_session().await;
        let told = caller.ask(&call(7, name)).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("seen"), "{told:?}");
        let answer = eventually("the server hears", async || server.answers().pop()).await;
        assert_eq!(answer["id"], 1, "{answer}");
        assert_eq!(code_of(&answer.to_string()), Some(Code::Denied));
        let record = asked_by_server(&gate);
        assert_eq!(record["decision"], "deny", "{record}");
        assert_eq!(record["rule"], "no-sampling", "{record}");
        assert_eq!(record["server"], "files", "{record}");
        assert_eq!(record["method"], "sampling/createMessage", "{record}");
        assert_eq!(record["principal"]["name"], "agent", "{record}");
        let id = &answer["error"]["data"]["decision_id"];
        assert_eq!(record["decision_id"], *id, "the server is told it too");
    }
}

#[tokio::test]
async fn what_a_server_may_ask_reaches_the_caller_and_is_on_record() {
    for method in ["elicitation/create", "roots/list"] {
        let server = asking(method).await;
        let gate = gate(&server).await;
        let mut caller = gate.caller("files");
        caller.open_session().await;
        let told = caller.ask(&call(7, "look")).await;
        assert!(told[0].contains(method), "{told:?}");
        let record = asked_by_server(&gate);
        assert_eq!(record["decision"], "permit", "{record}");
        let id = record["decision_id"].as_str().unwrap();
        let outcome = gate.record("outcome", id).await;
        assert_eq!(outcome["outcome"], "passed_on", "{outcome}");
        assert!(server.answers().is_empty(), "nobody answers in between");
    }
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_asked_in_vain_and_a_ping_is_nobodys_business() {
    let server = asking("secrets/list").await;
    let gate = gate(&server).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let told = caller.ask(&call(7, "look")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(asked_by_server(&gate)["decision"], "deny");

    let server = asking("ping").await;
    let gate = self::gate(&server).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let told = caller.ask(&call(7, "look")).await;
    assert!(told[0].contains("ping"), "{told:?}");
}

#[tokio::test]
async fn a_result_that_asks_for_too_much_or_for_nobody_knows_what_is_kept_back() {
    let many: serde_json::Map<String, Value> = (0..17)
        .map(|n| (n.to_string(), json!({"method": "roots/list", "params": {}})))
        .collect();
    for wanted in [Value::from(many), json!(["roots/list"]), json!({"a": 1})] {
        let server = Server::saying(move |asked| match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            Some("tools/call") => result(
                asked,
                json!({"resultType": "input_required", "inputRequests": wanted}),
            ),
            _ => usual(asked),
        })
        .await;
        let gate = gate(&server).await;
        let caller = gate.stateless("files", "look");
        let text = modern(1, "tools/call", r#""name":"look","arguments":{},"#);
        let told = caller.ask(&text).await;
        assert_eq!(code_of(&told[0]), Some(Code::Malformed), "{told:?}");
    }
}

#[tokio::test]
async fn a_result_that_asks_for_what_its_server_may_not_ask_is_kept_back() {
    let requests = |method: &str| {
        json!({
            "first": {"method": "elicitation/create", "params": {"message": "name?"}},
            "second": {"method": method, "params": {}},
        })
    };
    for (method, refused) in [
        ("sampling/createMessage", true),
        ("roots/list", false),
        ("secrets/list", true),
    ] {
        let wanted = requests(method);
        let server = Server::saying(move |asked| match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            Some("tools/call") => result(
                asked,
                json!({"resultType": "input_required", "requestState": "s", "inputRequests": wanted}),
            ),
            _ => usual(asked),
        })
        .await;
        let gate = gate(&server).await;
        let caller = gate.stateless("files", "look");
        let text = modern(1, "tools/call", r#""name":"look","arguments":{},"#);
        let told = caller.ask(&text).await;
        let code = code_of(&told[0]);
        assert_eq!(code, refused.then_some(Code::Denied), "{method}: {told:?}");
        assert_eq!(told[0].contains("inputRequests"), !refused, "{told:?}");
    }
}
