//! The listener over real sockets on loopback. The test is the endpoint: it is handed each call and
//! says what is answered, and when.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Delete, Edge, Endpoint, Get, HttpLimits, Post, Reply, Server};
use crate::{error::TransportError, http::tls::Tls, witness::soon};

mod asked;
mod certificate;
mod framing;
mod load;
mod names;
mod patience;
mod streams;

/// What reached the endpoint, and where the answer goes.
pub(in crate::http) enum Call {
    Post(Post, oneshot::Sender<Reply>),
    Get(Get, oneshot::Sender<Reply>),
    Delete(Delete, oneshot::Sender<Reply>),
}

struct Scripted(mpsc::UnboundedSender<Call>);

impl Scripted {
    async fn ask(&self, call: impl FnOnce(oneshot::Sender<Reply>) -> Call) -> Reply {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(call(answer));
        answered.await.expect("the test answers, or wants a panic")
    }
}

impl Endpoint for Scripted {
    async fn post(&self, post: Post) -> Reply {
        self.ask(|answer| Call::Post(post, answer)).await
    }

    async fn get(&self, get: Get) -> Reply {
        self.ask(|answer| Call::Get(get, answer)).await
    }

    async fn delete(&self, delete: Delete) -> Reply {
        self.ask(|answer| Call::Delete(delete, answer)).await
    }

    async fn document(&self, get: Get) -> Reply {
        self.get(get).await
    }
}

/// A listener that serves.
pub(in crate::http) struct Running {
    pub(in crate::http) address: SocketAddr,
    pub(in crate::http) calls: mpsc::UnboundedReceiver<Call>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinSet<Result<(), TransportError>>,
}

impl Running {
    pub(in crate::http) async fn start() -> Self {
        Self::with(HttpLimits::default(), Edge::default(), None).await
    }

    pub(in crate::http) async fn limited(limits: HttpLimits) -> Self {
        Self::with(limits, Edge::default(), None).await
    }

    pub(in crate::http) async fn with(limits: HttpLimits, edge: Edge, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener, limits, edge, tls)
    }

    pub(in crate::http) fn on(
        listener: TcpListener,
        limits: HttpLimits,
        edge: Edge,
        tls: Option<Tls>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (asked, calls) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut server = Server::new(listener, Scripted(asked))
            .with_limits(limits)
            .with_edge(edge);
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let mut served = JoinSet::new();
        served.spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            calls,
            stop: Some(stop),
            served,
        }
    }

    pub(in crate::http) async fn post(&mut self) -> (Post, oneshot::Sender<Reply>) {
        match soon("a call", self.calls.recv()).await.unwrap() {
            Call::Post(post, answer) => (post, answer),
            _ => panic!("another method"),
        }
    }

    pub(in crate::http) async fn get(&mut self) -> (Get, oneshot::Sender<Reply>) {
        match soon("a call", self.calls.recv()).await.unwrap() {
            Call::Get(get, answer) => (get, answer),
            _ => panic!("another method"),
        }
    }

    /// Answers the next POST with its own body.
    pub(in crate::http) async fn echo(&mut self) -> Post {
        let (post, answer) = self.post().await;
        answer.send(json(post.body.clone())).unwrap();
        post
    }

    /// Answers every POST with its own body, for ever.
    async fn echo_all(&mut self) {
        while let Some(call) = self.calls.recv().await {
            if let Call::Post(post, answer) = call {
                let _ = answer.send(json(post.body.clone()));
            }
        }
    }

    /// Fails when anything reached the endpoint that the test did not take.
    pub(in crate::http) fn untouched(&mut self) {
        assert!(self.calls.try_recv().is_err(), "the endpoint was called");
    }

    pub(in crate::http) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(in crate::http) async fn ended(&mut self) {
        let ended = soon("the end of the listener", self.served.join_next()).await;
        ended.unwrap().unwrap().unwrap();
    }

    pub(in crate::http) async fn connect(&self) -> Raw<TcpStream> {
        Raw(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own that is refused before the endpoint.
    async fn refused(&mut self, request: &[u8]) -> Answered {
        let mut raw = self.connect().await;
        raw.send(request).await;
        let answered = raw.answer().await;
        self.untouched();
        answered
    }
}

pub(in crate::http) fn json(body: impl Into<Bytes>) -> Reply {
    Reply::Json {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

/// A POST that is as it should be, but for the lines given.
fn request(lines: &[&str], body: &str) -> Vec<u8> {
    let mut text = String::from("POST /mcp HTTP/1.1\r\n");
    let given = |name: &str| {
        let mut lines = lines.iter().map(|line| line.to_ascii_lowercase());
        lines.any(|line| line.starts_with(name))
    };
    for (name, line) in [
        ("host:", "Host: localhost"),
        ("content-type:", "Content-Type: application/json"),
        ("accept:", "Accept: application/json, text/event-stream"),
    ] {
        if !given(name) {
            text.push_str(&format!("{line}\r\n"));
        }
    }
    for line in lines.iter().filter(|line| !line.ends_with(": -")) {
        text.push_str(&format!("{line}\r\n"));
    }
    if !given("content-length:") && !given("transfer-encoding:") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// A client that writes what it likes.
pub(in crate::http) struct Raw<S>(pub(in crate::http) S);

/// Status, head and body of an answer.
#[derive(Debug)]
struct Answered {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(is, _)| is.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(in crate::http) async fn send(&mut self, bytes: &[u8]) {
        soon("sending", self.0.write_all(bytes)).await.unwrap();
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            let byte = soon("an answer", self.0.read_u8()).await;
            read.push(byte.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&read))
            }));
        }
        read
    }

    async fn head(&mut self) -> Answered {
        let head = String::from_utf8(self.until(b"\r\n\r\n").await).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answered {
            status,
            head,
            body: Vec::new(),
        }
    }

    async fn answer(&mut self) -> Answered {
        let mut answered = self.head().await;
        let length = answered.header("content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        soon("a body", self.0.read_exact(&mut body)).await.unwrap();
        answered.body = body;
        answered
    }

    /// What is left until the connection closes, in whatever way it does.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = soon("the end", self.0.read_to_end(&mut rest)).await;
        rest
    }

    /// The next chunk of a chunked body; empty at its end.
    async fn chunk(&mut self) -> Vec<u8> {
        let size = String::from_utf8(self.until(b"\r\n").await).unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        soon("a chunk", self.0.read_exact(&mut chunk))
            .await
            .unwrap();
        chunk.truncate(size);
        chunk
    }
}
