//! From a revocation to its refusal, with a thousand and with five thousand followers:
//! `scripts/test-env cargo bench -p mcps-tests --bench feed`, after `cargo build --release --bins`.
//!
//! One `mcps-authority` process on PostgreSQL, everything on this machine. Thirty-two followers read,
//! verify and follow each frame as a verifier does, and their time is that of the refusal; the others
//! are light: they read each frame to its end and look at its numbers. All times begin when the order
//! is sent. For comparison one task writes as many bytes to as many sockets, without HTTP, signature
//! or database.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod world;
}

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use it::world::Authority;
use mcps_client::follower::{Follower, Progress};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::feed::{Event, Snapshot, Target};
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::trust::TrustBundle;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Followers that verify and follow.
const FULL: usize = 32;
/// Orders whose way is timed, one after the other.
const TIMED: usize = 200;
/// Orders given as fast as they are taken.
const BURST: usize = 10_000;
/// Connections that give orders in a burst.
const HANDS: usize = 16;

/// When a follower had everything up to a number.
#[derive(Debug, Default)]
struct Log {
    at: Vec<(u64, Instant)>,
    /// Frames that did not continue the one before.
    broken: usize,
    connected: Option<Instant>,
}

type Shared = Arc<Mutex<Log>>;

/// The events of a stream as they come in, out of the chunks of HTTP.
struct Events {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Events {
    async fn open(addr: &str, after: u64) -> Option<Self> {
        let mut stream = TcpStream::connect(addr).await.ok()?;
        let request =
            format!("GET /v1/feed HTTP/1.1\r\nhost: {addr}\r\nlast-event-id: 1:{after}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let bytes = Vec::with_capacity(4096);
        Some(Self { stream, bytes })
    }

    /// The JSON of the next frame; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            // Each event is one chunk, so none is cut by the head of another.
            let begin = find(&self.bytes, b"\ndata: ").map(|at| at + 7);
            let end = begin.and_then(|begin| Some(begin + find(&self.bytes[begin..], b"\n\n")?));
            if let (Some(begin), Some(end)) = (begin, end) {
                let json = String::from_utf8(self.bytes[begin..end].to_vec()).ok()?;
                self.bytes.drain(..end);
                return Some(json);
            }
            if self.stream.read_buf(&mut self.bytes).await.ok()? == 0 {
                return None;
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn number(json: &str, name: &str) -> u64 {
    let (_, rest) = json.split_once(name).unwrap();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..digits].parse().unwrap()
}

/// Reads each frame to its end, and comes back when the stream ends.
async fn light(addr: String, log: Shared) {
    let mut last = 0;
    loop {
        let Some(mut events) = Events::open(&addr, last).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while let Some(json) = events.next().await {
            let now = Instant::now();
            let (from, to) = (number(&json, "\"from\":"), number(&json, "\"to\":"));
            let mut log = log.lock().unwrap();
            log.connected.get_or_insert(now);
            if !json.contains("\"events\":[]") {
                log.broken += usize::from(from > last + 1);
                log.at.push((to, now));
            }
            last = to.max(last);
        }
        log.lock().unwrap().connected = None;
    }
}

/// Verifies and follows, and notes when the target of each event is refused.
async fn full(addr: String, bundle: TrustBundle, snapshot: Snapshot, log: Shared) {
    let mut follower = Follower::new(bundle.authority());
    follower.adopt(&snapshot, SystemClock.now()).unwrap();
    loop {
        let after = follower.resume().map_or(0, |at| at.seq);
        let Some(mut events) = Events::open(&addr, after).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while let Some(json) = events.next().await {
            let now = SystemClock.now();
            let progress = follower.receive(json, &bundle, now);
            let refused = |event: &Event| {
                let target = event.target().unwrap();
                follower.blocks().target(target, now).is_some()
            };
            let sound = match &progress {
                Ok(Progress::Moved(events)) => events.iter().all(refused),
                other => other.is_ok(),
            };
            let mut log = log.lock().unwrap();
            log.broken += usize::from(!sound);
            log.connected.get_or_insert_with(Instant::now);
            if let Ok(Progress::Moved(_)) = progress {
                let to = follower.position().unwrap().seq;
                log.at.push((to, Instant::now()));
            }
        }
        log.lock().unwrap().connected = None;
    }
}

fn target(n: u64) -> Target {
    Target::Agent {
        tenant: "bench".into(),
        name: format!("agent-{n}"),
    }
}

struct Ground {
    authority: Option<Authority>,
    addr: String,
    database: String,
    folder: tempfile::TempDir,
    operator: String,
    http: reqwest::Client,
    next: std::sync::atomic::AtomicU64,
}

impl Ground {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = fresh_database().await;
        let key_file = folder.path().join("operator");
        let data = folder.path().join("data");
        let on = format!("--database-url={database}");
        let authority = Authority::start_at("127.0.0.1:0", &data, &key_file, &[&on]);
        let addr = authority.url().strip_prefix("http://").unwrap().to_owned();
        let operator = fs::read_to_string(&key_file).unwrap().trim().to_owned();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            authority: Some(authority),
            addr,
            database,
            folder,
            operator,
            http,
            next: 1.into(),
        }
    }

