//! What the gateway adds to one `tools/call`, with everything on: pins, levels, the default pack of
//! policies with its histories, and the record. `cargo bench -p mcps-tests --bench gateway`, after
//! `cargo build --release --bins`.
//!
//! One server over HTTP, a process of its own that answers at once, is asked in turn: by itself; through
//! the gateway by a client that does not sign; through the gateway by one that does; and through a
//! gateway and a `mcps-wrap --upstream-url` in front of the server, signed on both sides. First one call at a time, by
//! the transport's client and by a bare socket that writes and reads ready-made bytes; then sixteen at a time.
//! Last, what a gateway takes of memory in front of a hundred servers with a hundred tools each.
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
#[path = "parts/raw.rs"]
mod raw;
#[path = "parts/relay.rs"]
mod relay;
#[path = "parts/spent.rs"]
mod spent;
#[path = "parts/upstream.rs"]
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crypto::Crypto;
use futures_util::stream::{self, StreamExt as _};
use it::listen::load::era::Era;
use it::listen::load::member::{Crew, Member};
use it::wire::{Process, Stage};
use it::{listen, wire, world};
use plain::Plain;
use raw::Raw;
use spent::{percentile, used};

const TOOL: &str = "look";
const ROUNDS: usize = 40;
const CALLS: usize = 50;
const MANY: usize = 16;
const MANY_CALLS: usize = 400;
const MANY_ROUNDS: usize = 10;

/// The way on which both sides sign.
const BOTH: usize = 8;

const CLASS: &str = "[server.tool.look]\nclass = [\"read\"]\n";

enum Caller {
    Raw(Box<Raw>),
    Plain(Box<Plain>, u64),
    Signed(Box<Member>),
}

impl Caller {
    async fn one_by_one(&mut self) -> Vec<Duration> {
        let mut taken = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = Instant::now();
            match self {
                Self::Raw(raw) => raw.call().await,
                Self::Plain(plain, id) => {
                    *id += 1;
                    plain.call(*id).await;
                }
                Self::Signed(member) => drop(member.use_tool(TOOL, "").await.unwrap()),
            }
            taken.push(start.elapsed());
        }
        taken
    }

    async fn side_by_side(&mut self) -> Duration {
        let start = Instant::now();
        match self {
            Self::Raw(_) => {}
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
        }
        start.elapsed()
    }
}

/// A way to the server, and what was measured of it.
struct Way {
    name: &'static str,
    caller: Caller,
    /// Against which it is held.
    beside: usize,
    /// The gateway, and whatever else is between.
    between: Vec<u32>,
    taken: Vec<Duration>,
    cpu: Duration,
    many_taken: Duration,
    many_cpu: Duration,
}

impl Way {
    fn new(name: &'static str, beside: usize, caller: Caller, between: &[u32]) -> Self {
        Self {
            name,
            caller,
            beside,
            between: between.to_vec(),
            taken: Vec::new(),
            cpu: Duration::ZERO,
            many_taken: Duration::ZERO,
            many_cpu: Duration::ZERO,
        }
    }

    fn used(&self) -> Duration {
        self.between.iter().copied().map(used).sum()
    }
}

/// One gateway of a world.
struct Edge {
    process: Process,
    url: String,
}

async fn edge(stage: &Stage, name: &str, config: &str) -> Edge {
    let home = stage.world.enrol("gateway", name, 2);
    let file = stage.world.dir().join(format!("{name}.toml"));
    fs::write(&file, config).unwrap();
    let mut program = stage.world.program("mcps-gateway");
    program.env("MCPS_LOG", "error");
    program.arg("--home").arg(&home).arg("serve");
    program.arg("--config").arg(&file);
    program
        .arg("--record")
        .arg(stage.world.dir().join(format!("{name}.records")));
    program.args(["--listen", "127.0.0.1:0"]);
    let (process, url) = listening(stage, program).await;
    Edge { process, url }
}

async fn listening(stage: &Stage, command: Command) -> (Process, String) {
    let mut process = Process::start(&stage.world, command);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (process, url)
}

