//! What signing adds to one `tools/call` over Streamable HTTP, in both eras:
//! `cargo bench -p mcps-tests --bench http`, after `cargo build --release --bins` and
//! `cargo build --release -p mcps-transport --examples`.
//!
//! Five paths to servers of one kind are asked in turn: through a listener that looks at nothing but
//! ids, through `mcps-wrap --listen` from a client that does not sign and from one in this process
//! that does, through `mcps connect --url` before that, and through `mcps-wrap --upstream-url` in
//! front of such a listener. First with one call in flight, then with sixteen. Beside them stands what the two signatures and two verifications of a call cost in
//! bare aws-lc-rs, measured in the same rounds.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod listen;
    pub(crate) mod wire;
    pub(crate) mod world;
}

#[path = "parts/crypto.rs"]
mod crypto;
#[path = "parts/plain.rs"]
mod plain;
#[path = "parts/spent.rs"]
mod spent;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crypto::Crypto;
use futures_util::stream::{self, StreamExt as _};
use it::listen::load::connected::Connected;
use it::listen::load::era::Era;
use it::listen::load::member::{Crew, Member};
use it::wire::{Process, Stage};
use it::world::bin;
use it::{listen, wire, world};
use plain::Plain;
use spent::{percentile, used};

const TOOL: &str = "list_files";
const ROUNDS: usize = 40;
const CALLS: usize = 50;
/// Calls in flight, when there are many.
const MANY: usize = 16;
/// Calls of a block then.
const MANY_CALLS: usize = 400;
const MANY_ROUNDS: usize = 10;

/// Whoever calls, and what it numbers its calls by.
enum Caller {
    Plain(Box<Plain>, u64),
    Signed(Box<Member>),
    Connected(Box<Connected>),
}

impl Caller {
    /// One after the other, and how long each took.
    async fn one_by_one(&mut self) -> Vec<Duration> {
        let mut taken = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = Instant::now();
            match self {
                Self::Plain(plain, id) => {
                    *id += 1;
                    plain.call(*id).await;
                }
                Self::Signed(member) => drop(member.use_tool(TOOL, "").await.unwrap()),
                Self::Connected(connected) => drop(connected.use_tool(TOOL, "").await.unwrap()),
            }
            taken.push(start.elapsed());
        }
        taken
    }

    /// Many at a time, and how long all took.
    async fn side_by_side(&mut self) -> Duration {
        let start = Instant::now();
        match self {
            Self::Plain(plain, id) => {
                let first = *id + 1;
                *id += u64::try_from(MANY_CALLS).unwrap();
                let plain = &**plain;
                let calls = stream::iter(first..=*id).map(async |id| plain.call(id).await);
                calls.buffer_unordered(MANY).count().await;
            }
            Self::Signed(member) => {
                let calls = stream::iter(0..MANY_CALLS);
                let calls = calls.map(async |_| drop(member.use_tool(TOOL, "").await.unwrap()));
                calls.buffer_unordered(MANY).count().await;
            }
            Self::Connected(connected) => {
                for sent in 0..MANY_CALLS {
                    connected.begin(TOOL, "").await;
                    if sent >= MANY {
                        connected.next().await.unwrap();
                    }
                }
                for _ in 0..MANY {
                    connected.next().await.unwrap();
                }
            }
        }
        start.elapsed()
    }
}

/// A way to a server, and what was measured of it.
struct Way {
    name: &'static str,
    caller: Caller,
    /// Processes on the way, beside ours.
    processes: Vec<u32>,
    taken: Vec<Duration>,
    cpu: Duration,
    many_taken: Duration,
    many_cpu: Duration,
}

impl Way {
    fn new(name: &'static str, caller: Caller, processes: &[u32]) -> Self {
        Self {
            name,
            caller,
            processes: processes.to_vec(),
            taken: Vec::new(),
            cpu: Duration::ZERO,
            many_taken: Duration::ZERO,
            many_cpu: Duration::ZERO,
        }
    }

    /// Processor time of all that takes part.
    fn used(&self) -> Duration {
        let all = self.processes.iter().copied().chain([std::process::id()]);
        all.map(used).sum()
    }

    async fn one_by_one(&mut self, counts: bool) {
        let before = self.used();
        let taken = self.caller.one_by_one().await;
        if counts {
            self.cpu += self.used().saturating_sub(before);
            self.taken.extend(taken);
        }
    }

    async fn side_by_side(&mut self, counts: bool) {
        let before = self.used();
        let taken = self.caller.side_by_side().await;
        if counts {
            self.many_cpu += self.used().saturating_sub(before);
            self.many_taken += taken;
        }
    }
}