    async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.addr);
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// Revokes the next agent: its number in the feed, when it was asked for and when granted.
    async fn revoke(&self) -> (u64, Instant, Instant) {
        let n = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let target: Value = serde_json::from_str(&target(n).to_json()).unwrap();
        let body = json!({"target": target, "reason": "policy"}).to_string();
        let url = format!("http://{}/v1/revocations", self.addr);
        let request = self.http.post(url).bearer_auth(&self.operator);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let sent = Instant::now();
        let answer = request.send().await.unwrap().text().await.unwrap();
        let granted = Instant::now();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let position = answer["position"].as_str().expect("a position");
        (position[2..].parse().unwrap(), sent, granted)
    }

    fn resident_mib(&self) -> u64 {
        let id = self.authority.as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Ends the process at once and starts it at the same address.
    fn restart(&mut self) {
        drop(self.authority.take());
        let data = self.folder.path().join("data");
        let key_file = self.folder.path().join("operator");
        let on = format!("--database-url={}", self.database);
        let authority = Authority::start_at(&self.addr, &data, &key_file, &[&on]);
        self.authority = Some(authority);
    }
}

async fn fresh_database() -> String {
    #[expect(clippy::disallowed_methods, reason = "where the test server is")]
    let server = std::env::var("MCPS_TEST_POSTGRES_URL").expect("run it by `make bench`");
    let name = format!("bench_{}", hex16(&SystemRandom).unwrap());
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    let (base, options) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').unwrap();
    format!("{host}/{name}?{options}")
}

/// The time below which that share of the samples lies, in ms.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len() - 1;
    sorted[(last as f64 * share).round() as usize].as_secs_f64() * 1e3
}

fn line(what: &str, mut samples: Vec<Duration>) {
    samples.sort_unstable();
    let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| quantile(&samples, share));
    println!("| {what} | {p50:.1} | {p90:.1} | {p99:.1} | {max:.1} |");
}

/// How long after it was sent each order had reached each follower.
fn ways(orders: &[(u64, Instant, Instant)], logs: &[Shared]) -> Vec<Duration> {
    let mut ways = Vec::with_capacity(orders.len() * logs.len());
    for log in logs {
        let log = log.lock().unwrap();
        for (seq, sent, _) in orders {
            let at = log.at.partition_point(|(to, _)| to < seq);
            let (_, at) = log.at.get(at).expect("every follower has every order");
            ways.push(*at - *sent);
        }
    }
    ways
}

