//! Callers of 2026-07-28 at a server of 2025-11-25.

use std::sync::atomic::{AtomicUsize, Ordering};

use mcps_core::code::Code;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    META, PLACES, asked, caller_at, error, gate, last, newer_headers, newer_server, next,
    older_server, seen,
};
use crate::gateway::server::{Says, result};
use crate::listen::caller::Caller;
use crate::wire::{code_of, eventually};

pub(super) async fn call(caller: &mut Caller, id: u32, name: &str, more: Value) -> Vec<String> {
    newer_headers(caller, "tools/call", Some(name));
    let mut params = json!({"name": name, "arguments": {"n": 1}});
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    caller.ask(&asked(id, "tools/call", params)).await
}

#[tokio::test]
async fn the_server_has_a_session_of_which_its_caller_knows_nothing() {
    for (path, name) in PLACES {
        let server = older_server(None, |asked| result(asked, seen(asked))).await;
        let gate = gate(&server, "2025-11-25").await;
        let mut caller = caller_at(&gate, path);
        for id in [1, 2] {
            let told = last(&call(&mut caller, id, name, json!({})).await);
            assert_eq!(told["id"], id);
            assert_eq!(
                told["result"]["content"][0]["text"], r#"look({"n":1})"#,
                "{told}"
            );
            assert_eq!(told["result"]["resultType"], "complete");
        }
        newer_headers(&mut caller, "tools/list", None);
        let told = last(&caller.ask(&asked(3, "tools/list", json!({}))).await);
        assert_eq!(told["result"]["tools"][0]["name"], name, "{told}");
        assert_eq!(told["result"]["resultType"], "complete");
        assert!(told["result"]["ttlMs"].is_number(), "{told}");

        assert_eq!(server.seen("initialize").len(), 1, "one session");
        assert_eq!(server.seen("notifications/initialized").len(), 1);
        let said = &server.seen("initialize")[0]["params"];
        assert_eq!(said["capabilities"]["sampling"], json!({}), "{said}");
        assert_eq!(said["clientInfo"]["name"], "t");
        let headers = &server.headers("tools/call")[0];
        let header = |name: &str| {
            let found = headers.iter().find(|(is, _)| is == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(header("mcp-session-id"), Some("theirs"));
        assert_eq!(header("mcp-protocol-version"), Some("2025-11-25"));
        assert_eq!((header("mcp-method"), header("mcp-name")), (None, None));
        let called = &server.seen("tools/call")[0];
        assert!(!called.to_string().contains(META), "{called}");
    }
}

#[tokio::test]
async fn what_the_server_can_do_is_discovered() {
    for (path, _) in PLACES {
        let server = older_server(None, |asked| error(asked, -32601, "no")).await;
        let gate = gate(&server, "2025-11-25").await;
        let mut caller = caller_at(&gate, path);
        newer_headers(&mut caller, "server/discover", None);
        let told = last(&caller.ask(&asked(1, "server/discover", json!({}))).await);
        let said = &told["result"];
        assert_eq!(said["supportedVersions"], json!(["2026-07-28"]), "{told}");
        assert_eq!(said["resultType"], "complete");
        assert_eq!(said["capabilities"]["tools"]["listChanged"], true);
        assert!(said["capabilities"].get("tasks").is_none(), "{told}");
        assert!(server.seen("server/discover").is_empty());
    }
}

#[tokio::test]
async fn what_the_older_era_does_not_have_is_refused_by_name() {
    let server = older_server(None, |asked| error(asked, -32002, "no such resource")).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    for method in ["ping", "tasks/get", "logging/setLevel"] {
        newer_headers(&mut caller, method, None);
        let (response, mut body) = caller.tell(&asked(1, method, json!({}))).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let text = crate::listen::caller::messages(response).await.remove(0);
        let told = caller.open(&mut body, text).await.unwrap().message;
        assert!(
            told.text().contains(method) && told.text().contains("-32601"),
            "{}",
            told.text()
        );
    }
    newer_headers(&mut caller, "resources/read", Some("file:///a"));
    let told = last(
        &caller
            .ask(&asked(2, "resources/read", json!({"uri": "file:///a"})))
            .await,
    );
    assert_eq!(told["error"]["code"], -32602, "{told}");
}

#[tokio::test]
async fn a_server_that_speaks_another_era_than_it_should_is_said_so() {
    let server = newer_server(|asked| error(asked, -32601, "no")).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    newer_headers(&mut caller, "server/discover", None);
    let told = caller.ask(&asked(1, "server/discover", json!({}))).await;
    assert_eq!(
        code_of(told.last().unwrap()),
        Some(Code::NoMutualVersion),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_session_that_the_server_has_forgotten_is_opened_anew() {
    let calls = AtomicUsize::new(0);
    let server = older_server(None, move |asked| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            1 => Says::Raw(
                "HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            ),
            _ => result(asked, seen(asked)),
        }
    })
    .await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    for id in [1, 2] {
        let told = last(&call(&mut caller, id, "look", json!({})).await);
        assert!(told["result"].is_object(), "{told}");
    }
    assert_eq!(server.seen("initialize").len(), 2);
    assert_eq!(server.seen("tools/call").len(), 3);
}

pub(super) fn asking(asked: &Value, method: &str) -> Says {
    let question =
        json!({"jsonrpc": "2.0", "id": 41, "method": method, "params": {"message": "who?"}});
    let token = &asked["params"]["_meta"]["progressToken"];
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 2}});
    let Says::Json(answer) = result(asked, seen(asked)) else {
        unreachable!()
    };
    Says::Events(vec![
        question.to_string(),
        progress.to_string(),
        answer.to_string(),
    ])
}

