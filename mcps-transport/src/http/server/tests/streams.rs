//! Event streams, and clients that leave.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::{sync::mpsc, time::Instant};

use super::{Raw, Running, request};
use crate::{
    http::server::{Gone, HttpLimits, Reply},
    sse::Event,
    witness::soon,
};

type Client = Raw<tokio::net::TcpStream>;

/// A stream that is open, up to its head.
async fn open(server: &mut Running) -> (Client, mpsc::Sender<Event>, Gone) {
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    let (send, events) = mpsc::channel(4);
    let mut headers = HeaderMap::new();
    headers.insert("mcp-session-id", HeaderValue::from_static("s"));
    answer.send(Reply::Events { headers, events }).unwrap();
    let answered = raw.head().await;
    assert_eq!(answered.status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("mcp-session-id", "s"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(answered.header(name), Some(value));
    }
    (raw, send, post.gone)
}

#[tokio::test]
async fn sends_each_event_when_it_comes_and_as_it_is() {
    let mut server = Running::start().await;
    let (mut raw, send, gone) = open(&mut server).await;
    for event in [
        Event::message(b"{\"id\":1}").with_id("7").unwrap(),
        Event::comment("still here"),
        Event::message(b"").with_retry(Duration::from_secs(1)),
    ] {
        send.send(event.clone()).await.unwrap();
        assert_eq!(raw.chunk().await, event.as_bytes());
    }
    assert!(!gone.is_so());
    drop(send);
    assert!(raw.chunk().await.is_empty(), "the stream has ended");
    soon("the end of the exchange", gone.wait()).await;
    raw.send(&request(&[], "{}")).await;
    server.echo().await;
    assert_eq!(raw.answer().await.status, 200, "the connection goes on");
}

#[tokio::test]
async fn tells_that_the_client_left_an_open_stream() {
    let mut server = Running::start().await;
    let (raw, send, gone) = open(&mut server).await;
    drop(raw);
    soon("the client's leaving", send.closed()).await;
    soon("the client's leaving", gone.wait()).await;
    assert!(send.send(Event::message(b"{}")).await.is_err());
}

#[tokio::test]
async fn tells_that_the_client_left_while_the_endpoint_works() {
    let mut server = Running::start().await;
    let mut raw = server.connect().await;
    raw.send(&request(&[], "{}")).await;
    let (post, answer) = server.post().await;
    assert!(!post.gone.is_so());
    drop(raw);
    soon("the client's leaving", post.gone.wait()).await;
    assert!(post.gone.is_so());
    assert!(
        !answer.is_closed(),
        "the call goes on: what to do is the endpoint's affair"
    );
    // Its events would go nowhere.
    let (send, events) = mpsc::channel(1);
    let headers = HeaderMap::new();
    answer.send(Reply::Events { headers, events }).unwrap();
    soon("the end of the stream", send.closed()).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_carries_comments() {
    let limits = HttpLimits {
        keep_alive: Some(Duration::from_secs(7)),
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let (mut raw, send, _) = open(&mut server).await;
    let start = Instant::now();
    for beat in 1..4 {
        assert_eq!(raw.chunk().await, b":\n\n");
        assert_eq!(start.elapsed().as_secs(), 7 * beat);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    send.send(Event::message(b"{}")).await.unwrap();
    assert_eq!(raw.chunk().await, b"data: {}\n\n");
    assert_eq!(raw.chunk().await, b":\n\n");
    let silence = start.elapsed().as_secs();
    assert_eq!(silence, 21 + 5 + 7, "an event ends the silence");
}

#[tokio::test]
async fn an_event_beyond_the_limit_aborts_the_stream() {
    let limits = HttpLimits {
        event_bytes: 100,
        ..HttpLimits::default()
    };
    let mut server = Running::limited(limits).await;
    let (mut raw, send, _) = open(&mut server).await;
    let most = Event::message(&[b'x'; 92]);
    assert_eq!(most.encoded_len(), 100);
    send.send(most).await.unwrap();
    assert_eq!(raw.chunk().await.len(), 100);
    send.send(Event::message(&[b'x'; 93])).await.unwrap();
    soon("the end of the stream", send.closed()).await;
    let rest = raw.rest().await;
    assert!(rest.is_empty(), "no end of the body: {rest:?}");
}

#[tokio::test]
async fn streams_end_with_a_listener_that_stops_once_their_endpoint_ends_them() {
    let mut server = Running::start().await;
    let (mut raw, send, _) = open(&mut server).await;
    server.stop();
    send.send(Event::message(b"{}")).await.unwrap();
    assert_eq!(raw.chunk().await, b"data: {}\n\n");
    drop(send);
    assert!(raw.chunk().await.is_empty());
    assert!(raw.rest().await.is_empty());
    server.ended().await;
}
