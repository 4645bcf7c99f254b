//! What passes: signed and plain callers, in both eras.

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{Says, Server, result, tool, usual};
use super::{Gate, decision_of, over_http};
use crate::listen::caller::{Caller, messages};
use crate::listen::modern;
use crate::wire::{INITIALIZE, code_of};

const OPEN: &str = "[tenant.default]\nanonymous = true\n";
const CLOSED: &str = "[tenant.default]\n";

fn call(id: u32, tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {"n": 1}}})
        .to_string()
}

/// Posts without any signature.
pub(super) async fn post(url: &str, headers: &[(&str, &str)], body: &str) -> reqwest::Response {
    let mut request = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn a_signed_caller_reaches_a_server_by_its_path_in_a_session() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let told = caller.ask(&call(7, "look")).await;
    let told: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(told["id"], 7);
    assert_eq!(told["result"]["content"][0]["text"], r#"look({"n":1})"#);
    let seen = &server.seen("tools/call")[0];
    assert_ne!(seen["id"], 7, "ids towards a server are ours");
    assert_eq!(seen["params"]["name"], "look");
    assert!(seen["params"].get("_meta").is_none(), "no envelope goes on");
    let session = caller.session().to_owned();
    let (ended, _) = caller.fetch(Method::DELETE, &session).await;
    assert_eq!(
        ended.status(),
        StatusCode::METHOD_NOT_ALLOWED,
        "the server lets nobody end one"
    );
}

#[tokio::test]
async fn a_signed_caller_reaches_a_server_without_a_session() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let caller = gate.stateless("files", "look");
    for id in [1, 2] {
        let text = modern(id, "tools/call", r#""name":"look","arguments":{},"#);
        let told = caller.ask(&text).await;
        let told: Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!(told["result"]["content"][0]["text"], "look({})", "{told}");
    }
    assert_eq!(
        server.seen("tools/list").len(),
        1,
        "definitions are asked for once"
    );
}

#[tokio::test]
async fn a_caller_that_does_not_sign_is_let_in_only_where_a_tenant_says_so() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let response = post(&gate.at("files"), &[], INITIALIZE).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let text = response.text().await.unwrap();
    assert_eq!(code_of(&text), Some(Code::SignatureRequired));
    assert!(server.is_untouched());

    let open = format!("{OPEN}{}", over_http("files", &server));
    gate.reconfigure(&open, "the configuration was exchanged")
        .await;
    let response = post(&gate.at("files"), &[], INITIALIZE).await;
    assert_eq!(response.status(), StatusCode::OK);
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let headers = [
        ("mcp-session-id", session.as_str()),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let response = post(&gate.at("files"), &headers, &call(1, "look")).await;
    let told = messages(response).await;
    let told: Value = serde_json::from_str(str::from_utf8(&told[0]).unwrap()).unwrap();
    assert_eq!(
        told["result"]["content"][0]["text"], r#"look({"n":1})"#,
        "{told}"
    );
}

#[tokio::test]
async fn a_path_that_no_server_is_registered_at_is_refused_by_its_code() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{OPEN}{}", over_http("files", &server))).await;
    for path in ["shadow", "files/", "files/x", "%66iles", "..", "Files"] {
        let response = post(&gate.at(path), &[], INITIALIZE).await;
        // `..` is taken out by whoever asks.
        let text = response.text().await.unwrap();
        if path == ".." {
            continue;
        }
        assert_eq!(code_of(&text), Some(Code::UnknownServer), "{path}: {text}");
    }
    assert!(server.is_untouched());
}

