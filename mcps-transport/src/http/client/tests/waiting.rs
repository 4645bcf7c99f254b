//! Servers that are slow, on a clock that runs ahead while everybody waits.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, time::Instant};

use super::{Client, ClientLimits, Fake, Response, events, post};
use crate::error::{TransportError, Waiting};

fn limits() -> ClientLimits {
    ClientLimits {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(3),
        body: Duration::from_secs(5),
        silence: Some(Duration::from_secs(7)),
        ..ClientLimits::default()
    }
}

fn gave_up<T>(result: Result<T, TransportError>) -> Waiting {
    match result {
        Err(TransportError::TimedOut { waiting, .. }) => waiting,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("an answer"),
    }
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_head_that_does_not_come() {
    let fake = Fake::start().await;
    let client = fake.limited(limits());
    let start = Instant::now();
    let (response, _socket) = tokio::join!(post(&client, "{}"), fake.heard());
    assert_eq!(gave_up(response), Waiting::Answer);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_body_that_trickles() {
    let fake = Fake::start().await;
    let client = fake.limited(limits());
    let start = Instant::now();
    let trickle = async {
        let (mut socket, _) = fake.heard().await;
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        while socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        response = post(&client, "{}") => assert_eq!(gave_up(response), Waiting::Body),
        () = trickle => panic!("closed"),
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_the_words_of_a_refusal_but_not_on_the_refusal() {
    let fake = Fake::start().await;
    let client = fake.limited(limits());
    let stall = async {
        let (mut socket, _) = fake.heard().await;
        let half = "HTTP/1.1 500 Oh\r\nContent-Length: 99\r\n\r\nhalf";
        socket.write_all(half.as_bytes()).await.unwrap();
        socket
    };
    let (response, _socket) = tokio::join!(post(&client, "{}"), stall);
    assert!(matches!(response, Ok(Response::Refused { body, .. }) if body == "half"));
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_stream_that_is_silent_but_takes_comments_for_sound() {
    let fake = Fake::start().await;
    let client = fake.limited(limits());
    let open = async {
        let (mut socket, _) = fake.heard().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    };
    let (response, mut socket) = tokio::join!(post(&client, "{}"), open);
    let mut events = events(response);
    let start = Instant::now();
    let speak = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(6)).await;
            socket.write_all(b":\n\n").await.unwrap();
        }
        socket
    };
    let listen = async {
        for _ in 0..3 {
            assert!(events.next().await.unwrap().is_some());
        }
        events.next().await
    };
    let (silent, _socket) = tokio::join!(listen, speak);
    assert_eq!(gave_up(silent), Waiting::Event);
    assert_eq!(start.elapsed().as_secs(), 18 + 7);
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_handshake_that_does_not_come() {
    let fake = Fake::start().await;
    let port = fake.0.local_addr().unwrap().port();
    let folder = tempfile::TempDir::new().unwrap();
    let roots = super::encryption::root(folder.path());
    let url = format!("https://localhost:{port}/mcp");
    let client = Client::new(&url, limits(), Some(&roots)).unwrap();
    let start = Instant::now();
    let response = post(&client, "{}").await;
    assert!(
        matches!(response, Err(TransportError::Connect { .. })),
        "{response:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 2);
}
