//! What a request must ask for, and how it is answered.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Call, Running, json, request};
use crate::{
    http::{headers::MCP_SESSION_ID, server::Reply},
    witness::soon,
};

#[tokio::test]
async fn hands_on_body_headers_and_peer_as_they_came() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    let body = "{ \"a\": 1.0,\n\"ü\": 2 }";
    let lines = [
        "Mcp-Session-Id: s-1",
        "Mcp-Method: tools/call",
        "X-Other: kept",
    ];
    raw.send(&request(&lines, body)).await;
    let post = server.echo().await;
    assert_eq!(post.body, body.as_bytes());
    assert_eq!(post.headers.session_id().unwrap(), Some("s-1"));
    assert_eq!(post.headers.method().unwrap(), Some("tools/call"));
    assert_eq!(post.headers.raw()["x-other"], "kept");
    assert_eq!(post.peer, raw.0.local_addr().unwrap());
    let answered = raw.answer().await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.header("content-type"), Some("application/json"));
    assert_eq!(answered.body, body.as_bytes());
}

#[tokio::test]
async fn answers_requests_on_one_connection_in_turn() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    for body in ["1", "22", ""] {
        raw.send(&request(&[], body)).await;
        server.echo().await;
        assert_eq!(raw.answer().await.body, body.as_bytes());
    }
}

#[tokio::test]
async fn an_endpoint_sets_status_and_headers_but_not_the_framing() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (_, answer) = server.post().await;
    let mut headers = HeaderMap::new();
    headers.insert(MCP_SESSION_ID, HeaderValue::from_static("s-2"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("7"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let reply = Reply::Json {
        status: StatusCode::BAD_REQUEST,
        headers,
        body: Bytes::from_static(b"{\"error\":1}"),
    };
    assert!(!format!("{reply:?}").contains("s-2"));
    answer.send(reply).unwrap();
    let answered = raw.answer().await;
    assert_eq!((answered.status, answered.body.len()), (400, 11));
    assert_eq!(answered.header("mcp-session-id"), Some("s-2"));
    assert_eq!(answered.header("content-type"), Some("application/json"));
    assert_eq!(answered.header("connection"), None);
}

#[tokio::test]
async fn answers_202_without_a_body() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (_, answer) = server.post().await;
    let reply = Reply::Empty {
        status: StatusCode::ACCEPTED,
        headers: HeaderMap::new(),
    };
    answer.send(reply).unwrap();
    let answered = raw.answer().await;
    assert_eq!(answered.status, 202);
    assert_eq!(answered.header("content-length"), Some("0"));
    assert_eq!(answered.header("content-type"), None);
}

#[tokio::test]
async fn refuses_bodies_that_are_not_json_by_their_type() {
    let mut server = Running::start().await;
    for lines in [
        &["Content-Type: -"][..],
        &["Content-Type: text/plain"],
        &["Content-Type: application/json; charset=utf-16"],
        &["Content-Type: application/json", "Content-Type: text/plain"],
        &["Content-Encoding: gzip"],
    ] {
        let answered = server.refused(&request(lines, "{}")).await;
        assert_eq!(answered.status, 415, "{lines:?}");
    }
}

#[tokio::test]
async fn refuses_a_post_that_takes_one_kind_of_answer_only() {
    let mut server = Running::start().await;
    for accept in [
        "Accept: application/json",
        "Accept: text/event-stream",
        "Accept: text/html",
        "Accept: application/json, text/event-stream;q=0",
    ] {
        let answered = server.refused(&request(&[accept], "{}")).await;
        assert_eq!(answered.status, 406, "{accept}");
    }
    for accept in ["Accept: -", "Accept: */*"] {
        let mut raw = server.connect().await;
        raw.send(&request(&[accept], "{}")).await;
        server.echo().await;
        assert_eq!(raw.answer().await.status, 200, "{accept}");
    }
}

#[tokio::test]
async fn takes_get_and_delete_without_a_body() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nLast-Event-ID: 7\r\n\r\n")
        .await;
    let (get, answer) = server.get().await;
    assert_eq!(get.headers.last_event_id().unwrap(), Some("7"));
    let reply = Reply::Empty {
        status: StatusCode::METHOD_NOT_ALLOWED,
        headers: HeaderMap::new(),
    };
    answer.send(reply).unwrap();
    let answered = raw.answer().await;
    assert_eq!(
        (answered.status, answered.header("allow")),
        (405, Some("POST"))
    );

    raw.send(b"DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: s\r\n\r\n")
        .await;
    let Some(Call::Delete(delete, answer)) = soon("a call", server.calls.recv()).await else {
        panic!("another method");
    };
    assert_eq!(delete.headers.session_id().unwrap(), Some("s"));
    answer.send(json("{}")).unwrap();
    assert_eq!(raw.answer().await.status, 200);

    let refused = server
        .refused(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")
        .await;
    assert_eq!(refused.status, 406);
    for request in [
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        "DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        assert_eq!(server.refused(request.as_bytes()).await.status, 400);
    }
}

#[tokio::test]
async fn names_the_methods_it_takes_when_asked_with_another() {
    let mut server = Running::start().await;
    for method in ["PUT", "HEAD", "PATCH", "TRACE", "OPTIONS", "FOO"] {
        let mut raw = server.connect().await;
        raw.send(format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await;
        let answered = raw.head().await;
        assert_eq!(answered.status, 405, "{method}");
        assert_eq!(answered.header("allow"), Some("POST, GET, DELETE"));
    }
    server.untouched();
}

#[tokio::test]
async fn an_endpoint_that_panics_costs_one_answer() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    drop(server.post().await);
    assert_eq!(raw.answer().await.status, 500);
    raw.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200);
}

#[tokio::test]
async fn stops_by_finishing_what_is_under_way() {
    let mut server = Running::start().await;
    let mut idle = server.connect().await;
    idle.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(idle.answer().await.status, 200);
    let mut busy = server.connect().await;
    busy.send(&request(&[], "{}")).await;
    let (_, answer) = server.post().await;

    server.stop();
    assert!(idle.rest().await.is_empty(), "an idle connection closes");
    answer.send(json("{\"last\":true}")).unwrap();
    let answered = busy.answer().await;
    assert_eq!((answered.status, answered.body.len()), (200, 13));
    assert!(busy.rest().await.is_empty());
    server.ended().await;
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err(),
        "nobody listens any more"
    );
}
