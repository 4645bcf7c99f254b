//! A relay without any trust from Streamable HTTP to a server on standard input and output.
//! `cargo run -p mcps-transport --example http_relay -- some-server --stdio`
//!
//! All callers share one server. Of a message it reads nothing but its id: an answer belongs to the
//! request that has the same, so callers must not choose alike. What the server says by itself is
//! dropped.

use std::collections::HashMap;
use std::future::pending;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use mcps_core::message::{Id, Outline};
use mcps_transport::{
    child::Command,
    error::TransportError,
    frame::{Frame, Incoming},
    http::server::{Endpoint, Post, Reply, Server},
    limits::Limits,
    pipe::{Inbox, Sender},
};
use tokio::{net::TcpListener, sync::oneshot};

/// Who waits for which answer.
type Waiting = Arc<Mutex<HashMap<Id, oneshot::Sender<Bytes>>>>;

struct Relay {
    server: Sender,
    waiting: Waiting,
}

impl Endpoint for Relay {
    async fn post(&self, post: Post) -> Reply {
        let answered = Outline::of(&post.body).id.map(|id| {
            let (answer, answered) = oneshot::channel();
            lock(&self.waiting).insert(id, answer);
            answered
        });
        let Ok(frame) = Frame::new(post.body) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        if self.server.send(frame).await.is_err() {
            return empty(StatusCode::BAD_GATEWAY);
        }
        let Some(answered) = answered else {
            return empty(StatusCode::ACCEPTED);
        };
        match answered.await {
            Ok(body) => Reply::Json {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body,
            },
            Err(_) => empty(StatusCode::BAD_GATEWAY),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), TransportError> {
    let limits = Limits::default();
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().unwrap_or_else(|| "cat".into());
    let (_child, server) = Command::new(program).args(arguments).spawn(&limits)?;
    let mut server = server.into_pipe(&limits);
    let failed = |error| TransportError::Listen(Arc::new(error));
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // For whoever started us; the server's words go through pipes of their own.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}/mcp");
    let waiting = Waiting::default();
    let relay = Relay {
        server: server.outbox.sender(),
        waiting: Arc::clone(&waiting),
    };
    tokio::select! {
        served = Server::new(listener, relay).serve(pending()) => served,
        heard = hear(&mut server.inbox, &waiting) => heard,
    }
}

/// Gives each answer to whoever waits for it, until the server ends.
async fn hear(server: &mut Inbox, waiting: &Waiting) -> Result<(), TransportError> {
    while let Some(incoming) = server.next().await? {
        let Incoming::Frame(frame) = incoming else {
            continue;
        };
        let bytes = frame.into_bytes();
        let asked = Outline::of(&bytes).id;
        let asked = asked.and_then(|id| lock(waiting).remove(&id));
        // Whoever asked may have left.
        drop(asked.map(|answer| answer.send(bytes.into())));
    }
    Ok(())
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<Id, oneshot::Sender<Bytes>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn empty(status: StatusCode) -> Reply {
    Reply::Empty {
        status,
        headers: HeaderMap::new(),
    }
}
