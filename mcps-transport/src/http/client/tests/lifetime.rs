//! Connections that are dropped, reused, broken and made again.

use http::HeaderMap;
use tokio::{net::TcpListener, sync::mpsc};

use super::{body, client, events, post};
use crate::{
    error::TransportError,
    http::server::{
        Edge, HttpLimits, Reply,
        tests::{Running, json},
    },
    sse::Event,
    witness::soon,
};

fn stream() -> (mpsc::Sender<Event>, Reply) {
    let (send, events) = mpsc::channel(8);
    let headers = HeaderMap::new();
    (send, Reply::Events { headers, events })
}

#[tokio::test]
async fn dropping_a_request_tells_the_server() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let mut asking = tokio::task::JoinSet::new();
    let asked = client.clone();
    asking.spawn(async move { post(&asked, "{}").await.map(drop) });
    let (call, _answer) = server.post().await;
    assert!(!call.gone.is_so());
    asking.abort_all();
    soon("the cancellation", call.gone.wait()).await;

    let serve = async { server.echo().await };
    let (response, _) = tokio::join!(post(&client, "{}"), serve);
    assert_eq!(body(response), "{}", "the client is as good as before");
}

#[tokio::test]
async fn dropping_a_stream_tells_the_server() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let serve = async {
        let (call, answer) = server.post().await;
        let (send, reply) = stream();
        answer.send(reply).unwrap();
        send.send(Event::message(b"1")).await.unwrap();
        (call, send)
    };
    let (response, (call, send)) = tokio::join!(post(&client, "{}"), serve);
    let mut events = events(response);
    assert!(events.next().await.unwrap().is_some());
    drop(events);
    soon("the cancellation", send.closed()).await;
    soon("the cancellation", call.gone.wait()).await;
}

#[tokio::test]
async fn a_stream_outlives_its_client_and_a_read_that_was_given_up() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let serve = async {
        let (_, answer) = server.post().await;
        let (send, reply) = stream();
        answer.send(reply).unwrap();
        send
    };
    let (response, send) = tokio::join!(post(&client, "{}"), serve);
    let mut events = events(response);
    drop(client);
    tokio::select! {
        biased;
        _ = events.next() => panic!("nothing was sent"),
        () = std::future::ready(()) => {}
    }
    for n in ["1", "2", "3"] {
        send.send(Event::message(n.as_bytes())).await.unwrap();
        let event = soon("an event", events.next()).await.unwrap().unwrap();
        assert_eq!(event.data().unwrap(), n);
    }
}

#[tokio::test]
async fn resumes_after_the_last_complete_event() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let serve = async {
        let (_, answer) = server.post().await;
        let (send, reply) = stream();
        answer.send(reply).unwrap();
        for id in ["e1", "e2"] {
            let event = Event::message(id.as_bytes()).with_id(id).unwrap();
            send.send(event).await.unwrap();
        }
    };
    let (response, ()) = tokio::join!(post(&client, "{}"), serve);
    let mut first = events(response);
    while first.next().await.unwrap().is_some() {}

    let resume = client.get(Some(first.last_event_id()), HeaderMap::new());
    let serve = async {
        let (get, answer) = server.get().await;
        assert_eq!(get.headers.last_event_id().unwrap(), Some("e2"));
        let (send, reply) = stream();
        answer.send(reply).unwrap();
        send.send(Event::message(b"e3")).await.unwrap();
    };
    let (response, ()) = tokio::join!(resume, serve);
    let mut rest = events(response);
    assert_eq!(rest.next().await.unwrap().unwrap().data().unwrap(), "e3");
}

#[tokio::test]
async fn reaches_a_server_that_was_started_again() {
    let mut server = Running::start().await;
    let address = server.address;
    let client = client(address);
    let (response, _) = tokio::join!(post(&client, "1"), server.echo());
    assert_eq!(body(response), "1");
    server.stop();
    server.ended().await;
    drop(server);
    let refused = post(&client, "2").await;
    assert!(
        matches!(refused, Err(TransportError::Connect { .. })),
        "{refused:?}"
    );

    let listener = TcpListener::bind(address).await.unwrap();
    let mut server = Running::on(listener, HttpLimits::default(), Edge::default(), None);
    let (response, _) = tokio::join!(post(&client, "3"), server.echo());
    assert_eq!(body(response), "3");
}

#[tokio::test]
async fn a_server_that_dies_breaks_its_streams_and_its_answers() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let serve = async {
        let (_, answer) = server.post().await;
        let (send, reply) = stream();
        answer.send(reply).unwrap();
        send.send(Event::message(b"1")).await.unwrap();
        send
    };
    let (response, send) = tokio::join!(post(&client, "{}"), serve);
    let mut events = events(response);
    assert!(events.next().await.unwrap().is_some());
    let ask = async { post(&client, "{}").await };
    let die = async {
        let (_, answer) = server.post().await;
        drop(server);
        answer
    };
    let (broken, _answer) = tokio::join!(ask, die);
    assert!(
        matches!(broken, Err(TransportError::Exchange(_))),
        "{broken:?}"
    );
    let broken = soon("the break", events.next()).await;
    assert!(
        matches!(broken, Err(TransportError::Exchange(_))),
        "{broken:?}"
    );
    assert!(send.is_closed());
}

#[tokio::test]
async fn one_connection_serves_requests_in_turn() {
    let mut server = Running::start().await;
    let client = client(server.address);
    let mut peers = Vec::new();
    for _ in 0..5 {
        let serve = async {
            let (call, answer) = server.post().await;
            answer.send(json("{}")).unwrap();
            call.peer
        };
        let (response, peer) = tokio::join!(post(&client, "{}"), serve);
        drop(body(response));
        peers.push(peer);
    }
    peers.dedup();
    assert_eq!(peers.len(), 1);
}
