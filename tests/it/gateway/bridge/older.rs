//! Callers of 2025-11-25 at a server of 2026-07-28.

use mcps_core::code::Code;
use mcps_core::message::Message;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{META, PLACES, caller_at, error, gate, last, newer_server, next, older_server, seen};
use crate::gateway::server::{Says, result};
use crate::wire::{code_of, eventually};

fn call(id: u32, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": name, "arguments": {"n": 1}, "_meta": {"progressToken": "mine"}}})
    .to_string()
}

fn ask(id: u32, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

#[tokio::test]
async fn each_request_says_what_the_session_said_once() {
    for (path, name) in PLACES {
        let server = newer_server(|asked| {
            let token = &asked["params"]["_meta"]["progressToken"];
            let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
            let Says::Json(answer) = result(asked, seen(asked)) else { unreachable!() };
            Says::Events(vec![progress.to_string(), answer.to_string()])
        })
        .await;
        let gate = gate(&server, "2026-07-28").await;
        let mut caller = caller_at(&gate, path);
        caller.open_session().await;
        let told = caller
            .ask(&ask(1, "logging/setLevel", json!({"level": "warning"})))
            .await;
        assert!(last(&told)["result"].is_object(), "{told:?}");
        let told = caller.ask(&call(7, name)).await;
        let progress: Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!(progress["params"]["progressToken"], "mine", "{progress}");
        let answer = last(&told);
        assert_eq!(answer["id"], 7);
        assert_eq!(
            answer["result"]["content"][0]["text"], r#"look({"n":1})"#,
            "{answer}"
        );
        assert!(answer["result"].get("resultType").is_none(), "{answer}");
        let told = last(&caller.ask(&ask(8, "tools/list", json!({}))).await);
        assert_eq!(told["result"]["tools"][0]["name"], name, "{told}");
        assert!(told["result"].get("ttlMs").is_none(), "{told}");
        let told = last(&caller.ask(&ask(9, "ping", json!({}))).await);
        assert_eq!(told["result"], json!({}));

        let called = &server.seen("tools/call")[0];
        let meta = &called["params"]["_meta"];
        assert_eq!(meta[format!("{META}logLevel")], "warning", "{called}");
        assert!(meta[format!("{META}clientInfo")].is_object(), "{called}");
        let headers = &server.headers("tools/call")[0];
        let header = |name: &str| {
            let found = headers.iter().find(|(is, _)| is == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(header("mcp-method"), Some("tools/call"));
        assert_eq!(header("mcp-name"), Some("look"));
        assert_eq!(
            header("mcp-param-n"),
            Some("1"),
            "the tool wants it there too"
        );
        assert_eq!(header("mcp-session-id"), None);
        for method in [
            "initialize",
            "notifications/initialized",
            "ping",
            "logging/setLevel",
        ] {
            assert!(
                server.seen(method).is_empty(),
                "{method} is nothing for this server"
            );
        }
    }
}

#[tokio::test]
async fn a_session_begins_by_what_the_server_says_of_itself() {
    let server = newer_server(|asked| error(asked, -32601, "no")).await;
    let gate = gate(&server, "2026-07-28").await;
    let caller = caller_at(&gate, Some("files"));
    let told = last(&caller.ask(crate::wire::INITIALIZE).await);
    let said = &told["result"];
    assert_eq!(said["protocolVersion"], "2025-11-25", "{told}");
    assert_eq!(said["serverInfo"]["name"], "newer");
    assert_eq!(said["instructions"], "look first");
    assert_eq!(said["capabilities"]["tools"]["listChanged"], true);
    assert!(
        said.get("supportedVersions").is_none() && said.get("resultType").is_none(),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_that_speaks_another_era_than_it_should_is_said_so() {
    let server = older_server(None, |asked| error(asked, -32601, "no")).await;
    let gate = gate(&server, "2026-07-28").await;
    let caller = caller_at(&gate, Some("files"));
    let told = caller.ask(crate::wire::INITIALIZE).await;
    assert_eq!(
        code_of(told.last().unwrap()),
        Some(Code::NoMutualVersion),
        "{told:?}"
    );
    assert_eq!(server.seen("initialize").len(), 0);
}

#[tokio::test]
async fn what_the_newer_era_does_not_have_is_refused_by_name() {
    let server = newer_server(|asked| error(asked, -32021, "it wants sampling")).await;
    let gate = gate(&server, "2026-07-28").await;
    let mut caller = caller_at(&gate, Some("files"));
    caller.open_session().await;
    for method in [
        "tasks/list",
        "tasks/get",
        "server/discover",
        "subscriptions/listen",
    ] {
        let told = last(&caller.ask(&ask(1, method, json!({}))).await);
        assert_eq!(told["error"]["code"], -32601, "{told}");
        let why = told["error"]["message"].as_str().unwrap();
        assert!(why.contains(method), "{told}");
    }
    assert_eq!(
        server.seen("tasks/list").len() + server.seen("tasks/get").len(),
        0
    );
    let told = last(&caller.ask(&call(2, "look")).await);
    assert_eq!(told["error"]["code"], -32600, "{told}");
    assert_eq!(told["error"]["message"], "it wants sampling");
}

fn questions(asked: &Value, key: &str, method: &str) -> Says {
    let method = method.to_owned();
    let params = json!({"messages": [], "maxTokens": 1, "message": "who?", "requestedSchema": {"type": "object", "properties": {}}});
    result(
        asked,
        json!({"resultType": "input_required", "requestState": "opaque-1", "inputRequests": {key: {"method": method, "params": params}}}),
    )
}

/// `initialize` of a caller who can be asked.
const ABLE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"sampling":{},"roots":{"listChanged":true}},"clientInfo":{"name":"t","version":"1"}}}"#;

async fn able(caller: &mut crate::listen::caller::Caller) {
    let (response, mut body) = caller.tell(ABLE).await;
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    for text in crate::listen::caller::messages(response).await {
        caller.open(&mut body, text).await.unwrap();
    }
    caller.headers.push(("mcp-session-id".to_owned(), session));
    caller
        .headers
        .push(("mcp-protocol-version".to_owned(), "2025-11-25".to_owned()));
}

#[tokio::test]
async fn what_the_server_wants_to_know_is_asked_of_the_caller_and_the_request_goes_on() {
    for (path, name) in PLACES {
        let server = newer_server(|asked| match &asked["params"]["inputResponses"]["who"] {
            Value::Null => questions(asked, "who", "elicitation/create"),
            who => result(
                asked,
                json!({"resultType": "complete", "content": [{"type": "text", "text": format!("{} {}", who["content"]["name"], asked["params"]["requestState"])}]}),
            ),
        })
        .await;
        let gate = gate(&server, "2026-07-28").await;
        let mut caller = caller_at(&gate, path);
        able(&mut caller).await;
        let (mut response, mut body) = caller.tell(&call(7, name)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut rest = String::new();
        let text = next(&mut response, &mut rest).await;
        let question = caller.open(&mut body, text).await.unwrap().message;
        assert_eq!(question.method().as_deref(), Some("elicitation/create"));
        let id: Value = serde_json::from_str(question.id().unwrap().as_str()).unwrap();
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"action": "accept", "content": {"name": "Ada"}}});
        assert_eq!(
            caller.tell(&answer.to_string()).await.0.status(),
            StatusCode::ACCEPTED
        );
        let text = next(&mut response, &mut rest).await;
        let answer: Message = caller.open(&mut body, text).await.unwrap().message;
        let answer: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(answer["id"], 7);
        assert_eq!(
            answer["result"]["content"][0]["text"], r#""Ada" "opaque-1""#,
            "{answer}"
        );
        let called = server.seen("tools/call");
        assert_eq!(called.len(), 2);
        assert_ne!(called[0]["id"], called[1]["id"]);
        assert_eq!(called[1]["params"]["arguments"], json!({"n": 1}));
    }
}