#[tokio::test]
async fn a_session_of_one_path_is_none_of_another() {
    let (one, other) = (Server::with(&["look"]).await, Server::with(&["look"]).await);
    let config = format!(
        "{OPEN}{}{}",
        over_http("one", &one),
        over_http("other", &other)
    );
    let gate = Gate::open(&config).await;
    let response = post(&gate.at("one"), &[], INITIALIZE).await;
    let session = response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let headers = [
        ("mcp-session-id", session.as_str()),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let response = post(&gate.at("other"), &headers, &call(1, "look")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(other.is_untouched());
}

#[tokio::test]
async fn a_decision_is_on_record_before_it_is_forwarded_and_the_outcome_after() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    caller.ask(&call(7, "look")).await;
    let records = gate.records();
    let decision = records
        .iter()
        .find(|record| record["name"] == "look")
        .unwrap();
    assert_eq!(decision["event"], "decision");
    assert_eq!(decision["decision"], "permit");
    assert_eq!(decision["principal"]["name"], "agent");
    assert_eq!(decision["tenant"], "default");
    assert_eq!(decision["server"], "files");
    assert_eq!(decision["level"]["effective"], 2);
    assert!(decision["definition_hash"].is_string(), "{decision}");
    let id = decision["decision_id"].as_str().unwrap();
    let outcome = gate.record("outcome", id).await;
    assert_eq!(outcome["outcome"], "answered", "{outcome}");
    let text = std::fs::read_to_string(gate.stage.world.dir().join("records")).unwrap();
    assert!(
        !text.contains(r#""n""#),
        "no argument is in a record: {text}"
    );
}

#[tokio::test]
async fn a_configuration_that_is_wrong_leaves_the_last_one_in_force() {
    let server = Server::with(&["look"]).await;
    let good = format!("{CLOSED}{}", over_http("files", &server));
    let gate = Gate::open(&good).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let wrong = format!("{good}min_levle = 4\n");
    gate.reconfigure(&wrong, "min_levle").await;
    assert!(caller.ask(&call(1, "look")).await[0].contains("look("));
    // What goes on is the same session: its server is reached as before.
    let stricter = format!("{good}min_level = 2\n");
    gate.reconfigure(&stricter, "the configuration was exchanged")
        .await;
    assert!(caller.ask(&call(2, "look")).await[0].contains("look("));
    let strictest = format!("{good}min_level = 3\n");
    gate.reconfigure(&strictest, "there are 1 servers").await;
    let refused = crate::wire::eventually("it takes the level", async || {
        let (_, code) = caller.refused(&call(3, "look")).await;
        code
    })
    .await;
    assert_eq!(refused, Code::TrustTooLow);
}

#[tokio::test]
async fn a_stream_is_only_for_those_who_may_still_call() {
    let server = Server::with(&["look"]).await;
    let config = format!("{CLOSED}{}", over_http("files", &server));
    let gate = Gate::open(&config).await;
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let session = caller.session().to_owned();
    let (stood, _) = caller.fetch(Method::GET, &session).await;
    assert_eq!(
        stood.status(),
        StatusCode::METHOD_NOT_ALLOWED,
        "the server has none"
    );
    let stricter = format!("{config}min_level = 3\n");
    gate.reconfigure(&stricter, "the configuration was exchanged")
        .await;
    let (stood, _) = caller.fetch(Method::GET, &session).await;
    assert_eq!(stood.status(), StatusCode::FORBIDDEN);
    let said = stood.text().await.unwrap();
    assert_eq!(code_of(&said), Some(Code::TrustTooLow), "{said}");
    gate.process.says(&decision_of(&said)).await;
}

#[tokio::test]
async fn a_call_that_is_dressed_as_a_notification_goes_nowhere() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{OPEN}{}", over_http("files", &server))).await;
    let url = gate.at("files");
    let response = post(&url, &[], INITIALIZE).await;
    let session = response.headers()["mcp-session-id"].to_str().unwrap();
    let headers = [
        ("mcp-session-id", session),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    for method in ["tools/call", "resources/read", "Notifications/x", ""] {
        let text = json!({"jsonrpc": "2.0", "method": method, "params": {"name": "look", "arguments": {}}});
        let answer = post(&url, &headers, &text.to_string()).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{method}");
        assert!(
            gate.records().iter().any(
                |record| record["method"] == method && record["rule"] == "message.notification"
            )
        );
        assert!(server.seen(method).is_empty(), "{method}");
    }
}

#[tokio::test]
async fn what_all_servers_can_do_together_says_who_says_so() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{OPEN}{}", over_http("files", &server))).await;
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "server/discover"),
    ];
    let told = post(&gate.url, &headers, &modern(1, "server/discover", "")).await;
    let told: Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
    let info = &told["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(info["name"], "mcps-gateway", "{told}");
    assert!(info["version"].is_string(), "{told}");
}