fn server(name: &str, url: &str, more: &str) -> String {
    format!("[[server]]\nname = \"{name}\"\nurl = \"{url}\"\nhold = false\n{more}")
}

/// This benchmark as the server.
fn upstream(tools: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(upstream::TOOLS, tools.to_string());
    command
}

fn wrap(stage: &Stage, home: &Path, to: &str) -> Command {
    let mut wrap = stage.world.program("mcps-wrap");
    wrap.env("MCPS_LOG", "error").arg("--home").arg(home);
    wrap.args(["--listen", "127.0.0.1:0", "--upstream-url", to]);
    wrap
}

#[expect(
    clippy::disallowed_methods,
    reason = "by that this process knows what it is"
)]
fn main() {
    if let Ok(to) = std::env::var(relay::TO) {
        return relay::serve(&to);
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    if let Ok(tools) = std::env::var(upstream::TOOLS) {
        return runtime.block_on(upstream::serve(tools.parse().unwrap()));
    }
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    // `-- memory` alone takes seconds.
    let only = std::env::args().find(|argument| ["latency", "memory"].contains(&argument.as_str()));
    let asked = |part: &str| only.as_ref().is_none_or(|only| only == part);
    runtime.block_on(async {
        if asked("latency") {
            latency().await;
        }
        if asked("memory") {
            memory().await;
        }
    });
}

async fn latency() {
    let stage = &Stage::set();
    let (_serving, direct) = listening(stage, upstream(1)).await;
    let mut relay = Command::new(std::env::current_exe().unwrap());
    relay.env(relay::TO, &direct);
    let (relay, relayed) = listening(stage, relay).await;
    let open = format!(
        "[tenant.default]\nanonymous = true\n{}",
        server("files", &direct, CLASS)
    );
    let open = edge(stage, "open", &open).await;
    let home: PathBuf = stage.world.enrol("server", "wrapped", 2);
    let (wrapper, wrapped) = listening(stage, wrap(stage, &home, &direct)).await;
    let signed = format!(
        "[tenant.default]\n{}{}",
        server("files", &direct, CLASS),
        server(
            "wrapped",
            &wrapped,
            &format!("signed = true\npassport = \"wrapped\"\n{CLASS}")
        )
    );
    let signed = edge(stage, "signed", &signed).await;
    let at = |edge: &Edge, name: &str| format!("{}/{name}", edge.url);
    let member = async |url: &str| {
        let crew = Crew::of(&stage.agent, url);
        Caller::Signed(Box::new(crew.join(Era::Legacy).await.unwrap()))
    };
    let plain = async |url: &str| {
        let plain = Plain::open(url, Era::Legacy, TOOL).await;
        Caller::Plain(Box::new(plain), 0)
    };
    let raw = async |url: &str| Caller::Raw(Box::new(Raw::open(url, TOOL).await));
    let mut ways = [
        Way::new("bare socket, direct", 0, raw(&direct).await, &[]),
        Way::new(
            "bare socket, gateway",
            0,
            raw(&at(&open, "files")).await,
            &[open.process.id()],
        ),
        Way::new(
            "bare socket, bare relay",
            0,
            raw(&relayed).await,
            &[relay.id()],
        ),
        Way::new("client, direct", 3, plain(&direct).await, &[]),
        Way::new(
            "client, bare relay",
            3,
            plain(&relayed).await,
            &[relay.id()],
        ),
        Way::new(
            "client, gateway",
            3,
            plain(&at(&open, "files")).await,
            &[open.process.id()],
        ),
        Way::new(
            "signed, gateway",
            3,
            member(&at(&signed, "files")).await,
            &[signed.process.id()],
        ),
        Way::new("signed, signed", 3, member(&wrapped).await, &[wrapper.id()]),
        // What is between there is the gateway.
        Way::new(
            "signed, gateway, signed",
            7,
            member(&at(&signed, "wrapped")).await,
            &[signed.process.id()],
        ),
    ];
    let mut bare = Crypto::new();
    for round in 0..=ROUNDS {
        bare.round(CALLS);
        for way in &mut ways {
            let before = way.used();
            let taken = way.caller.one_by_one().await;
            // The first round warms up.
            if round > 0 {
                way.cpu += way.used().saturating_sub(before);
                way.taken.extend(taken);
            }
        }
    }
    for round in 0..=MANY_ROUNDS {
        for way in &mut ways {
            let before = way.used();
            let taken = way.caller.side_by_side().await;
            if round > 0 {
                way.many_cpu += way.used().saturating_sub(before);
                way.many_taken += taken;
            }
        }
    }
    report(&mut ways, bare.median());
}

fn report(ways: &mut [Way], bare: f64) {
    println!(
        "{} calls a way, one in flight, µs; CPU is that of the gateway, or of the wrapper that is asked directly",
        ROUNDS * CALLS
    );
    println!(
        "then {} calls a way, {MANY} in flight",
        MANY_ROUNDS * MANY_CALLS
    );
    println!(
        "{:<24} {:>6} {:>6} {:>6} {:>9} {:>9} {:>6} {:>6} | {:>8} {:>8} {:>12}",
        "way",
        "p50",
        "p90",
        "p99",
        "added p50",
        "added p99",
        "ratio",
        "CPU",
        "calls/s",
        "CPU",
        "calls/CPU-s"
    );
    let direct: Vec<[f64; 2]> = ways
        .iter_mut()
        .map(|way| [50, 99].map(|percent| percentile(&mut way.taken, percent)))
        .collect();
    for way in &mut *ways {
        let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(&mut way.taken, percent));
        let beside = direct[way.beside];
        let [calls, many] = [ROUNDS * CALLS, MANY_ROUNDS * MANY_CALLS].map(|calls| calls as f64);
        let cpu = way.many_cpu.as_secs_f64();
        println!(
            "{:<24} {p50:>6.0} {p90:>6.0} {p99:>6.0} {:>9.0} {:>9.0} {:>6.2} {:>6.0} | {:>8.0} {:>8.0} {:>12.0}",
            way.name,
            p50 - beside[0],
            p99 - beside[1],
            p50 / beside[0],
            way.cpu.as_secs_f64() * 1e6 / calls,
            many / way.many_taken.as_secs_f64(),
            cpu * 1e6 / many,
            many / cpu,
        );
    }
    let both = &mut ways[BOTH];
    let added = percentile(&mut both.taken, 50) - direct[both.beside][0];
    let cpu = both.many_cpu.as_secs_f64() * 1e6 / (MANY_ROUNDS * MANY_CALLS) as f64;
    println!(
        "two signatures and two verifications in bare aws-lc-rs {bare:.0}: {:.2} of what the gateway adds to a call that is signed on both sides, \
         whose calls a CPU-second are {:.2} of what these alone would allow",
        bare / added,
        bare / cpu
    );
}