#[tokio::test]
async fn a_caller_who_cannot_answer_is_not_asked() {
    let server = newer_server(|asked| questions(asked, "who", "sampling/createMessage")).await;
    let gate = gate(&server, "2026-07-28").await;
    let mut caller = caller_at(&gate, Some("files"));
    caller.open_session().await;
    let told = caller.ask(&call(7, "look")).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let why = last(&told)["error"]["message"].as_str().unwrap().to_owned();
    assert!(why.contains("sampling/createMessage"), "{why}");
    assert_eq!(server.seen("tools/call").len(), 1);
}

#[tokio::test]
async fn a_caller_who_refuses_to_answer_ends_the_request() {
    let server = newer_server(|asked| questions(asked, "who", "roots/list")).await;
    let gate = gate(&server, "2026-07-28").await;
    let mut caller = caller_at(&gate, Some("files"));
    able(&mut caller).await;
    let (mut response, mut body) = caller.tell(&call(7, "look")).await;
    let mut rest = String::new();
    let text = next(&mut response, &mut rest).await;
    let question = caller.open(&mut body, text).await.unwrap().message;
    let id: Value = serde_json::from_str(question.id().unwrap().as_str()).unwrap();
    let no = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "no"}});
    caller.tell(&no.to_string()).await;
    let text = next(&mut response, &mut rest).await;
    let answer = caller.open(&mut body, text).await.unwrap().message;
    assert!(
        answer.text().contains("does not answer roots/list"),
        "{}",
        answer.text()
    );
    assert_eq!(server.seen("tools/call").len(), 1);
}

