//! What passes, and how.

use reqwest::{Method, StatusCode};

use super::{Back, THEIRS};
use crate::listen::caller::{Caller, messages};
use crate::listen::{modern, read_note};
use crate::wire::{INITIALIZE, INITIALIZED, eventually};

/// Headers of one request of 2026-07-28.
fn stateless(caller: &mut Caller, name: &str) {
    caller.headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", name),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
}

fn call_by_name(id: u32, name: &str) -> String {
    modern(
        id,
        "tools/call",
        &format!(r#""name":"{name}","arguments":{{}},"#),
    )
}

#[tokio::test]
async fn a_session_is_the_servers_under_an_id_of_ours() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    assert_ne!(session, THEIRS);
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.header("mcp-session-id"), Some(THEIRS));
        assert_eq!(asked.header("mcp-protocol-version"), Some("2025-11-25"));
        assert_eq!(asked.body, read_note(5).as_bytes());
        let answer = r#"{"jsonrpc":"2.0","id":5,"result":{"n":1.50}}"#;
        asked.json(200, "", answer).await;
    };
    let (told, ()) = tokio::join!(async { caller.ask(&read_note(5)).await }, serve);
    assert_eq!(told, [r#"{"jsonrpc":"2.0","id":5,"result":{"n":1.50}}"#]);
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.method, "DELETE");
        assert_eq!(asked.header("mcp-session-id"), Some(THEIRS));
        asked.empty(200, "").await;
    };
    let ((ended, _), ()) = tokio::join!(caller.fetch(Method::DELETE, &session), serve);
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let (response, _) = caller.tell(&read_note(6)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn headers_pass_that_are_the_servers_business() {
    let back = Back::set(&["--forward-header", "X-Api-Key"]).await;
    let mut caller = back.caller();
    stateless(&mut caller, "t");
    let own = [
        ("x-api-key", "k"),
        ("x-other", "o"),
        ("cookie", "c=1"),
        ("x-forwarded-for", "192.0.2.1"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("mcp-param-region", "eu"),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    caller.headers.extend(own);
    let serve = async {
        let asked = back.next().await;
        for (name, value) in [
            ("mcp-protocol-version", Some("2026-07-28")),
            ("mcp-method", Some("tools/call")),
            ("mcp-name", Some("t")),
            ("mcp-param-region", Some("eu")),
            ("x-api-key", Some("k")),
            ("accept", Some("application/json, text/event-stream")),
            ("x-other", None),
            ("cookie", None),
            ("x-forwarded-for", None),
            ("mcps-envelope", None),
        ] {
            assert_eq!(asked.header(name), value, "{name}");
        }
        assert!(asked.header("traceparent").is_some());
        let body = String::from_utf8(asked.body.clone()).unwrap();
        assert!(!body.contains("dev.mcps"), "{body}");
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        asked.json(200, "X-Powered-By: them\r\n", answer).await;
    };
    let call = call_by_name(1, "t");
    let ((response, _), ()) = tokio::join!(caller.tell(&call), serve);
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().get("x-powered-by").is_none());
}

#[tokio::test]
async fn events_pass_as_they_are_but_for_their_messages() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let serve = async {
        let mut stream = back.next().await.events("").await;
        stream.text(": hello\n\n").await;
        stream.text("id: a\nretry: 250\ndata: \n\n").await;
        let said = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
        stream
            .text(&format!("x: y\nid: b\nevent: message\ndata: {said}\n\n"))
            .await;
        stream.text("event: other\ndata: nobody knows\n\n").await;
        let answer = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
        stream.event_with("c", answer).await;
        stream.end().await;
    };
    let note = read_note(5);
    let ((response, mut body), ()) = tokio::join!(caller.tell(&note), serve);
    let text = response.text().await.unwrap();
    assert!(
        text.starts_with(
            ": hello\n\nid: a\nretry: 250\ndata: \n\nx: y\nid: b\nevent: message\ndata: {"
        ),
        "{text}"
    );
    // Nobody could tell who said it.
    assert!(!text.contains("nobody knows"), "{text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut read = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let opened = caller.open(&mut body, line.into()).await.unwrap();
        read.push(opened.message.into_text());
    }
    assert_eq!(read.len(), 2);
    assert_eq!(read[1], r#"{"jsonrpc":"2.0","id":5,"result":{}}"#);
    body.finish().unwrap();
}

#[tokio::test]
async fn what_the_server_asks_is_answered() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let note = read_note(5);
    let (mut stream, (mut response, mut body)) = tokio::join!(
        async {
            let mut stream = back.next().await.events("").await;
            let asks = r#"{"jsonrpc":"2.0","id":"s","method":"roots/list"}"#;
            stream.event(asks).await;
            stream
        },
        caller.tell(&note)
    );
    let chunk = response.chunk().await.unwrap().unwrap();
    let asked = String::from_utf8(chunk.to_vec()).unwrap();
    let asked = asked.strip_prefix("data: ").unwrap().trim_end();
    let opened = caller.open(&mut body, asked.into()).await.unwrap();
    assert_eq!(opened.message.method().as_deref(), Some("roots/list"));
    let answer = r#"{"jsonrpc":"2.0","id":"s","result":{"roots":[]}}"#;
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.body, answer.as_bytes());
        asked.empty(202, "").await;
    };
    let ((accepted, _), ()) = tokio::join!(caller.tell(answer), serve);
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    stream
        .event(r#"{"jsonrpc":"2.0","id":5,"result":{}}"#)
        .await;
    stream.end().await;
    for text in messages(response).await {
        caller.open(&mut body, text).await.unwrap();
    }
    body.finish().unwrap();
}

