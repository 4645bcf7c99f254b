//! The client against our listener, and against servers that say what they like.

use std::{net::SocketAddr, path::Path};

use bytes::Bytes;
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Client, ClientLimits, EventReader, Response};
use crate::{error::TransportError, witness::soon};

mod encryption;
mod exchange;
mod hostility;
mod lifetime;
mod waiting;

fn client(address: SocketAddr) -> Client {
    limited(address, ClientLimits::default())
}

fn limited(address: SocketAddr, limits: ClientLimits) -> Client {
    let url = format!("http://127.0.0.1:{}/mcp", address.port());
    Client::new(&url, limits, None).unwrap()
}

fn trusting(address: SocketAddr, roots: &Path) -> Client {
    let url = format!("https://localhost:{}/mcp", address.port());
    Client::new(&url, ClientLimits::default(), Some(roots)).unwrap()
}

async fn post(client: &Client, body: &'static str) -> Result<Response, TransportError> {
    soon("an answer", client.post(body, HeaderMap::new())).await
}

fn body(response: Result<Response, TransportError>) -> Bytes {
    match response.unwrap() {
        Response::Json { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

fn events(response: Result<Response, TransportError>) -> EventReader {
    match response.unwrap() {
        Response::Events { events, .. } => events,
        other => panic!("{other:?}"),
    }
}

/// A server that hears one request and says one thing.
struct Fake(TcpListener);

impl Fake {
    async fn start() -> Self {
        Self(TcpListener::bind(("127.0.0.1", 0)).await.unwrap())
    }

    fn client(&self) -> Client {
        client(self.0.local_addr().unwrap())
    }

    fn limited(&self, limits: ClientLimits) -> Client {
        limited(self.0.local_addr().unwrap(), limits)
    }

    /// The next connection, after the head of its first request; and that head.
    async fn heard(&self) -> (TcpStream, String) {
        let (mut socket, _) = soon("a connection", self.0.accept()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("a request", socket.read_u8()).await.unwrap());
        }
        (socket, String::from_utf8(head).unwrap())
    }

    /// What a POST gives when the server says this and closes.
    async fn says(&self, answer: &[u8]) -> Result<Response, TransportError> {
        self.says_to(&self.client(), answer).await
    }

    async fn says_to(&self, client: &Client, answer: &[u8]) -> Result<Response, TransportError> {
        let speak = async {
            let (mut socket, _) = self.heard().await;
            let _ = socket.write_all(answer).await;
            let _ = socket.shutdown().await;
            socket
        };
        let (response, _socket) = tokio::join!(post(client, "{}"), speak);
        response
    }
}
