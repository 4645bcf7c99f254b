//! Where connections are served, told by who serves them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Each, Lanes, cores};
use crate::error::TransportError;
use crate::http::client::{Client, ClientLimits, Response};
use crate::http::server::{Endpoint, Post, Reply, Server};
use crate::witness::soon;

/// Answers with the thread it is on and, if there is one, what the next one says.
struct Where(Option<Client>);

impl Endpoint for Where {
    async fn post(&self, post: Post) -> Reply {
        let mut said = std::thread::current().name().unwrap_or("").to_owned();
        if let Some(next) = &self.0 {
            said = format!("{said} {}", ask(next, post.body).await);
        }
        Reply::Json {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: format!("{said}.").into(),
        }
    }
}

async fn ask(client: &Client, body: Bytes) -> String {
    match client.post(body, HeaderMap::new()).await.unwrap() {
        Response::Json { body, .. } => String::from_utf8_lossy(&body).into_owned(),
        other => panic!("{other:?}"),
    }
}

/// What is said to a request on this connection.
async fn say(socket: &mut TcpStream) -> String {
    let host = socket.peer_addr().unwrap();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1\r\n\r\n1"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.ends_with('.') {
        let mut some = [0; 1024];
        let count = soon("an answer", socket.read(&mut some)).await.unwrap();
        assert!(count > 0, "{said}");
        said += std::str::from_utf8(&some[..count]).unwrap();
    }
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

type Served = JoinSet<Result<(), TransportError>>;

async fn serve(served: &mut Served, next: Option<Client>, lanes: &Arc<Lanes>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(listener, Where(next)).with_lanes(Arc::clone(lanes));
    served.spawn(server.serve(std::future::pending()));
    address
}

#[tokio::test]
async fn each_connection_stays_on_its_lane_and_each_lane_has_as_many() {
    let lanes = Arc::new(Lanes::start().unwrap());
    let mut served = Served::new();
    let behind = format!("http://{}/mcp", serve(&mut served, None, &lanes).await);
    let behind = Client::new(&behind, ClientLimits::default(), None).unwrap();
    let first = serve(&mut served, Some(behind), &lanes).await;
    let mut sockets = Vec::new();
    for _ in 0..4 * cores() {
        sockets.push(TcpStream::connect(first).await.unwrap());
    }
    let mut seen = HashMap::<String, usize>::new();
    for socket in &mut sockets {
        let said = say(socket).await;
        assert!(said.starts_with("lane-"), "{said}");
        let lane = |said: &str| said.split(' ').next().unwrap().to_owned();
        assert_eq!(lane(&say(socket).await), lane(&said));
        *seen.entry(lane(&said)).or_default() += 1;
    }
    assert_eq!(seen.len(), cores(), "{seen:?}");
}

#[tokio::test]
async fn what_is_on_a_lane_ends_with_it() {
    let lanes = Lanes::start().unwrap();
    let (told, ended) = oneshot::channel::<()>();
    let (place, runtime) = lanes.place().unwrap();
    runtime.spawn(async move {
        std::future::pending::<()>().await;
        drop(told);
    });
    drop(place);
    drop(lanes);
    assert!(soon("its end", ended).await.is_err());
}

#[test]
fn who_leaves_makes_room() {
    let lanes = Lanes::start().unwrap();
    let counts = || -> Vec<usize> {
        let count = |lane: &super::Lane| lane.taken.load(std::sync::atomic::Ordering::Relaxed);
        lanes.0.iter().map(count).collect()
    };
    let places: Vec<_> = (0..2 * cores()).map(|_| lanes.place().unwrap().0).collect();
    assert_eq!(counts(), vec![2; cores()]);
    drop(places);
    assert_eq!(counts(), vec![0; cores()]);
}

#[test]
fn threads_that_are_no_lane_share_one() {
    let each = Each::new();
    assert_eq!(*each.here(|| 1), 1);
    assert_eq!(*each.here(|| 2), 1);
    let other = std::thread::scope(|scope| scope.spawn(|| *each.here(|| 2)).join().unwrap());
    assert_eq!(other, 1);
}