#[tokio::test]
async fn a_request_that_its_caller_gives_up_is_closed_at_the_server() {
    let server = newer_server(|_| Says::Stays(Vec::new())).await;
    let gate = gate(&server, "2026-07-28").await;
    let mut caller = caller_at(&gate, Some("files"));
    caller.open_session().await;
    let caller = std::sync::Arc::new(caller);
    let asking = async { last(&caller.ask(&call(7, "look")).await) };
    let giving_up = async {
        eventually("it is asked", async || server.seen("tools/call").pop()).await;
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
        assert_eq!(
            caller.tell(&cancelled.to_string()).await.0.status(),
            StatusCode::ACCEPTED
        );
    };
    let (told, ()) = tokio::join!(asking, giving_up);
    assert!(told["error"].is_object(), "{told}");
    assert!(
        server.seen("notifications/cancelled").is_empty(),
        "closing the response says it"
    );
}

#[tokio::test]
async fn the_stream_of_the_older_era_is_a_subscription_of_the_newer() {
    let server = newer_server(|asked| {
        let meta = json!({format!("{META}subscriptionId"): asked["id"]});
        let say = |method: &str, params: Value| {
            let mut params = params;
            params["_meta"] = meta.clone();
            json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
        };
        let mut events = vec![say(
            "notifications/subscriptions/acknowledged",
            json!({"notifications": {}}),
        )];
        match asked["params"]["notifications"]["resourceSubscriptions"][0].as_str() {
            Some(uri) => events.push(say("notifications/resources/updated", json!({"uri": uri}))),
            None => events.push(say("notifications/tools/list_changed", json!({}))),
        }
        Says::Stays(events)
    })
    .await;
    let gate = gate(&server, "2026-07-28").await;
    let mut caller = caller_at(&gate, Some("files"));
    caller.open_session().await;
    let session = caller.session().to_owned();
    let (mut response, mut body) = caller.fetch(Method::GET, &session).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut rest = String::new();
    let text = next(&mut response, &mut rest).await;
    let told = caller.open(&mut body, text).await.unwrap().message;
    assert_eq!(
        told.method().as_deref(),
        Some("notifications/tools/list_changed")
    );
    assert!(!told.text().contains("subscriptionId"), "{}", told.text());
    let told = last(
        &caller
            .ask(&ask(3, "resources/subscribe", json!({"uri": "file:///a"})))
            .await,
    );
    assert_eq!(told["result"], json!({}), "{told}");
    let text = next(&mut response, &mut rest).await;
    let told = caller.open(&mut body, text).await.unwrap().message;
    assert_eq!(
        told.method().as_deref(),
        Some("notifications/resources/updated")
    );
    let listens = server.seen("subscriptions/listen");
    assert_eq!(
        listens[0]["params"]["notifications"],
        json!({"toolsListChanged": true})
    );
    assert_eq!(
        listens[1]["params"]["notifications"]["resourceSubscriptions"],
        json!(["file:///a"])
    );
    assert!(server.seen("resources/subscribe").is_empty());
}

#[tokio::test]
async fn without_the_option_the_eras_stay_apart() {
    let server = newer_server(|asked| result(asked, seen(asked))).await;
    let config = format!(
        "[tenant.default]\n{}",
        crate::gateway::over_http("files", &server)
    );
    let gate = crate::gateway::Gate::open(&config).await;
    let caller = caller_at(&gate, Some("files"));
    let told = last(&caller.ask(crate::wire::INITIALIZE).await);
    assert!(
        told["error"].is_object() && code_of(&told.to_string()) != Some(Code::NoMutualVersion),
        "{told}"
    );
    assert_eq!(server.seen("initialize").len(), 1);
}
