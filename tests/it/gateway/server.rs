//! A server over HTTP that says what the test lets it say, and counts what reaches it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wire::Asked;

/// What it says to one request.
pub(super) enum Says {
    /// One document.
    Json(Value),
    /// Events, and then the end of the stream.
    Events(Vec<String>),
    /// Events, and then nothing: whoever asked closes it.
    Stays(Vec<String>),
    /// These bytes, whatever they are.
    Raw(String),
    /// These bytes, one now and one later, for as long as somebody reads.
    Drips(String),
    /// A body of this kind that begins with a text and then repeats another for 100 MB, as far as somebody
    /// reads it; the bytes that left are counted.
    Pours(&'static str, String, String, Arc<AtomicUsize>),
    /// One document, as soon as the test lets it be said.
    Held(Value),
    /// One document, after that time.
    Late(Duration, Value),
}

/// The headers of one request.
type Headers = Vec<(String, String)>;

/// A server of 2025-11-25 and 2026-07-28 in one.
pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    /// Every header of every request, by its method.
    headers: Arc<Mutex<Vec<(Value, Headers)>>>,
    released: watch::Sender<bool>,
    /// It takes no answers any more, and leaves whoever brings one waiting, or asks for its stream.
    deaf: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A result for a request.
pub(super) fn result(asked: &Value, result: Value) -> Says {
    Says::Json(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
}

/// The text result of a call.
pub(super) fn content(asked: &Value, text: &str) -> Says {
    result(asked, json!({"content": [{"type": "text", "text": text}]}))
}

/// A tool.
pub(super) fn tool(name: &str) -> Value {
    json!({"name": name, "description": name, "inputSchema": {"type": "object"}})
}

impl Server {
    /// One with these tools, which answers calls with `name(arguments)`.
    pub(super) async fn with(tools: &[&str]) -> Self {
        let tools: Vec<Value> = tools.iter().map(|name| tool(name)).collect();
        Self::saying(move |asked| match asked["method"].as_str() {
            Some("tools/list") => result(asked, json!({"tools": tools})),
            Some("tools/call") => {
                let params = &asked["params"];
                let name = params["name"].as_str().unwrap_or_default();
                content(asked, &format!("{name}({})", params["arguments"]))
            }
            _ => usual(asked),
        })
        .await
    }

    /// One that says what `answer` says.
    pub(super) async fn saying(answer: impl Fn(&Value) -> Says + Send + Sync + 'static) -> Self {
        Self::standing(None, answer).await
    }

    /// The same, which says these events to whoever opens its stream.
    pub(super) async fn standing(
        stream: Option<Vec<String>>,
        answer: impl Fn(&Value) -> Says + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let headers: Arc<Mutex<Vec<(Value, Headers)>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        let beside = Arc::clone(&headers);
        let released = watch::Sender::new(false);
        let (held, deaf) = (released.clone(), Arc::<AtomicBool>::default());
        let is_deaf = Arc::clone(&deaf);
        #[expect(
            clippy::disallowed_methods,
            reason = "the server owns its task and ends it"
        )]
        let serving = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else {
                    return;
                };
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                let (beside, stream) = (Arc::clone(&beside), stream.clone());
                let (mut held, is_deaf) = (held.subscribe(), Arc::clone(&is_deaf));
                tasks.spawn(async move {
                    let asked = Asked::read(socket).await;
                    let method = asked.method.clone();
                    if method == "GET" && is_deaf.load(Ordering::SeqCst) {
                        return std::future::pending().await;
                    }
                    if let ("GET", Some(events)) = (method.as_str(), stream) {
                        beside
                            .lock()
                            .unwrap()
                            .push(("GET".into(), asked.headers.clone()));
                        let mut stream = asked.events("").await;
                        for event in events {
                            stream.event(&event).await;
                        }
                        return stream.closed().await;
                    }
                    if asked.method != "POST" {
                        beside
                            .lock()
                            .unwrap()
                            .push((method.into(), asked.headers.clone()));
                        return asked.empty(405, "").await;
                    }
                    let message: Value =
                        serde_json::from_str(str::from_utf8(&asked.body).unwrap()).unwrap();
                    kept.lock().unwrap().push(message.clone());
                    let method = message["method"].clone();
                    beside.lock().unwrap().push((method, asked.headers.clone()));
                    if message.get("id").is_none() || message.get("method").is_none() {
                        if is_deaf.load(Ordering::SeqCst) {
                            return std::future::pending().await;
                        }
                        return asked.empty(202, "").await;
                    }
                    let named = match message["method"].as_str() {
                        Some("initialize") => "Mcp-Session-Id: theirs\r\n",
                        _ => "",
                    };
                    match answer(&message) {
                        Says::Json(body) => asked.json(200, named, &body.to_string()).await,
                        Says::Events(events) => {
                            let mut stream = asked.events(named).await;
                            for event in events {
                                stream.event(&event).await;
                            }
                            stream.end().await;
                        }
                        Says::Stays(events) => {
                            let mut stream = asked.events(named).await;
                            for event in events {
                                stream.event(&event).await;
                            }
                            stream.closed().await;
                        }
                        Says::Raw(bytes) => asked.raw(&bytes).await,
                        Says::Drips(bytes) => asked.drip(&bytes, Duration::from_millis(100)).await,
                        Says::Pours(kind, begin, again, poured) => {
                            asked.pour(kind, &begin, &again, &poured).await;
                        }
                        Says::Late(after, body) => {
                            tokio::time::sleep(after).await;
                            asked.json(200, named, &body.to_string()).await;
                        }
                        Says::Held(body) => {
                            held.wait_for(|released| *released).await.unwrap();
                            asked.json(200, named, &body.to_string()).await;
                        }
                    }
                });
            }
        });
        Self {
            url,
            seen,
            headers,
            released,
            deaf,
            serving,
        }
    }

    /// Lets it say what was held.
    pub(super) fn release(&self) {
        self.released.send_replace(true);
    }

    /// Lets it take no answers any more.
    pub(super) fn deafen(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// What reached it of this method.
    pub(super) fn seen(&self, method: &str) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let of = seen.iter().filter(|message| message["method"] == method);
        of.cloned().collect()
    }

    /// The values of a header that reached it, or that hold that text.
    pub(super) fn was_told(&self, name: &str, text: &str) -> Vec<String> {
        let headers = self.headers.lock().unwrap();
        let all = headers.iter().flat_map(|(_, headers)| headers);
        let of = all.filter(|(is, value)| is == name || value.contains(text));
        of.map(|(is, value)| format!("{is}: {value}")).collect()
    }

    /// The headers with which this method reached it, MCP's or HTTP's.
    pub(super) fn headers(&self, method: &str) -> Vec<Headers> {
        let headers = self.headers.lock().unwrap();
        let of = headers.iter().filter(|(of, _)| of == method);
        of.map(|(_, headers)| headers.clone()).collect()
    }

    /// Whether nothing at all reached it.
    pub(super) fn is_untouched(&self) -> bool {
        self.seen.lock().unwrap().is_empty()
    }

    /// Answers to requests of its own that reached it.
    pub(super) fn answers(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        let of = seen
            .iter()
            .filter(|message| message.get("method").is_none());
        of.cloned().collect()
    }
}

/// What any server says to begin with.
pub(super) fn usual(asked: &Value) -> Says {
    let capabilities = json!({"tools": {"listChanged": true}});
    match asked["method"].as_str() {
        Some("initialize") => result(
            asked,
            json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {"name": "s", "version": "1"}}),
        ),
        Some("server/discover") => result(
            asked,
            json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities, "resultType": "complete"}),
        ),
        Some("ping") => result(asked, json!({})),
        _ => Says::Json(
            json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no such method"}}),
        ),
    }
}
