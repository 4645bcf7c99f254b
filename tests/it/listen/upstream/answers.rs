//! Answers that are none, and servers that are not there.

use mcps_core::code::Code;
use reqwest::{Method, StatusCode};

use super::Back;
use crate::listen::caller::messages;
use crate::listen::read_note;
use crate::wire::{INITIALIZE, INITIALIZED, code_of};

/// What a caller is told when the server answers with these bytes: the status, and the verified
/// message.
async fn told(back: &Back, caller: &super::Caller, id: u32, raw: &str) -> (StatusCode, String) {
    let note = read_note(id);
    let serve = async { back.next().await.raw(raw).await };
    let ((response, mut body), ()) = tokio::join!(caller.tell(&note), serve);
    let status = response.status();
    let texts = messages(response).await;
    assert_eq!(texts.len(), 1, "{raw}");
    let opened = caller.open(&mut body, texts[0].clone()).await.unwrap();
    body.finish().unwrap();
    (status, opened.message.into_text())
}

fn json(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_such() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let gateway = StatusCode::BAD_GATEWAY;
    let unavailable = (gateway, Code::UpstreamUnavailable);
    for (number, (raw, (status, code))) in (10..).zip([
        // Another request's.
        (json(200, "", r#"{"jsonrpc":"2.0","id":99,"result":{}}"#), unavailable),
        (json(200, "", r#"{"jsonrpc":"2.0","method":"m"}"#), unavailable),
        (json(200, "", "[]"), unavailable),
        (json(200, "", "{"), unavailable),
        ("HTTP/1.1 202 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(), (gateway, Code::UpstreamUnavailable)),
        ("HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(), (gateway, Code::UpstreamUnavailable)),
        ("HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx".to_owned(), (gateway, Code::UpstreamUnavailable)),
        (json(500, "", "oops"), (StatusCode::INTERNAL_SERVER_ERROR, Code::UpstreamUnavailable)),
        ("nonsense".to_owned(), (gateway, Code::UpstreamUnavailable)),
        (String::new(), (gateway, Code::UpstreamUnavailable)),
    ]) {
        let (was, text) = told(&back, &caller, number, &raw).await;
        assert_eq!((was, code_of(&text)), (status, Some(code)), "{raw}");
        assert!(text.contains(&format!(r#""id":{number}"#)), "{text}");
        assert!(!text.contains("oops"), "{text}");
    }
    assert!(!back.wrap.words().contains("panicked"));
}

#[tokio::test]
async fn a_servers_refusal_keeps_its_status_and_its_words() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"no"}}"#;
    let raw = json(400, "", error);
    let (status, text) = told(&back, &caller, 5, &raw).await;
    assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, error));
    // One that names no request is about the one that it answers.
    let nameless = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":null}"#;
    let (status, text) = told(&back, &caller, 6, &json(400, "", nameless)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(text, nameless.replace("null", "6"));
    // A challenge for whoever asks (RFC 9110 §11.6.1).
    let challenge = "WWW-Authenticate: Bearer resource_metadata=\"https://a.example/m\"\r\n";
    let raw = json(401, &format!("{challenge}Set-Cookie: c=1\r\n"), "{}");
    let note = read_note(7);
    let serve = async { back.next().await.raw(&raw).await };
    let ((response, _), ()) = tokio::join!(caller.tell(&note), serve);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let challenged = &response.headers()["www-authenticate"];
    assert_eq!(
        challenged,
        "Bearer resource_metadata=\"https://a.example/m\""
    );
    assert!(response.headers().get("set-cookie").is_none());
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_over() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let (status, text) = told(&back, &caller, 5, &json(404, "", "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(code_of(&text), Some(Code::UpstreamUnavailable));
    // It is not even asked any more.
    let (response, _) = caller.tell(&read_note(6)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_server_without_sessions_ends_none() {
    let back = Back::set(&[]).await;
    let mut caller = back.caller();
    let serve = async {
        back.next().await.json(200, "", INITIALIZED).await;
        back.next().await.empty(202, "").await;
    };
    tokio::join!(caller.open_session(), serve);
    let error = r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"no"}}"#;
    let (status, text) = told(&back, &caller, 5, &json(404, "", error)).await;
    assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, error));
    let answer = json(200, "", r#"{"jsonrpc":"2.0","id":6,"result":{}}"#);
    assert_eq!(told(&back, &caller, 6, &answer).await.0, StatusCode::OK);
    // Nor is it asked to.
    let session = caller.session().to_owned();
    let (ended, _) = caller.fetch(Method::DELETE, &session).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn there_is_no_session_where_there_was_no_answer() {
    let back = Back::set(&["--max-sessions-per-caller", "1"]).await;
    let caller = back.caller();
    let serve = async { back.next().await.empty(503, "Retry-After: 7\r\n").await };
    let ((response, _), ()) = tokio::join!(caller.tell(INITIALIZE), serve);
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "7");
    assert!(response.headers().get("mcp-session-id").is_none());
    // Nor where the answer was none, and none of them takes the place of one.
    let caller = back.caller();
    let serve = async { back.next().await.json(200, "", "[]").await };
    let ((response, _), ()) = tokio::join!(caller.tell(INITIALIZE), serve);
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert!(response.headers().get("mcp-session-id").is_none());
    back.opened().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_unavailable() {
    let mut back = Back::set(&[]).await;
    let caller = back.opened().await;
    let address = back.listener.local_addr().unwrap();
    back.listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = caller.refused(&read_note(5)).await;
    let unavailable = Some(Code::UpstreamUnavailable);
    assert_eq!(refused, (StatusCode::BAD_GATEWAY, unavailable));
    let (response, _) = caller
        .tell(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#)
        .await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    // And it is there again, without anything to be done.
    back.listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let answer = json(200, "", r#"{"jsonrpc":"2.0","id":6,"result":{}}"#);
    let (status, _) = told(&back, &caller, 6, &answer).await;
    assert_eq!(status, StatusCode::OK);
}