#[tokio::test]
async fn a_servers_challenge_is_for_nobody_whose_credentials_it_does_not_get() {
    const CHALLENGE: &str = "HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer resource_metadata=\"https://evil.example/m\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = Server::saying(|asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [tool("look")]})),
        Some("tools/call") => Says::Raw(CHALLENGE.to_owned()),
        _ => usual(asked),
    })
    .await;
    for (more, passed) in [
        ("", false),
        ("forward_headers = [\"authorization\"]\n", true),
    ] {
        let config = format!("{OPEN}{}{more}", over_http("files", &server));
        let gate = Gate::open(&config).await;
        for (url, tool) in [
            (gate.at("files"), "look"),
            (gate.url.clone(), "files__look"),
        ] {
            let opened = post(&url, &[], INITIALIZE).await;
            let session = opened.headers()["mcp-session-id"].clone();
            let session = ("mcp-session-id", session.to_str().unwrap());
            let version = ("mcp-protocol-version", "2025-11-25");
            let answer = post(&url, &[session, version], &call(1, tool)).await;
            let passed = passed && tool == "look";
            let challenged = answer.headers().contains_key("www-authenticate");
            assert_eq!(challenged, passed, "{url}");
            let status = if passed {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_GATEWAY
            };
            assert_eq!(answer.status(), status, "{url}");
            let text = answer.text().await.unwrap();
            assert_eq!(code_of(&text), Some(Code::UpstreamUnavailable), "{text}");
        }
    }
}

#[tokio::test]
async fn a_session_that_its_server_refused_takes_nobodys_place() {
    let server = Server::saying(|asked| match asked["method"].as_str() {
        Some("initialize") => Says::Json(json!({
            "jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32602, "message": "not that one"}
        })),
        _ => usual(asked),
    })
    .await;
    let config = format!("max_sessions = 1\n{OPEN}{}", over_http("files", &server));
    let gate = Gate::open(&config).await;
    for _ in 0..3 {
        let refused = post(&gate.at("files"), &[], INITIALIZE).await;
        assert!(refused.headers().get("mcp-session-id").is_none());
        let text = refused.text().await.unwrap();
        assert!(text.contains("not that one"), "{text}");
    }
}

#[tokio::test]
async fn a_method_that_nobody_permits_is_answered_as_by_a_server_that_does_not_have_it() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{OPEN}{}", over_http("files", &server))).await;
    let text = modern(1, "unknown/method", "");
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "unknown/method"),
    ];
    let refused = post(&gate.at("files"), &headers, &text).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let told: Value = refused.json().await.unwrap();
    assert_eq!(told["error"]["code"], -32601, "{told}");
    assert_eq!(told["error"]["data"]["code"], Code::Denied.id());
    let id = told["error"]["data"]["decision_id"].as_str().unwrap();
    let record = gate.record("decision", id).await;
    assert_eq!(
        (&record["decision"], &record["rule"]),
        (&json!("deny"), &json!("default"))
    );
    // Who signs is told the same, signed.
    let mut caller = gate.caller("files");
    caller.open_session().await;
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "unknown/method"}).to_string();
    let told: Value = serde_json::from_str(&caller.ask(&asked).await[0]).unwrap();
    assert_eq!(told["error"]["code"], -32601, "{told}");
    assert_eq!(told["error"]["data"]["code"], Code::Denied.id());
    assert!(server.seen("unknown/method").is_empty());
}

