//! Requests and answers as they should be.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::mpsc;

use super::{Fake, Response, body, client, events, post};
use crate::{
    http::{
        headers::{MCP_NAME, MCP_SESSION_ID, value},
        server::{
            Reply,
            tests::{Call, Running},
        },
    },
    sse::Event,
    witness::soon,
};

#[tokio::test]
async fn carries_body_and_headers_both_ways_untouched() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    headers.insert(MCP_NAME, value::encode("世界"));
    let serve = async {
        let (post, answer) = server.post().await;
        assert_eq!(post.headers.raw()["authorization"], "Bearer t");
        assert_eq!(post.headers.name().unwrap().as_deref(), Some("世界"));
        let mut headers = HeaderMap::new();
        headers.insert(MCP_SESSION_ID, HeaderValue::from_static("s-1"));
        let reply = Reply::Json {
            status: StatusCode::OK,
            headers,
            body: post.body.clone(),
        };
        answer.send(reply).unwrap();
    };
    let text = "{ \"n\": 1.0, \"s\": \"é\"\n}";
    let (response, ()) = tokio::join!(client.post(text, headers), serve);
    let Response::Json { headers, body } = response.unwrap() else {
        panic!("no document");
    };
    assert_eq!(headers.session_id().unwrap(), Some("s-1"));
    assert_eq!(body, text);
}

#[tokio::test]
async fn says_what_it_sends_and_takes_and_lets_no_caller_say_otherwise() {
    let fake = Fake::start().await;
    let client = fake.client();
    let mut headers = HeaderMap::new();
    for (name, wrong) in [
        (header::ACCEPT, "text/html"),
        (header::HOST, "evil.example"),
        (header::CONTENT_LENGTH, "1"),
        (header::TRANSFER_ENCODING, "chunked"),
        (header::ACCEPT_ENCODING, "gzip"),
        (header::CONTENT_TYPE, "text/plain"),
        (header::EXPECT, "100-continue"),
        (header::CONNECTION, "upgrade"),
    ] {
        headers.insert(name, HeaderValue::from_static(wrong));
    }
    let sending = client.post("{}", headers.clone());
    let (_socket, head) = tokio::select! {
        _ = sending => panic!("nobody answered"),
        heard = fake.heard() => heard,
    };
    let head = head.to_ascii_lowercase();
    for line in [
        "post /mcp http/1.1",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        "content-length: 2",
    ] {
        assert!(head.lines().any(|is| is == line), "{line} in {head}");
    }
    assert_eq!(head.matches("host:").count(), 1);
    for wrong in [
        "evil.example",
        "gzip",
        "chunked",
        "upgrade",
        "expect",
        "text/html",
    ] {
        assert!(!head.contains(wrong), "{wrong} in {head}");
    }
}

#[tokio::test]
async fn reads_events_as_they_were_sent_until_the_end() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let serve = async {
        let (_, answer) = server.post().await;
        let (send, events) = mpsc::channel(1);
        let headers = HeaderMap::new();
        answer.send(Reply::Events { headers, events }).unwrap();
        send
    };
    let (response, send) = tokio::join!(post(&client, "{}"), serve);
    let mut events = events(response);
    let large = Event::message(&vec![b'x'; 3 << 20]).with_id("2").unwrap();
    for event in [
        Event::comment("hello"),
        Event::message(b"{\"a\":\n1}").with_id("1").unwrap(),
        large,
        Event::message(b"").with_retry(Duration::from_secs(3)),
    ] {
        let (sent, read) = tokio::join!(send.send(event.clone()), soon("an event", events.next()));
        sent.unwrap();
        assert_eq!(read.unwrap().unwrap(), event);
    }
    assert_eq!(events.last_event_id(), b"2");
    drop(send);
    assert!(soon("the end", events.next()).await.unwrap().is_none());
    assert!(events.next().await.unwrap().is_none(), "and stays ended");
}