#[tokio::test]
async fn what_the_server_asks_is_the_answer_and_the_next_request_goes_on_with_the_call() {
    for (path, name) in PLACES {
        let server = older_server(None, |asked| asking(asked, "elicitation/create")).await;
        let gate = gate(&server, "2025-11-25").await;
        let mut caller = caller_at(&gate, path);
        let told = last(&call(&mut caller, 1, name, json!({})).await);
        let required = &told["result"];
        assert_eq!(required["resultType"], "input_required", "{told}");
        let requests = required["inputRequests"].as_object().unwrap();
        let (key, request) = requests.iter().next().unwrap();
        assert_eq!(request["method"], "elicitation/create");
        assert_eq!(request["params"]["message"], "who?");

        let back = json!({"requestState": required["requestState"], "inputResponses": {key: {"action": "accept", "content": {"name": "Ada"}}}});
        let told = call(&mut caller, 2, name, back.clone()).await;
        let progress: Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!(
            progress["params"]["progressToken"], "of-2",
            "it is the second request's: {progress}"
        );
        let told = last(&told);
        assert_eq!(told["id"], 2);
        assert_eq!(told["result"]["resultType"], "complete", "{told}");
        let [answer] = server.answers().try_into().unwrap();
        assert_eq!(answer["id"], 41, "{answer}");
        assert_eq!(answer["result"]["content"]["name"], "Ada");
        assert_eq!(server.seen("tools/call").len(), 1, "the call went on");

        let told = last(&call(&mut caller, 3, name, back).await);
        assert_eq!(told["error"]["code"], -32602, "it is good once: {told}");
    }
}

#[tokio::test]
async fn a_call_that_waits_goes_on_for_its_own_request_and_its_own_caller_alone() {
    let server = older_server(None, |asked| asking(asked, "elicitation/create")).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    let told = last(&call(&mut caller, 1, "look", json!({})).await);
    let state = told["result"]["requestState"].clone();
    let answer = json!({"answer": {"action": "accept"}});
    let back = json!({"requestState": state, "inputResponses": answer});

    let mut other = back.clone();
    other["arguments"] = json!({"n": 2});
    let told = last(&call(&mut caller, 2, "look", other).await);
    assert_eq!(
        told["error"]["code"], -32602,
        "what was judged is not what would be done: {told}"
    );
    let told = last(&call(&mut caller, 3, "look", json!({"inputResponses": answer})).await);
    assert_eq!(told["error"]["code"], -32602, "{told}");
    let guessed = json!({"requestState": "0".repeat(32), "inputResponses": answer});
    let told = last(&call(&mut caller, 4, "look", guessed).await);
    assert_eq!(told["error"]["code"], -32602, "{told}");
    assert!(server.answers().is_empty());

    let told = last(&call(&mut caller, 5, "look", back).await);
    assert_eq!(told["result"]["resultType"], "complete", "{told}");
}

