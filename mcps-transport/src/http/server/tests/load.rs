//! Too much at once.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Running, request};
use crate::{http::server::HttpLimits, witness::soon};

#[tokio::test]
async fn refuses_a_hundred_megabytes_without_reading_them() {
    let mut server = Running::start().await;
    let declared = request(&["Content-Length: 104857600"], "");
    assert_eq!(server.refused(&declared).await.status, 413);

    // Undeclared: the client writes until it is answered.
    let mut raw = server.connect().await;
    raw.send(&request(&["Transfer-Encoding: chunked"], ""))
        .await;
    let (mut answers, mut body) = raw.0.split();
    let chunk = [b"100000\r\n".as_slice(), &[b'x'; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    let write = async {
        while sent < 100 && body.write_all(&chunk).await.is_ok() {
            sent += 1;
        }
    };
    let read = async {
        let mut answer = [0; 12];
        answers.read_exact(&mut answer).await.map(|_| answer)
    };
    let (answer, ()) = soon("the answer", async { tokio::join!(read, write) }).await;
    assert_eq!(&answer.unwrap(), b"HTTP/1.1 413");
    assert!(sent < 50, "{sent} MiB were taken");
    server.untouched();
}

#[tokio::test]
async fn caps_connections_and_refuses_those_beyond() {
    let limits = HttpLimits {
        connections: 100,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        let mut raw = server.connect().await;
        raw.send(&request(&[], "{}")).await;
        server.echo().await;
        assert_eq!(raw.answer().await.status, 200);
        idle.push(raw);
    }
    for _ in 0..3000 {
        let mut beyond = server.connect().await;
        let refused = beyond.rest().await;
        assert!(
            refused.is_empty() || refused.starts_with(b"HTTP/1.1 503 "),
            "{refused:?}"
        );
    }
    // Those that were there are served, and a place that is free is given again.
    let mut last = idle.pop().unwrap();
    last.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(last.answer().await.status, 200);
    drop(last);
    let answered = loop {
        let mut raw = server.connect().await;
        raw.send(&request(&[], "{}")).await;
        let served = tokio::select! {
            _ = server.echo() => true,
            _ = raw.rest() => false,
        };
        if served {
            break raw.answer().await;
        }
    };
    assert_eq!(answered.status, 200);
}

#[tokio::test]
async fn a_call_whose_client_left_keeps_its_place() {
    let limits = HttpLimits {
        connections: 1,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    drop(raw);
    soon("the client's leaving", post.gone.wait()).await;
    let refused = server.connect().await.rest().await;
    assert!(refused.is_empty() || refused.starts_with(b"HTTP/1.1 503 "));
    drop(answer);
}