#[tokio::test]
async fn tells_what_was_taken_and_what_was_refused() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let accepted = |status| Reply::Empty {
        status,
        headers: HeaderMap::new(),
    };
    for status in [StatusCode::ACCEPTED, StatusCode::OK, StatusCode::NO_CONTENT] {
        let serve = async {
            let (_, answer) = server.post().await;
            answer.send(accepted(status)).unwrap();
        };
        let (response, ()) = tokio::join!(post(&client, "{}"), serve);
        assert!(matches!(response, Ok(Response::Accepted { .. })));
    }
    let serve = async {
        let (_, answer) = server.post().await;
        let reply = Reply::Json {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: "{\"error\":{\"code\":-32020}}".into(),
        };
        answer.send(reply).unwrap();
    };
    let (response, ()) = tokio::join!(post(&client, "{}"), serve);
    let Ok(Response::Refused { status, body, .. }) = response else {
        panic!("{response:?}");
    };
    assert_eq!(status, 400);
    assert_eq!(body, "{\"error\":{\"code\":-32020}}");
}

#[tokio::test]
async fn asks_with_get_and_delete() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let mut headers = HeaderMap::new();
    headers.insert(MCP_SESSION_ID, HeaderValue::from_static("s-1"));

    let serve = async {
        let (get, answer) = server.get().await;
        assert_eq!(get.headers.last_event_id().unwrap(), Some("é7"));
        assert_eq!(get.headers.session_id().unwrap(), Some("s-1"));
        let (send, events) = mpsc::channel(1);
        let reply = Reply::Events {
            headers: HeaderMap::new(),
            events,
        };
        answer.send(reply).unwrap();
        send.send(Event::message(b"{}")).await.unwrap();
    };
    let get = client.get(Some("é7".as_bytes()), headers.clone());
    let (response, ()) = tokio::join!(get, serve);
    let mut events = events(response);
    assert_eq!(events.next().await.unwrap().unwrap().data().unwrap(), "{}");
    assert!(events.next().await.unwrap().is_none());
    assert!(
        client.get(Some(b"a\nb"), headers.clone()).await.is_err(),
        "no id can add a header"
    );

    let serve = async {
        let Some(Call::Delete(delete, answer)) = server.calls.recv().await else {
            panic!("another method");
        };
        assert_eq!(delete.headers.session_id().unwrap(), Some("s-1"));
        let reply = Reply::Empty {
            status: StatusCode::METHOD_NOT_ALLOWED,
            headers: HeaderMap::new(),
        };
        answer.send(reply).unwrap();
    };
    let (response, ()) = tokio::join!(client.delete(headers), serve);
    assert!(matches!(response, Ok(Response::Refused { status, .. }) if status == 405));
}

#[tokio::test]
async fn many_requests_at_once_are_answered_each_with_its_own() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let ask = async {
        let mut asking = tokio::task::JoinSet::new();
        for n in 0..100 {
            let client = client.clone();
            asking.spawn(async move {
                let text = format!("{{\"id\":{n}}}");
                let response = client.post(text.clone(), HeaderMap::new()).await;
                assert_eq!(body(response), text);
            });
        }
        asking.join_all().await;
    };
    let serve = async {
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(server.post().await);
        }
        for (post, answer) in held.into_iter().rev() {
            let echo = crate::http::server::tests::json(post.body.clone());
            answer.send(echo).unwrap();
        }
    };
    soon("all answers", async { tokio::join!(ask, serve) }).await;
}

#[tokio::test]
async fn is_told_that_a_message_is_too_large_for_the_server() {
    let mut server = Running::start().await;
    let client = client(server.address);
    for _ in 0..20 {
        let large = vec![b'x'; 8 << 20];
        let response = soon("an answer", client.post(large, HeaderMap::new())).await;
        assert!(
            matches!(response, Ok(Response::Refused { status, .. }) if status == 413),
            "{response:?}"
        );
    }
    server.untouched();
}
