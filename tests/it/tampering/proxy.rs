//! The proxy: each request and each event passes through the hands of the test.

use reqwest::{Client, Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::wire::Asked;
use crate::wire::PATIENCE;

/// Where clients connect to, and where their requests go.
pub(super) struct Proxy {
    listener: TcpListener,
    upstream: String,
    http: Client,
}

impl Proxy {
    /// Takes a port, and what is posted there to `upstream`.
    pub(super) async fn bind(upstream: String) -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            upstream,
            http: Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The URL that clients sign for.
    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.listener.local_addr().unwrap())
    }

    /// The next request of a client.
    pub(super) async fn next(&self) -> Asked {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept()).await;
        let (socket, _) = accepted.expect("nobody asks").unwrap();
        Asked::read(socket).await
    }

    /// Passes a request on as it is.
    pub(super) fn forward(&self, asked: &Asked) -> Forwarded {
        self.send(Letter::of(asked))
    }

    /// Sends a request.
    pub(super) fn send(&self, letter: Letter) -> Forwarded {
        self.send_to(&self.upstream, letter)
    }

    /// Sends a request somewhere else.
    pub(super) fn send_to(&self, url: &str, letter: Letter) -> Forwarded {
        let method = Method::from_bytes(letter.method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).body(letter.body);
        for (name, value) in letter.headers {
            if !["connection", "content-length"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let mut sending = JoinSet::new();
        sending.spawn(async move {
            let response = request.send().await.unwrap();
            Reply {
                response,
                rest: Vec::new(),
            }
        });
        Forwarded(sending)
    }
}

/// A request on its way.
#[derive(Clone)]
pub(super) struct Letter {
    method: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Letter {
    pub(super) fn of(asked: &Asked) -> Self {
        Self {
            method: asked.method.clone(),
            headers: asked.headers.clone(),
            body: asked.body.clone(),
        }
    }

    /// Changes one header.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let mut found = self.headers.iter_mut().filter(|(is, _)| is == name);
        found.next().expect("it has no such header").1 = value.to_owned();
    }
}

/// A request that was sent and whose answer did not begin yet.
pub(super) struct Forwarded(JoinSet<Reply>);

impl Forwarded {
    /// The beginning of its answer.
    pub(super) async fn reply(mut self) -> Reply {
        let reply = tokio::time::timeout(PATIENCE, self.0.join_next()).await;
        let reply = reply.expect("the wrapper does not answer");
        reply.unwrap().unwrap()
    }
}

/// What the wrapper answers.
pub(super) struct Reply {
    response: Response,
    rest: Vec<u8>,
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The header line that names the session.
    pub(super) fn session(&self) -> String {
        let id = self.response.headers().get("mcp-session-id");
        let id = id.map(|id| id.to_str().unwrap());
        id.map_or(String::new(), |id| format!("Mcp-Session-Id: {id}\r\n"))
    }

    /// The next event, to the byte; `None` at the end of the stream.
    pub(super) async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let after = self.rest.split_off(end + 2);
                let event = std::mem::replace(&mut self.rest, after);
                return Some(String::from_utf8(event).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("the wrapper says nothing").unwrap()?;
            self.rest.extend_from_slice(&chunk);
        }
    }

    /// All events up to the end of the stream.
    pub(super) async fn events(mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }

    /// The body of one that is no stream.
    pub(super) async fn document(self) -> String {
        let text = tokio::time::timeout(PATIENCE, self.response.text()).await;
        text.expect("the wrapper does not end").unwrap()
    }
}

/// The message in an event.
pub(super) fn data(event: &str) -> &str {
    let mut lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.next().expect("an event with a message").trim_start()
}