#[tokio::test]
async fn calls_that_wait_are_bounded() {
    let server = older_server(None, |asked| asking(asked, "roots/list")).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    for id in 1..=16 {
        let told = last(&call(&mut caller, id, "look", json!({})).await);
        assert_eq!(told["result"]["resultType"], "input_required", "{told}");
    }
    let told = call(&mut caller, 17, "look", json!({})).await;
    assert_eq!(code_of(told.last().unwrap()), Some(Code::RateLimited));
    let refused = eventually("the server hears", async || server.answers().pop()).await;
    assert!(refused["error"].is_object(), "{refused}");
}

#[tokio::test]
async fn a_request_whose_response_is_closed_is_cancelled_at_the_server() {
    let server = older_server(None, |asked| {
        let token = &asked["params"]["_meta"]["progressToken"];
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}});
        Says::Stays(vec![progress.to_string()])
    })
    .await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    newer_headers(&mut caller, "tools/call", Some("look"));
    let text = asked(1, "tools/call", json!({"name": "look", "arguments": {}}));
    let (mut response, _) = caller.tell(&text).await;
    next(&mut response, &mut String::new()).await;
    drop(response);
    let cancelled = eventually("the server hears", async || {
        server.seen("notifications/cancelled").pop()
    })
    .await;
    assert_eq!(
        cancelled["params"]["requestId"],
        server.seen("tools/call")[0]["id"]
    );
}

#[tokio::test]
async fn a_subscription_is_the_stream_of_a_session_of_its_own() {
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let updated = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}"#;
    let unwanted = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
    let events = [unwanted, changed, updated].map(str::to_owned).to_vec();
    let server = older_server(Some(events), |asked| result(asked, json!({}))).await;
    let gate = gate(&server, "2025-11-25").await;
    let mut caller = caller_at(&gate, Some("files"));
    newer_headers(&mut caller, "subscriptions/listen", None);
    let wanted = json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["file:///a"]}});
    let (mut response, mut body) = caller.tell(&asked(9, "subscriptions/listen", wanted)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut rest = String::new();
    let mut told = Vec::new();
    for _ in 0..3 {
        let text = next(&mut response, &mut rest).await;
        let message = caller.open(&mut body, text).await.unwrap().message;
        told.push(serde_json::from_str::<Value>(message.text()).unwrap());
    }
    let agreed = json!({"toolsListChanged": true, "resourceSubscriptions": ["file:///a"]});
    assert_eq!(told[0]["params"]["notifications"], agreed, "{told:?}");
    assert_eq!(told[1]["method"], "notifications/tools/list_changed");
    assert_eq!(told[2]["method"], "notifications/resources/updated");
    for message in &told {
        assert_eq!(
            message["params"]["_meta"][format!("{META}subscriptionId")],
            9,
            "{message}"
        );
    }
    assert_eq!(server.seen("resources/subscribe").len(), 1);
    drop(response);
    eventually("its session ends", async || server.headers("DELETE").pop()).await;
}

#[tokio::test]
async fn callers_who_do_not_sign_have_a_session_for_each_request() {
    let server = older_server(None, |asked| result(asked, seen(asked))).await;
    let config = format!(
        "[tenant.default]\nanonymous = true\n{}era = \"2025-11-25\"\n",
        crate::gateway::over_http("files", &server)
    );
    let gate = crate::gateway::Gate::open(&config).await;
    let mut caller = caller_at(&gate, Some("files"));
    newer_headers(&mut caller, "tools/call", Some("look"));
    for id in [1, 2] {
        let text = asked(id, "tools/call", json!({"name": "look", "arguments": {}}));
        let told = crate::listen::caller::messages(caller.post(text).await).await;
        assert!(
            str::from_utf8(&told[0]).unwrap().contains("look({})"),
            "{told:?}"
        );
    }
    let ended = async || {
        let sessions = server.seen("initialize").len();
        (sessions > 1 && server.headers("DELETE").len() == sessions).then_some(())
    };
    eventually("each of them ends", ended).await;
}
