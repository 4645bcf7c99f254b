//! Slow clients, on a clock that runs ahead while everybody waits.

use std::time::Duration;

use http::HeaderMap;
use tokio::{
    io::AsyncReadExt as _,
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{Running, request};
use crate::{
    http::server::{HttpLimits, Reply},
    sse::Event,
};

fn limits() -> HttpLimits {
    HttpLimits {
        header_read: Duration::from_secs(3),
        body_read: Duration::from_secs(5),
        idle: Duration::from_secs(9),
        write: Duration::from_secs(11),
        keep_alive: None,
        ..HttpLimits::default()
    }
}

/// Whole seconds of the test's clock; closing takes half of one more at most.
fn seconds(since: Instant) -> u64 {
    since.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn closes_a_connection_that_never_says_anything() {
    let mut server = Running::limited(limits()).await;
    let start = Instant::now();
    let mut raw = server.connect().await;
    assert!(raw.rest().await.is_empty());
    assert_eq!(seconds(start), 3);
    server.untouched();
}

#[tokio::test(start_paused = true)]
async fn closes_a_head_that_trickles() {
    let mut server = Running::limited(limits()).await;
    let start = Instant::now();
    let mut raw = server.connect().await;
    let slow = request(&["X-Slow: yes"], "{}");
    let (mut read, mut write) = raw.0.split();
    let trickle = async {
        for byte in slow {
            if tokio::io::AsyncWriteExt::write_all(&mut write, &[byte])
                .await
                .is_err()
            {
                break;
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    let closed = async {
        let mut rest = Vec::new();
        let _ = read.read_to_end(&mut rest).await;
        rest
    };
    tokio::select! {
        rest = closed => assert!(rest.is_empty()),
        () = trickle => panic!("the whole head was waited for"),
    }
    assert_eq!(seconds(start), 3);
    server.untouched();
}

#[tokio::test(start_paused = true)]
async fn refuses_a_body_that_trickles() {
    let mut server = Running::limited(limits()).await;
    let start = Instant::now();
    let mut raw = server.connect().await;
    raw.send(&request(&["Content-Length: 100"], "{")).await;
    let answered = raw.answer().await;
    assert_eq!(answered.status, 408);
    assert_eq!(seconds(start), 5);
    raw.rest().await;
    server.untouched();
}

#[tokio::test(start_paused = true)]
async fn closes_an_idle_connection_but_no_busy_one() {
    let mut server = Running::limited(limits()).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    sleep(Duration::from_secs(3600)).await;
    assert!(!post.gone.is_so(), "an endpoint may take its time");
    answer.send(super::json("{}")).unwrap();
    assert_eq!(raw.answer().await.status, 200);
    assert!(post.gone.is_so(), "answered: nobody is left to answer");
    let start = Instant::now();
    assert!(raw.rest().await.is_empty());
    assert_eq!(seconds(start), 9);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_next_request_has_its_own_time() {
    let mut server = Running::limited(limits()).await;
    let mut raw = server.connect().await;
    for _ in 0..3 {
        raw.send(&request(&[], "{}")).await;
        server.echo().await;
        assert_eq!(raw.answer().await.status, 200);
        sleep(Duration::from_secs(8)).await;
    }
    let start = Instant::now();
    raw.send(b"POST /mcp").await;
    assert!(raw.rest().await.is_empty());
    assert_eq!(seconds(start), 3);
}

#[tokio::test(start_paused = true)]
async fn cuts_off_a_client_that_does_not_read_and_holds_little_for_it() {
    let mut server = Running::limited(limits()).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    let (send, events) = mpsc::channel(1);
    let headers = HeaderMap::new();
    answer.send(Reply::Events { headers, events }).unwrap();
    let start = Instant::now();
    let event = Event::message(&[b'x'; 256 * 1024]);
    let mut sent = 0;
    while send.send(event.clone()).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "nobody holds this much");
    }
    assert_eq!(seconds(start), 11, "after {sent} events");
    post.gone.wait().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_but_reads_is_kept() {
    let mut server = Running::limited(limits()).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (_, answer) = server.post().await;
    let body = vec![b'x'; 24 << 20];
    answer.send(super::json(body)).unwrap();
    let mut left = raw
        .head()
        .await
        .header("content-length")
        .unwrap()
        .parse::<usize>()
        .unwrap();
    let mut part = vec![0; 4 << 20];
    while left > 0 {
        sleep(Duration::from_secs(10)).await;
        let end = left.min(part.len());
        raw.0.read_exact(&mut part[..end]).await.unwrap();
        left -= end;
    }
}

#[tokio::test(start_paused = true)]
async fn exchanges_that_do_not_end_are_aborted_after_the_drain() {
    let mut server = Running::limited(limits()).await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, _answer) = server.post().await;
    let start = Instant::now();
    server.stop();
    assert!(raw.rest().await.is_empty());
    server.ended().await;
    assert_eq!(seconds(start), 10);
    assert!(post.gone.is_so());
}

#[tokio::test(start_paused = true)]
async fn waits_for_ever_when_told_to() {
    let ever = Duration::MAX;
    let limits = HttpLimits {
        header_read: ever,
        body_read: ever,
        idle: ever,
        write: ever,
        keep_alive: Some(ever),
        drain: ever,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let mut raw = server.connect().await;
    for _ in 0..2 {
        sleep(Duration::from_secs(3600)).await;
        raw.send(&request(&[], "{}")).await;
        let (_, answer) = server.post().await;
        let (send, events) = mpsc::channel(1);
        let headers = HeaderMap::new();
        answer.send(Reply::Events { headers, events }).unwrap();
        send.send(Event::message(b"{}")).await.unwrap();
        drop(send);
        assert_eq!(raw.head().await.status, 200);
        while !raw.chunk().await.is_empty() {}
    }
}