#[tokio::test]
async fn who_leaves_leaves_the_server_too() {
    let back = Back::set(&[]).await;
    let mut caller = back.caller();
    stateless(&mut caller, "t");
    let call = call_by_name(1, "t");
    let (stream, (response, _)) = tokio::join!(
        async {
            let mut stream = back.next().await.events("").await;
            stream.text(": begun\n\n").await;
            stream
        },
        caller.tell(&call)
    );
    drop(response);
    stream.closed().await;
    let asked = mcps_core::message::Message::parse(call.as_str()).unwrap();
    assert!(caller.link.abandon(asked.id().unwrap()));
    // Its id may be used again.
    let serve = async {
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        back.next().await.json(200, "", answer).await;
    };
    let (told, ()) = tokio::join!(caller.ask(&call), serve);
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn who_signs_nothing_passes_where_level_0_is_enough() {
    let back = Back::set(&["--min-level", "0"]).await;
    let caller = back.caller();
    let serve = async {
        back.next().await.json(200, "", INITIALIZED).await;
    };
    let (response, ()) = tokio::join!(caller.post(INITIALIZE.to_owned()), serve);
    assert_eq!(response.text().await.unwrap(), INITIALIZED);
    // Requests by themselves may have the same id at the same time.
    let mut caller = back.caller();
    stateless(&mut caller, "t");
    let (one, other) = (
        caller.post(call_by_name(1, "t")),
        caller.post(call_by_name(1, "t")),
    );
    let serve = async {
        let (first, second) = (back.next().await, back.next().await);
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        second.json(200, "", answer).await;
        first.json(200, "", answer).await;
    };
    let (one, other, ()) = tokio::join!(one, other, serve);
    assert_eq!(
        (one.status(), other.status()),
        (StatusCode::OK, StatusCode::OK)
    );
}

#[tokio::test]
async fn the_servers_own_stream_is_passed_on() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    let (mut stream, (mut response, mut body)) = tokio::join!(
        async {
            let asked = back.next().await;
            assert_eq!(asked.method, "GET");
            assert_eq!(asked.header("mcp-session-id"), Some(THEIRS));
            assert_eq!(asked.header("mcps-envelope"), None);
            asked.events("").await
        },
        caller.fetch(Method::GET, &session)
    );
    assert_eq!(response.status(), StatusCode::OK);
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    stream.event(changed).await;
    let chunk = response.chunk().await.unwrap().unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let text = text.strip_prefix("data: ").unwrap().trim_end();
    let opened = caller.open(&mut body, text.into()).await.unwrap();
    assert_eq!(opened.message.text(), changed);
    drop(response);
    stream.closed().await;
    // A server without one says so.
    let serve = async { back.next().await.empty(405, "Allow: POST\r\n").await };
    let ((none, _), ()) = tokio::join!(caller.fetch(Method::GET, &session), serve);
    assert_eq!(none.status(), StatusCode::METHOD_NOT_ALLOWED);
    eventually("the wrapper is well", async || {
        (!back.wrap.words().contains("panicked")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_is_ended_at_the_server_when_the_wrapper_stops() {
    let mut back = Back::set(&[]).await;
    let _caller = back.opened().await;
    let id = back.wrap.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-s", "TERM", &id]).status().unwrap().success());
    let asked = back.next().await;
    assert_eq!(asked.method, "DELETE");
    assert_eq!(asked.header("mcp-session-id"), Some(THEIRS));
    asked.empty(200, "").await;
    assert_eq!(back.wrap.exit().await, 143);
}