#[tokio::test]
async fn headers_that_say_what_the_body_does_not_go_to_no_server() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    for (path, name) in [(Some("files"), "look"), (None, "files__look")] {
        let url = path.map_or(gate.url.clone(), |path| gate.at(path));
        let mut caller = Caller::of(&gate.stage.agent, &url);
        caller.open_session().await;
        for (name, value) in [
            ("mcp-method", "resources/read"),
            ("mcp-name", "other_tool"),
            ("mcp-param-n", "2"),
        ] {
            caller.headers.push((name.to_owned(), value.to_owned()));
        }
        caller.ask(&call(7, name)).await;
    }
    let calls = server.headers("tools/call");
    assert_eq!(calls.len(), 2);
    for headers in calls {
        let said = headers.iter().map(|(name, _)| name.as_str());
        let said: Vec<&str> = said.filter(|name| name.starts_with("mcp-")).collect();
        assert!(said.contains(&"mcp-protocol-version"), "{said:?}");
        let mirrors = ["mcp-method", "mcp-name", "mcp-param-n"];
        let found = mirrors.iter().find(|name| said.contains(name));
        assert_eq!(found, None, "the older era has none of them");
    }
}

#[tokio::test]
async fn what_headers_say_of_arguments_is_what_the_body_says_by_the_tools_definition() {
    let mut mirrored = tool("look");
    mirrored["inputSchema"]["properties"] = json!({"n": {"type": "integer", "x-mcp-header": "N"}});
    let server = Server::saying(move |asked| match asked["method"].as_str() {
        Some("tools/list") => result(asked, json!({"tools": [mirrored]})),
        Some("tools/call") => result(asked, json!({"content": []})),
        _ => usual(asked),
    })
    .await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let call = |id| modern(id, "tools/call", r#""name":"look","arguments":{"n":1},"#);
    // Nothing was listed to whoever calls.
    let mut caller = gate.stateless("files", "look");
    let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (id, value) in [(1, "2"), (2, "=?base64?MQ?=")] {
        caller.headers.push(param("mcp-param-n", value));
        let told = answer(&caller.ask(&call(id)).await);
        assert_eq!(told["error"]["code"], -32020, "{told}");
        assert_eq!(told["error"]["data"]["code"], Code::Malformed.id());
        caller.headers.pop();
    }
    assert!(server.seen("tools/call").is_empty());
    caller.headers.push(param("mcp-param-n", "1"));
    caller.headers.push(param("mcp-param-other", "3"));
    let told = answer(&caller.ask(&call(3)).await);
    assert!(told["result"].is_object(), "{told}");
    let [headers] = server.headers("tools/call").try_into().unwrap();
    let said = |name| {
        let found = headers.iter().find(|(is, _)| is == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(said("mcp-name"), Some("look"));
    assert_eq!(said("mcp-param-n"), Some("1"));
    assert_eq!(said("mcp-param-other"), None);
}

#[tokio::test]
async fn who_subscribes_to_nothing_hears_from_the_server_that_there_is_no_such_method() {
    let server = Server::with(&["look"]).await;
    let gate = Gate::open(&format!("{CLOSED}{}", over_http("files", &server))).await;
    let mut caller = gate.stateless("files", "look");
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        caller
            .headers
            .retain(|(name, _)| !name.starts_with("mcp-method") && name != "mcp-name");
        caller
            .headers
            .push(("mcp-method".to_owned(), method.to_owned()));
        let told = answer(&caller.ask(&modern(1, method, "")).await);
        assert_eq!(told["error"]["code"], -32601, "{told}");
        assert_eq!(server.seen(method).len(), 1);
    }
}

fn answer(told: &[String]) -> Value {
    serde_json::from_str(&told[0]).unwrap()
}