async fn until(logs: &[Shared], done: impl Fn(&Log) -> bool) -> Instant {
    let began = Instant::now();
    while !logs.iter().all(|log| done(&log.lock().unwrap())) {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "not all came so far"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Instant::now()
}

/// What one task needs to write the bytes of a frame to as many sockets.
async fn bare(followers: usize) -> Vec<Duration> {
    const FRAME: usize = 900;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let logs: Vec<Arc<Mutex<Vec<Instant>>>> = (0..followers).map(|_| Arc::default()).collect();
    let (mut tasks, mut sockets) = (JoinSet::new(), Vec::new());
    for log in &logs {
        let (read, (write, _)) =
            tokio::try_join!(TcpStream::connect(addr), listener.accept()).unwrap();
        sockets.push(write);
        let (mut read, log) = (read, Arc::clone(log));
        tasks.spawn(async move {
            let mut frame = [0; FRAME];
            while read.read_exact(&mut frame).await.is_ok() {
                log.lock().unwrap().push(Instant::now());
            }
        });
    }
    let mut ways = Vec::new();
    for round in 0..50 {
        let sent = Instant::now();
        for socket in &mut sockets {
            socket.write_all(&[0; FRAME]).await.unwrap();
        }
        while !logs.iter().all(|log| log.lock().unwrap().len() > round) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ways.extend(logs.iter().map(|log| log.lock().unwrap()[round] - sent));
    }
    ways
}

async fn measure(followers: usize) {
    let mut ground = Ground::new().await;
    println!("\n{followers} followers, {FULL} of them verify\n");
    let bundle = TrustBundle::parse(&ground.get("/.well-known/mcps-trust").await).unwrap();
    let snapshot = Snapshot::verify(ground.get("/v1/feed/snapshot").await, &bundle).unwrap();
    let before = ground.resident_mib();
    let logs: Vec<Shared> = (0..followers).map(|_| Shared::default()).collect();
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for (n, log) in logs.iter().enumerate() {
        let (addr, log) = (ground.addr.clone(), Arc::clone(log));
        if n < FULL {
            tasks.spawn(full(addr, bundle.clone(), snapshot.clone(), log));
        } else {
            tasks.spawn(light(addr, log));
        }
    }
    let connected = until(&logs, |log| log.connected.is_some()).await - began;
    let connected_mib = ground.resident_mib();

    let mut orders = Vec::new();
    for _ in 0..TIMED {
        orders.push(ground.revoke().await);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let last = orders.last().unwrap().0;
    until(&logs, |log| {
        log.at.last().is_some_and(|(to, _)| *to >= last)
    })
    .await;
    println!("| one order at a time, ms | p50 | p90 | p99 | longest |\n|---|---|---|---|---|");
    line(
        "granted",
        orders
            .iter()
            .map(|(_, sent, granted)| *granted - *sent)
            .collect(),
    );
    line("refused by those who verify", ways(&orders, &logs[..FULL]));
    line("received by all", ways(&orders, &logs));
    line("as many bytes to as many sockets", bare(followers).await);

    let began = Instant::now();
    let hands = (0..HANDS).map(|_| async {
        let mut orders = Vec::new();
        for _ in 0..BURST / HANDS {
            orders.push(ground.revoke().await);
        }
        orders
    });
    let mut orders: Vec<_> = join_all(hands).await.into_iter().flatten().collect();
    let rate = orders.len() as f64 / began.elapsed().as_secs_f64();
    orders.sort_unstable_by_key(|(seq, _, _)| *seq);
    let last = orders.last().unwrap().0;
    until(&logs, |log| {
        log.at.last().is_some_and(|(to, _)| *to >= last)
    })
    .await;
    let contiguous = orders.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    assert!(contiguous, "a number is missing or was given out twice");
    println!(
        "\n| {} orders at {rate:.0}/s, ms | p50 | p90 | p99 | longest |\n|---|---|---|---|---|",
        orders.len()
    );
    line(
        "granted",
        orders
            .iter()
            .map(|(_, sent, granted)| *granted - *sent)
            .collect(),
    );
    line("refused by those who verify", ways(&orders, &logs[..FULL]));
    line("received by all", ways(&orders, &logs));
    let burst_mib = ground.resident_mib();

    for log in &logs {
        log.lock().unwrap().at.clear();
    }
    let killed = Instant::now();
    ground.restart();
    let up = Instant::now();
    let all = until(&logs, |log| log.connected.is_some_and(|at| at > killed)).await;
    let (outage, back) = ((up - killed).as_secs_f64(), (all - up).as_secs_f64());
    let broken: usize = logs.iter().map(|log| log.lock().unwrap().broken).sum();
    println!(
        "\nall connected in {:.2} s; killed, and up again after {outage:.2} s: all follow again {back:.2} s later",
        connected.as_secs_f64()
    );
    println!(
        "authority: {before} MiB alone, {connected_mib} MiB with all connected, {burst_mib} MiB after the burst"
    );
    println!("frames that did not continue the one before: {broken}");
    assert_eq!(broken, 0);
    tasks.shutdown().await;
}

#[tokio::main]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    for followers in [1000, 5000] {
        measure(followers).await;
    }
}
