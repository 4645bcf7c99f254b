//! Who follows the feed: some as a verifier does, the others as lightly as can be.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mcps_client::follower::{Follower, Progress, State};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::feed::{Event, Snapshot};
use mcps_core::trust::TrustBundle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ground::{Address, Ground, Line, Order};
use crate::table;

/// Followers that verify and follow.
pub(crate) const FULL: usize = 32;

/// How often a verifier looks whether what it knows is still fresh, when nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// When a follower had everything up to a number.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) at: Vec<(u64, Instant)>,
    /// Frames that did not continue the one before.
    pub(crate) broken: usize,
    pub(crate) connected: Option<Instant>,
    /// When a verifier found that it knows nothing fresh any more, and refuses what is above level 1.
    pub(crate) stale: Option<Instant>,
}

pub(crate) type Shared = Arc<Mutex<Log>>;

/// The events of a stream as they come in, out of the chunks of HTTP.
struct Events {
    stream: Box<dyn Line>,
    bytes: Vec<u8>,
}

impl Events {
    async fn open(at: &Address, after: u64) -> Option<Self> {
        let mut stream = at.connect().await?;
        let host = &at.host;
        let request =
            format!("GET /v1/feed HTTP/1.1\r\nhost: {host}\r\nlast-event-id: 1:{after}\r\n\r\n");
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
async fn light(at: Address, log: Shared) {
    let mut last = 0;
    loop {
        let Some(mut events) = Events::open(&at, last).await else {
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
async fn full(at: Address, bundle: TrustBundle, snapshot: Snapshot, log: Shared) {
    let mut follower = Follower::new(bundle.authority());
    follower.adopt(&snapshot, SystemClock.now()).unwrap();
    loop {
        let after = follower.resume().map_or(0, |at| at.seq);
        let Some(mut events) = Events::open(&at, after).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        loop {
            let next = timeout(LOOK, events.next()).await;
            let now = SystemClock.now();
            if follower.state(now) == State::Stale {
                log.lock().unwrap().stale.get_or_insert_with(Instant::now);
            }
            let json = match next {
                Ok(Some(json)) => json,
                Ok(None) => break,
                Err(_) => continue,
            };
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

/// All of them; they end with this.
pub(crate) struct Followers {
    pub(crate) logs: Vec<Shared>,
    tasks: JoinSet<()>,
}

impl Followers {
    /// So many, the first [`FULL`] of them verifying. Comes back once all are connected.
    pub(crate) async fn connect(ground: &Ground, count: usize) -> Self {
        let bundle = TrustBundle::parse(&ground.get("/.well-known/mcps-trust").await).unwrap();
        let snapshot = Snapshot::verify(ground.get("/v1/feed/snapshot").await, &bundle).unwrap();
        let logs: Vec<Shared> = (0..count).map(|_| Shared::default()).collect();
        let mut tasks = JoinSet::new();
        for (n, log) in logs.iter().enumerate() {
            let (at, log) = (ground.at.clone(), Arc::clone(log));
            if n < FULL {
                tasks.spawn(full(at, bundle.clone(), snapshot.clone(), log));
            } else {
                tasks.spawn(light(at, log));
            }
        }
        let followers = Self { logs, tasks };
        followers.until(|log| log.connected.is_some()).await;
        followers
    }

    /// Waits until it holds of every follower, and says when it did.
    pub(crate) async fn until(&self, done: impl Fn(&Log) -> bool) -> Instant {
        let began = Instant::now();
        while !self.logs.iter().all(|log| done(&log.lock().unwrap())) {
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(120), "not all came so far");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Instant::now()
    }

    /// Waits until all have these orders.
    pub(crate) async fn have(&self, orders: &[Order]) {
        let last = orders.iter().map(|order| order.seq).max().unwrap();
        self.until(|log| log.at.last().is_some_and(|(to, _)| *to >= last))
            .await;
    }

    /// How long after `since` each order was known to each of the first `count`.
    pub(crate) fn ways(
        &self,
        orders: &[Order],
        count: usize,
        since: impl Fn(&Order) -> Instant,
    ) -> Vec<Duration> {
        let mut ways = Vec::with_capacity(orders.len() * count);
        for log in &self.logs[..count] {
            let log = log.lock().unwrap();
            for order in orders {
                let at = log.at.partition_point(|(to, _)| *to < order.seq);
                let (_, at) = log.at.get(at).expect("every follower has every order");
                ways.push(at.saturating_duration_since(since(order)));
            }
        }
        ways
    }

    /// Rows of how long orders took.
    pub(crate) async fn show(&self, orders: &[Order]) {
        self.have(orders).await;
        let sent = |order: &Order| order.sent;
        let granted = orders.iter().map(|order| order.granted - order.sent);
        table::line("granted", granted);
        table::line("refused by those who verify", self.ways(orders, FULL, sent));
        table::line("received by all", self.ways(orders, self.logs.len(), sent));
        table::line(
            "refused, from when it was granted",
            self.ways(orders, FULL, |order| order.granted),
        );
    }

    pub(crate) fn broken(&self) -> usize {
        self.logs.iter().map(|log| log.lock().unwrap().broken).sum()
    }

    pub(crate) async fn leave(mut self) {
        self.tasks.shutdown().await;
    }
}
