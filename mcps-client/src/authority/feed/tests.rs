//! Against sockets that answer by hand.

use std::time::Duration;

use mcps_core::feed::{Cursor, MAX_BYTES};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::AuthorityClient;
use crate::feed::{Frames, Trouble, Wire};

const AT: Cursor = Cursor { epoch: 1, seq: 41 };

/// Answers one connection with these bytes, and gives back what was asked.
#[expect(clippy::disallowed_methods, reason = "the test awaits it")]
async fn stub(answer: impl Into<Vec<u8>>) -> (AuthorityClient, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.into();
    let asked = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(socket.read(&mut byte).await.unwrap(), 1);
            asked.extend(byte);
        }
        // Whoever has heard enough hangs up.
        let _ = socket.write_all(&answer).await;
        let _ = socket.shutdown().await;
        String::from_utf8(asked).unwrap().to_lowercase()
    });
    (AuthorityClient::new(&url).unwrap(), asked)
}

fn ok(media: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\nconnection: close\r\n\r\n{body}")
}

fn status(line: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {line}\r\ncontent-type: application/problem+json\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_stream_gives_its_frames_and_passes_over_the_rest() {
    let body = ": hello\n\nid: 1:42\ndata: {\"a\":1}\n\nretry: 100\n\ndata: {\ndata: }\n\n: bye\n\ndata: cut";
    let (client, asked) = stub(ok("text/event-stream; charset=utf-8", body)).await;
    let mut stream = client.stream(Some(AT)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), b"{\"a\":1}");
    assert_eq!(stream.next().await.unwrap().unwrap(), b"{\n}");
    assert_eq!(stream.next().await, Ok(None));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("get /v1/feed http/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nlast-event-id: 1:41\r\n"), "{asked}");
}

#[tokio::test]
async fn another_media_type_is_no_stream() {
    let (client, _asked) = stub(ok("text/html", "data: {}\n\n")).await;
    assert!(matches!(client.stream(None).await, Err(Trouble::Answer(_))));
}

#[tokio::test]
async fn a_line_without_end_is_given_up() {
    let body = format!("data: {}", "x".repeat(MAX_BYTES + 4096));
    let (client, _asked) = stub(ok("text/event-stream", &body)).await;
    let mut stream = client.stream(None).await.unwrap();
    assert!(matches!(stream.next().await, Err(Trouble::Answer(_))));
}

#[tokio::test]
async fn problems_say_what_is_needed() {
    let gone = |kind: &str, more: &str| {
        let body = format!(r#"{{"type":"https://mcps.example/problems/{kind}"{more}}}"#);
        status("410 Gone", "", &body)
    };
    let busy = |seconds: u64| Trouble::Busy(Some(Duration::from_secs(seconds)));
    for (answer, trouble) in [
        (status("404 Not Found", "", "{}"), Trouble::Absent),
        (
            status("503 Service Unavailable", "retry-after: 7\r\n", "{}"),
            busy(7),
        ),
        (
            status("429 Too Many Requests", "retry-after: soon\r\n", ""),
            Trouble::Busy(None),
        ),
        (gone("position-pruned", ""), Trouble::Pruned),
        (
            gone("epoch-ended", r#","epoch":"/v1/feed/epochs/3""#),
            Trouble::EpochEnded(Some(3)),
        ),
        (
            gone("epoch-ended", r#","epoch":2"#),
            Trouble::EpochEnded(Some(2)),
        ),
        (gone("epoch-ended", ""), Trouble::EpochEnded(None)),
        (
            gone("something-else", ""),
            Trouble::Answer("it answered 410 Gone".to_owned()),
        ),
        (
            status("500 Internal Server Error", "", ""),
            Trouble::Answer("it answered 500 Internal Server Error".to_owned()),
        ),
        (
            status("302 Found", "location: /elsewhere\r\n", ""),
            Trouble::Answer("it answered 302 Found".to_owned()),
        ),
    ] {
        let (client, _asked) = stub(answer.clone()).await;
        let failed = client.stream(Some(AT)).await.unwrap_err();
        assert_eq!(failed, trouble, "{answer}");
    }
}

#[tokio::test]
async fn a_long_poll_gives_frames_as_they_were_written() {
    let body = r#"{"frames":[{"b": 1},{"a":[2]}]}"#;
    let (client, asked) = stub(ok("application/json", body)).await;
    assert_eq!(
        client.frames(AT).await.unwrap(),
        [r#"{"b": 1}"#, r#"{"a":[2]}"#]
    );
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("get /v1/feed/frames?after=1:41&wait_s=20 "),
        "{asked}"
    );
    let many = format!(r#"{{"frames":[{}0]}}"#, "0,".repeat(16));
    for body in [r#"{"frames":7}"#, "{}", "[]", "nothing", &many] {
        let (client, _asked) = stub(ok("application/json", body)).await;
        let failed = client.frames(AT).await;
        assert!(matches!(failed, Err(Trouble::Answer(_))), "{body}");
    }
}

#[tokio::test]
async fn snapshots_and_statements_come_as_they_are() {
    let (client, asked) = stub(ok("application/json", "{\"x\":1}")).await;
    assert_eq!(client.snapshot().await.unwrap(), b"{\"x\":1}");
    assert!(asked.await.unwrap().starts_with("get /v1/feed/snapshot "));
    let (client, asked) = stub(ok("application/json", "{}")).await;
    assert_eq!(client.epoch(2).await.unwrap(), "{}");
    assert!(asked.await.unwrap().starts_with("get /v1/feed/epochs/2 "));
    let long = "x".repeat(70_000);
    let (client, _asked) = stub(ok("application/json", &long)).await;
    assert!(matches!(client.epoch(2).await, Err(Trouble::Answer(_))));
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = AuthorityClient::new(&url).unwrap();
    assert!(matches!(
        client.stream(None).await,
        Err(Trouble::Unreachable(_))
    ));
}