/// What the process has in memory, in MiB.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

async fn count_tools(plain: &mut Plain) -> usize {
    let (mut count, mut cursor) = (0, None::<String>);
    loop {
        let params = cursor.map_or_else(String::new, |cursor| {
            format!(r#""cursor":{},"#, serde_json::Value::from(cursor))
        });
        let list = plain.era.request(1, "tools/list", &params);
        let (text, _) = plain.post(list, "tools/list").await;
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        count += answer["result"]["tools"].as_array().unwrap().len();
        cursor = answer["result"]["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return count;
        }
    }
}

async fn memory() {
    let stage = &Stage::set();
    let (_serving, direct) = listening(stage, upstream(100)).await;
    let servers: String = (0..100)
        .map(|number| server(&format!("s{number}"), &direct, ""))
        .collect();
    let config = format!("[tenant.default]\nanonymous = true\n{servers}");
    let edge = edge(stage, "wide", &config).await;
    let begun = resident(edge.process.id());
    let mut plain = Plain::open(&edge.url, Era::Legacy, TOOL).await;
    let tools = count_tools(&mut plain).await;
    let listed = resident(edge.process.id());
    // What was freed goes back to the system after some seconds.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = resident(edge.process.id());
    println!(
        "\nmemory with 100 servers: {begun:.1} MiB before anybody came, {listed:.1} after {tools} tools were listed, {idle:.1} ten seconds later"
    );
}
