//! What becomes of calls under way when the gateway is asked to stop.

use std::fs;
use std::time::{Duration, Instant};

use mcps_core::code::Code;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::server::{Says, Server, content, result, tool, usual};
use super::{Gate, over_http};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{code_of, eventually};
use crate::world::{bin, run};

/// A server whose calls are answered when the test wants it.
async fn holding() -> Server {
    let acknowledged = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}"#;
    Server::standing(Some(Vec::new()), move |asked| {
        match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
            Some("tools/call") => match content(asked, "seen") {
                Says::Json(answer) => Says::Held(answer),
                other => other,
            },
            Some("subscriptions/listen") => Says::Stays(vec![acknowledged.to_owned()]),
            _ => usual(asked),
        }
    })
    .await
}

fn call(id: u32, name: &str, text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {"text": text}}})
        .to_string()
}

async fn session(gate: &Gate, path: Option<&str>) -> Caller {
    let url = path.map_or(gate.url.clone(), |path| gate.at(path));
    let mut caller = Caller::of(&gate.stage.agent, &url);
    caller.open_session().await;
    caller
}

fn terminate(gate: &Gate) {
    let id = gate.process.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-s", "TERM", &id]).status().unwrap().success());
}

/// Where the gateway listens.
fn address(gate: &Gate) -> String {
    let address = gate.url.strip_prefix("http://").unwrap();
    address.strip_suffix("/mcp").unwrap().to_owned()
}

/// Nobody listens there any more.
async fn is_closed(address: &str) {
    eventually("nobody listens any more", async || {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
}

fn records_are_whole(gate: &Gate) {
    let mut verify = gate.stage.world.mcps(&gate.home);
    run(verify.args(["events", "verify"])).succeeded();
}

#[tokio::test]
async fn each_call_under_way_has_its_answer_and_nobody_else_gets_in() {
    let server = holding().await;
    let program = bin("test-server").display().to_string();
    let stage = crate::wire::Stage::set();
    let (journal, go) = (
        stage.world.dir().join("journal"),
        stage.world.dir().join("go"),
    );
    let config = format!(
        "[tenant.default]\n{}[[server]]\nname = \"test\"\ncommand = [{program:?}, \"--journal\", {:?}]\n",
        over_http("files", &server),
        journal.display().to_string()
    );
    let mut gate = Gate::open_on(stage, &config).await;
    let files = session(&gate, Some("files")).await;
    let test = session(&gate, Some("test")).await;
    let (one, other) = (session(&gate, None).await, session(&gate, None).await);
    let newer = gate.stateless("files", "look");
    let wait = go.display().to_string();
    // The tools are known before anybody is held.
    let listed = test
        .ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .await;
    assert!(listed[0].contains("wait"), "{listed:?}");

    let address = address(&gate);
    let meanwhile = async {
        eventually("all are under way", async || {
            let waiting = fs::read_to_string(&journal).unwrap_or_default();
            let waiting = waiting.lines().count() + server.seen("tools/call").len();
            (waiting == 5).then_some(())
        })
        .await;
        terminate(&gate);
        gate.process.says("finishing what is under way").await;
        is_closed(&address).await;
        server.release();
        fs::write(&go, "").unwrap();
    };
    let texts = [
        call(7, "look", ""),
        call(7, "wait", &wait),
        call(7, "files__look", ""),
        call(7, "test__wait", &wait),
        modern(7, "tools/call", r#""name":"look","arguments":{},"#),
    ];
    let [a, b, c, d, e] = texts;
    let told = tokio::join!(
        files.ask(&a),
        test.ask(&b),
        one.ask(&c),
        other.ask(&d),
        newer.ask(&e),
        meanwhile
    );
    for told in [told.0, told.1, told.2, told.3, told.4] {
        let answer: Value = serde_json::from_str(told.last().unwrap()).unwrap();
        assert_eq!(answer["id"], 7, "{answer}");
        assert!(answer["result"]["content"].is_array(), "{answer}");
    }
    assert_eq!(gate.process.exit().await, 0, "{}", gate.process.words());
    records_are_whole(&gate);
    let records = gate.records();
    let calls = records
        .iter()
        .filter(|record| record["method"] == "tools/call");
    let decided: Vec<&Value> = calls
        .filter(|record| record["event"] == "decision")
        .collect();
    assert_eq!(decided.len(), 5);
    for decision in decided {
        let of = |record: &&Value| {
            record["event"] == "outcome" && record["decision_id"] == decision["decision_id"]
        };
        let outcome = records
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{decision}"));
        assert_eq!(outcome["outcome"], "answered", "{outcome}");
    }
}

#[tokio::test]
async fn who_waits_for_too_long_is_told_and_who_only_listens_holds_up_nothing() {
    let server = holding().await;
    let config = format!("[tenant.default]\n{}", over_http("files", &server));
    let mut gate = Gate::open(&config).await;
    let files = session(&gate, Some("files")).await;
    let other = session(&gate, Some("files")).await;
    let listed = other
        .ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .await;
    assert!(listed[0].contains("look"), "{listed:?}");
    let (mut standing, _) = other.fetch(Method::GET, other.session()).await;
    let mut newer = gate.stateless("files", "");
    newer.headers.truncate(2);
    newer.headers[1].1 = "subscriptions/listen".to_owned();
    let text = modern(1, "subscriptions/listen", r#""notifications":{},"#);
    let (mut listening, _) = newer.tell(&text).await;
    assert_eq!(listening.headers()["content-type"], "text/event-stream");

    let since = Instant::now();
    let text = call(7, "look", "");
    let meanwhile = async {
        eventually("it is under way", async || server.seen("tools/call").pop()).await;
        terminate(&gate);
        while let Ok(Some(_)) = standing.chunk().await {}
        while let Ok(Some(_)) = listening.chunk().await {}
        since.elapsed()
    };
    let asking = async { (files.ask(&text).await, since.elapsed()) };
    let ((told, waited), hushed) = tokio::join!(asking, meanwhile);
    assert!(hushed < waited, "{hushed:?}");
    assert_eq!(
        code_of(told.last().unwrap()),
        Some(Code::UpstreamUnavailable),
        "{told:?}"
    );
    assert!(
        waited > Duration::from_secs(15),
        "it was left its time: {waited:?}"
    );
    assert_eq!(gate.process.exit().await, 0, "{}", gate.process.words());
    records_are_whole(&gate);
    let records = gate.records();
    let called =
        |record: &&Value| record["event"] == "decision" && record["method"] == "tools/call";
    let call = records.iter().find(called).unwrap();
    let outcome = gate.record("outcome", call["decision_id"].as_str().unwrap());
    let outcome = outcome.await;
    assert_eq!(outcome["outcome"], "failed", "{outcome}");
    assert_eq!(outcome["code"], Code::UpstreamUnavailable.id(), "{outcome}");
}
