//! Calls under way while the configuration is exchanged: each comes to its end as it began, and the next is
//! judged by what is there then.

use std::fs;

use mcps_core::code::Code;
use serde_json::json;

use super::server::{Says, Server, content, result, tool, usual};
use super::{Gate, call_with, over_http};
use crate::listen::caller::Caller;
use crate::listen::modern;
use crate::wire::{INITIALIZE, Stage, code_of, eventually};

/// A server that answers calls of `wait` when the test wants it.
async fn holding() -> Server {
    Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("wait"), tool("look")]})),
        Some("tools/call") => match content(asked, "answered") {
            Says::Json(answer) if asked["params"]["name"] == "wait" => Says::Held(answer),
            other => other,
        },
        _ => usual(asked),
    })
    .await
}

fn call(id: u32, tool: &str) -> String {
    call_with(id, tool, &json!({}))
}

async fn session(gate: &Gate, url: &str) -> Caller {
    let mut caller = Caller::of(&gate.stage.agent, url);
    caller.open_session().await;
    let listed = caller
        .ask(r#"{"jsonrpc":"2.0","id":99,"method":"tools/list"}"#)
        .await;
    assert!(listed[0].contains("wait"), "{listed:?}");
    caller
}

/// Exchanges the configuration while a call is under way by the server's own endpoint and one by that of
/// all, does `then`, and lets them be answered.
async fn meanwhile(
    gate: &Gate,
    server: &Server,
    config: &str,
    said: &str,
    then: impl AsyncFnOnce(&Caller, &Caller),
) {
    let own = session(gate, &gate.at("files")).await;
    let all = session(gate, &gate.url).await;
    let exchange = async {
        eventually("both are under way", async || {
            (server.seen("tools/call").len() == 2).then_some(())
        })
        .await;
        gate.reconfigure(config, said).await;
        then(&own, &all).await;
        server.release();
    };
    let (texts, more) = ([call(1, "wait"), call(1, "files__wait")], "answered");
    let (one, other, ()) = tokio::join!(own.ask(&texts[0]), all.ask(&texts[1]), exchange);
    assert!(one[0].contains(more), "{one:?}");
    assert!(other[0].contains(more), "{other:?}");
}

const EXCHANGED: &str = "the configuration was exchanged";

#[tokio::test]
async fn a_call_under_way_is_answered_though_another_server_is_reached_elsewhere_now() {
    let (files, before, after) = (
        holding().await,
        Server::with(&["push"]).await,
        Server::with(&["push"]).await,
    );
    let with = |mail: &Server| {
        let tenant = "[tenant.default]\n";
        format!(
            "{tenant}{}{}",
            over_http("files", &files),
            over_http("mail", mail)
        )
    };
    let gate = Gate::open(&with(&before)).await;
    let mut newer = Caller::of(&gate.stage.agent, &gate.url);
    newer.headers = gate.stateless("mail", "mail__push").headers;
    let push = |id| modern(id, "tools/call", r#""name":"mail__push","arguments":{},"#);
    let told = newer.ask(&push(1)).await;
    assert!(told[0].contains("push("), "{told:?}");
    meanwhile(&gate, &files, &with(&after), EXCHANGED, async |own, all| {
        let told = own.ask(&call(2, "look")).await;
        assert!(
            told[0].contains("answered"),
            "its session goes on: {told:?}"
        );
        // The session of all is over; the next has what is there now.
        let (response, _) = all.tell(&call(2, "mail__push")).await;
        assert_eq!(response.status().as_u16(), 404);
        let anew = session(&gate, &gate.url).await;
        let told = anew.ask(&call(2, "mail__push")).await;
        assert!(told[0].contains("push("), "{told:?}");
        // Whoever has none just goes on.
        let told = newer.ask(&push(2)).await;
        assert!(told[0].contains("push("), "{told:?}");
    })
    .await;
    assert_eq!(before.seen("tools/call").len(), 1);
    assert_eq!(after.seen("tools/call").len(), 2);
}

#[tokio::test]
async fn a_call_under_way_is_answered_though_it_would_be_forbidden_now() {
    let files = holding().await;
    let stage = Stage::set();
    let forbid = r#"@id("no-waiting") @reason("Nobody waits.")
forbid (principal, action == Action::"call_tool", resource) when { resource.name == "wait" };"#;
    fs::write(stage.world.dir().join("team.cedar"), forbid).unwrap();
    let with = |policy: &str| format!("[tenant.default]\n{policy}{}", over_http("files", &files));
    let gate = Gate::open_on(stage, &with("")).await;
    let config = with("policy = [\"team.cedar\"]\n");
    meanwhile(&gate, &files, &config, EXCHANGED, async |own, all| {
        for (caller, name) in [(own, "wait"), (all, "files__wait")] {
            let told = caller.ask(&call(2, name)).await;
            assert_eq!(code_of(&told[0]), Some(Code::Denied), "{told:?}");
        }
    })
    .await;
    assert_eq!(files.seen("tools/call").len(), 2);
}

#[tokio::test]
async fn a_call_under_way_is_answered_though_its_server_is_configured_no_more() {
    let (files, mail) = (holding().await, Server::with(&["push"]).await);
    let mail = over_http("mail", &mail);
    let both = format!("[tenant.default]\n{}{mail}", over_http("files", &files));
    let gate = Gate::open(&both).await;
    let rest = format!("[tenant.default]\n{mail}");
    meanwhile(
        &gate,
        &files,
        &rest,
        "there are 1 servers",
        async |own, all| {
            let (response, _) = own.tell(&call(2, "look")).await;
            assert_eq!(response.status().as_u16(), 404, "there is no such endpoint");
            let (response, _) = gate.caller("files").tell(INITIALIZE).await;
            assert_eq!(response.status().as_u16(), 404);
            let told = all.ask(&call(2, "files__look")).await;
            assert_eq!(code_of(&told[0]), Some(Code::UnknownServer), "{told:?}");
            assert!(files.headers("DELETE").is_empty(), "it is not ended before");
        },
    )
    .await;
    assert_eq!(files.seen("tools/call").len(), 2);
    // What was begun there is ended when nothing is under way any more.
    eventually("the session ends", async || files.headers("DELETE").pop()).await;
}
