//! Streams that break off and go on.

use reqwest::{Method, Response, StatusCode};

use super::{Back, THEIRS};
use crate::listen::caller::{Caller, messages};
use crate::listen::read_note;
use crate::wire::code_of;

const SAID: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;

async fn read(
    caller: &Caller,
    body: &mut mcps_client::link::Body,
    response: Response,
) -> Vec<String> {
    let mut read = Vec::new();
    for text in messages(response).await {
        let opened = caller.open(body, text).await.unwrap();
        read.push(opened.message.into_text());
    }
    read
}

#[tokio::test]
async fn a_server_that_closes_a_stream_is_asked_for_the_rest() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    let note = read_note(5);
    let serve = async {
        let mut stream = back.next().await.events("").await;
        stream.text("id: a\nretry: 10\ndata: \n\n").await;
        stream.event_with("b", SAID).await;
        stream.end().await;
    };
    let ((response, mut body), ()) = tokio::join!(caller.tell(&note), serve);
    assert_eq!(read(&caller, &mut body, response).await, [SAID]);
    // Its answer is yet to come.
    body.finish().unwrap_err();
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.method, "GET");
        assert_eq!(asked.header("last-event-id"), Some("b"));
        assert_eq!(asked.header("mcp-session-id"), Some(THEIRS));
        let mut stream = asked.events("").await;
        stream.event_with("c", ANSWER).await;
        stream.end().await;
    };
    let after = Some("b");
    let ((response, _), ()) = tokio::join!(caller.fetch_after(Method::GET, &session, after), serve);
    assert_eq!(read(&caller, &mut body, response).await, [ANSWER]);
    body.finish().unwrap();
}

#[tokio::test]
async fn what_a_caller_missed_comes_again_as_it_was_signed() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    let note = read_note(5);
    let (mut stream, (mut response, mut body)) = tokio::join!(
        async {
            let mut stream = back.next().await.events("").await;
            stream.text("id: a\ndata: \n\n").await;
            stream
        },
        caller.tell(&note)
    );
    response.chunk().await.unwrap().unwrap();
    stream.event_with("b", SAID).await;
    response.chunk().await.unwrap().unwrap();
    drop(response);
    stream.closed().await;
    // It lost what came after `a`; the server goes on behind what it sent.
    let serve = async {
        let asked = back.next().await;
        assert_eq!(asked.header("last-event-id"), Some("b"));
        let mut stream = asked.events("").await;
        stream.event_with("c", ANSWER).await;
        stream.end().await;
    };
    let after = Some("a");
    let ((response, _), ()) = tokio::join!(caller.fetch_after(Method::GET, &session, after), serve);
    assert_eq!(read(&caller, &mut body, response).await, [SAID, ANSWER]);
    body.finish().unwrap();
    // All of it was sent, so the server is not asked.
    let (response, _) = caller.fetch_after(Method::GET, &session, Some("b")).await;
    assert_eq!(messages(response).await.len(), 1);
    // An id that nobody gave.
    let (response, _) = caller.fetch_after(Method::GET, &session, Some("z")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_reader_takes_a_stream_from_the_one_before() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    let note = read_note(5);
    let (stream, (mut response, mut body)) = tokio::join!(
        async {
            let mut stream = back.next().await.events("").await;
            stream.text("id: a\ndata: \n\n").await;
            stream
        },
        caller.tell(&note)
    );
    response.chunk().await.unwrap().unwrap();
    let serve = async {
        // Whose connection is closed only for another to be opened.
        stream.closed().await;
        let asked = back.next().await;
        assert_eq!(asked.header("last-event-id"), Some("a"));
        let mut stream = asked.events("").await;
        stream.event_with("b", ANSWER).await;
        stream.end().await;
    };
    let after = Some("a");
    let ((resumed, _), ()) = tokio::join!(caller.fetch_after(Method::GET, &session, after), serve);
    assert_eq!(read(&caller, &mut body, resumed).await, [ANSWER]);
    body.finish().unwrap();
    drop(response);
}

#[tokio::test]
async fn a_stream_that_cannot_be_resumed_ends_with_an_error() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let note = read_note(5);
    let serve = async {
        let mut stream = back.next().await.events("").await;
        stream.event(SAID).await;
        // Cut, and not ended.
        drop(stream);
    };
    let ((response, mut body), ()) = tokio::join!(caller.tell(&note), serve);
    let read = read(&caller, &mut body, response).await;
    assert_eq!(read.len(), 2);
    assert_eq!(
        code_of(&read[1]).map(mcps_core::code::Code::id),
        Some("MCPS-027")
    );
    body.finish().unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_can_be_asked_again() {
    let back = Back::set(&[]).await;
    let caller = back.opened().await;
    let session = caller.session().to_owned();
    let note = read_note(5);
    let serve = async {
        let mut stream = back.next().await.events("").await;
        stream.text("id: a\ndata: \n\n").await;
        stream.end().await;
    };
    let ((response, mut body), ()) = tokio::join!(caller.tell(&note), serve);
    assert!(read(&caller, &mut body, response).await.is_empty());
    let serve = async { back.next().await.raw("").await };
    let after = Some("a");
    let ((response, _), ()) = tokio::join!(caller.fetch_after(Method::GET, &session, after), serve);
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    let serve = async {
        let mut stream = back.next().await.events("").await;
        stream.event_with("b", ANSWER).await;
        stream.end().await;
    };
    let ((response, _), ()) = tokio::join!(caller.fetch_after(Method::GET, &session, after), serve);
    assert_eq!(read(&caller, &mut body, response).await, [ANSWER]);
    body.finish().unwrap();
}