async fn listening(stage: &Stage, mut command: Command) -> (Process, String) {
    command.env("MCPS_LOG", "error");
    let mut process = Process::start(&stage.world, command);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (process, url)
}

fn wrap(stage: &Stage, home: &Path, options: &[&str]) -> Command {
    let mut wrap = stage.world.program("mcps-wrap");
    wrap.arg("--home")
        .arg(home)
        .args(["--listen", "127.0.0.1:0"]);
    wrap.args(options);
    if !options.contains(&"--upstream-url") {
        wrap.arg("--").arg(bin("mcps-demo-server"));
    }
    wrap
}

fn relay() -> Command {
    let mut relay = Command::new(bin("examples/http_relay"));
    relay.arg(bin("mcps-demo-server"));
    relay
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    for (era, revision) in [(Era::Legacy, "2025-11-25"), (Era::Modern, "2026-07-28")] {
        measure(era, revision).await;
    }
}

async fn measure(era: Era, revision: &str) {
    let stage = &Stage::set();
    let other = stage.world.enrol("server", "plain", 2);
    let (relay, relay_url) = listening(stage, self::relay()).await;
    let (plain, plain_url) = listening(stage, wrap(stage, &other, &["--min-level", "0"])).await;
    let (signed, url) = listening(stage, wrap(stage, &stage.server, &[])).await;
    let crew = Crew::of(&stage.agent, &url);
    let mut connected = Connected::start(&stage.world, &stage.agent, &url, era);
    connected.open().await.unwrap();
    let connect = connected.process.id();
    let unsigned = async |url| Caller::Plain(Box::new(Plain::open(url, era, TOOL).await), 0);
    let member = crew.join(era).await.unwrap();
    let before = stage.world.enrol("server", "before-http", 2);
    let (behind, behind_url) = listening(stage, self::relay()).await;
    let upstream = wrap(stage, &before, &["--upstream-url", &behind_url]);
    let (upstream, upstream_url) = listening(stage, upstream).await;
    let passed = Crew::of(&stage.agent, &upstream_url);
    let passed = passed.join(era).await.unwrap();
    let mut paths = [
        Way::new("bare listener", unsigned(&relay_url).await, &[relay.id()]),
        Way::new(
            "mcps-wrap, unsigned",
            unsigned(&plain_url).await,
            &[plain.id()],
        ),
        Way::new(
            "mcps-wrap, signed",
            Caller::Signed(Box::new(member)),
            &[signed.id()],
        ),
        Way::new(
            "mcps connect + mcps-wrap",
            Caller::Connected(Box::new(connected)),
            &[connect, signed.id()],
        ),
        Way::new(
            "mcps-wrap --upstream-url",
            Caller::Signed(Box::new(passed)),
            &[upstream.id(), behind.id()],
        ),
    ];
    let mut bare = Crypto::new();
    // The first round warms up.
    for round in 0..=ROUNDS {
        for path in &mut paths {
            path.one_by_one(round > 0).await;
        }
        bare.round(CALLS);
    }
    for round in 0..=MANY_ROUNDS {
        for path in &mut paths {
            path.side_by_side(round > 0).await;
        }
    }
    report(revision, &mut paths, bare.median());
}

fn report(revision: &str, paths: &mut [Way], crypto: f64) {
    println!(
        "{revision}: {} calls a path, one in flight, µs;",
        ROUNDS * CALLS
    );
    println!(
        "then {} calls a path, {MANY} in flight",
        MANY_ROUNDS * MANY_CALLS
    );
    println!(
        "{:<26} {:>6} {:>6} {:>6} {:>12} {:>8} {:>8} | {:>8} {:>8}",
        "path", "p50", "p90", "p99", "added at p50", "CPU", "calls/s", "calls/s", "CPU"
    );
    let direct = percentile(&mut paths[0].taken, 50);
    for path in &mut *paths {
        let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(&mut path.taken, percent));
        let [calls, many] = [ROUNDS * CALLS, MANY_ROUNDS * MANY_CALLS].map(|calls| calls as f64);
        let wall = path.taken.iter().sum::<Duration>().as_secs_f64();
        println!(
            "{:<26} {p50:>6.0} {p90:>6.0} {p99:>6.0} {:>12.0} {:>8.0} {:>8.0} | {:>8.0} {:>8.0}",
            path.name,
            p50 - direct,
            path.cpu.as_secs_f64() * 1e6 / calls,
            calls / wall,
            many / path.many_taken.as_secs_f64(),
            path.many_cpu.as_secs_f64() * 1e6 / many,
        );
    }
    let added = percentile(&mut paths[2].taken, 50) - direct;
    println!(
        "bare signatures of a call  {crypto:>6.0}; their share of what one signed hop adds: {:.2}\n",
        crypto / added
    );
}
