//! A transmitter that lets itself be polled (RFC 8936), and does what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What the transmitter does.
pub(super) struct Plan {
    /// What it has to give: by which id, and the token.
    pub(super) tokens: Vec<(String, String)>,
    /// Most that it gives at once.
    pub(super) batch: usize,
    pub(super) status: &'static str,
    /// Does not answer what acknowledges something.
    pub(super) deaf: bool,
    /// Never answers what may wait.
    pub(super) holds: bool,
}

/// What it was asked: the credentials and the request.
pub(super) type Asked = (String, Value);

pub(super) struct Transmitter {
    pub(super) url: String,
    plan: Arc<Mutex<Plan>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// How many ask now, and did at most.
    pub(super) at_once: Arc<Mutex<(usize, usize)>>,
    _tasks: JoinSet<()>,
}

impl Transmitter {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/poll", listener.local_addr().unwrap());
        let plan = Arc::new(Mutex::new(Plan {
            tokens: Vec::new(),
            batch: 100,
            status: "200 OK",
            deaf: false,
            holds: false,
        }));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let at_once: Arc<Mutex<(usize, usize)>> = Arc::default();
        let shared = (Arc::clone(&plan), Arc::clone(&asked), Arc::clone(&at_once));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (plan, asked, at_once) = shared.clone();
                open.spawn(async move {
                    {
                        let mut count = at_once.lock().unwrap();
                        count.0 += 1;
                        count.1 = count.1.max(count.0);
                    }
                    serve(stream, &plan, &asked).await;
                    at_once.lock().unwrap().0 -= 1;
                });
            }
        });
        Self {
            url,
            plan,
            asked,
            at_once,
            _tasks: tasks,
        }
    }

    pub(super) fn plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().unwrap());
    }

    pub(super) fn give(&self, id: &str, token: String) {
        self.plan(|plan| plan.tokens.push((id.to_owned(), token)));
    }

    pub(super) fn left(&self) -> Vec<String> {
        let plan = self.plan.lock().unwrap();
        plan.tokens.iter().map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Every id that was acknowledged, and every error that was reported.
    pub(super) fn told(&self) -> (Vec<String>, Value) {
        let (mut acknowledged, mut errors) = (Vec::new(), json!({}));
        for (_, request) in self.asked() {
            let ids = request["ack"].as_array().into_iter().flatten();
            acknowledged.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
            for (id, error) in request["setErrs"].as_object().into_iter().flatten() {
                errors[id] = error["err"].clone();
            }
        }
        (acknowledged, errors)
    }
}

async fn serve(mut stream: TcpStream, plan: &Mutex<Plan>, asked: &Mutex<Vec<Asked>>) {
    let mut bytes = Vec::new();
    let (bearer, request) = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| {
            let begin = format!("{name}: ");
            let mut lines = head.lines();
            let line = lines.find_map(|line| line.strip_prefix(begin.as_str()));
            line.unwrap_or_default().to_owned()
        };
        if header("content-length").parse() == Ok(body.len()) {
            assert_eq!(header("content-type"), "application/json");
            let request: Value = serde_json::from_str(body).unwrap();
            break (header("authorization"), request);
        }
    };
    asked.lock().unwrap().push((bearer, request.clone()));
    let told = |member: &str, id: &str| match &request[member] {
        Value::Array(ids) => ids.iter().any(|own| own == id),
        Value::Object(ids) => ids.contains_key(id),
        _ => false,
    };
    let heard = ["ack", "setErrs"]
        .iter()
        .any(|name| request[name] != Value::Null);
    let at_once = request["returnImmediately"] == true;
    let begun = Instant::now();
    let (status, body) = loop {
        let (status, given, more, holds) = {
            let mut plan = plan.lock().unwrap();
            if heard && plan.deaf {
                return;
            }
            plan.tokens
                .retain(|(id, _)| !told("ack", id) && !told("setErrs", id));
            let most = request["maxEvents"].as_u64().unwrap();
            let most = plan.batch.min(usize::try_from(most).unwrap());
            let given: Vec<_> = plan.tokens.iter().take(most).cloned().collect();
            let more = plan.tokens.len() > given.len();
            (plan.status, given, more, plan.holds && !at_once)
        };
        let waited = begun.elapsed() > Duration::from_secs(2);
        if !holds && (status != "200 OK" || at_once || waited || !given.is_empty()) {
            let sets: serde_json::Map<_, _> = given
                .into_iter()
                .map(|(id, token)| (id, token.into()))
                .collect();
            break (status, json!({"sets": sets, "moreAvailable": more}));
        }
        // Whoever asked is gone.
        let gone = stream.read_u8();
        if tokio::time::timeout(Duration::from_millis(20), gone)
            .await
            .is_ok()
        {
            return;
        }
    };
    let body = body.to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    drop(stream.write_all(answer.as_bytes()).await);
}
