//! What gateways add to one `tools/call`, ours beside those of others: `scripts/peer-gateways`, which installs them.
//!
//! Everything is asked in turn, one call in flight, in blocks: by a client that writes ready-made messages, and by the
//! TypeScript SDK. Ours has all on that it has: pins, levels, the default pack with its histories, records; and signatures
//! over stdio. Of the others MCPDome has policy, scan and pins on; the rest have nothing of the kind.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../it"]
mod it {
    pub(crate) mod listen;
    pub(crate) mod wire;
    pub(crate) mod world;
}

#[path = "parts/foreign.rs"]
mod foreign;
#[expect(dead_code, reason = "other benchmarks use more of it")]
#[path = "parts/plain.rs"]
mod plain;
#[path = "parts/sdk.rs"]
mod sdk;
#[path = "parts/session.rs"]
mod session;
#[path = "parts/spent.rs"]
mod spent;
#[path = "parts/upstream.rs"]
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use foreign::Foreign;
use it::listen::load::era::Era;
use it::wire::{Process, Stage};
use it::world::bin;
use it::{listen, wire, world};
use plain::Plain;
use reqwest::header::HeaderMap;
use sdk::Sdk;
use serde_json::{Value, json};
use session::Session;
use spent::{percentile, used};

const ROUNDS: usize = 20;
const CALLS: usize = 50;

/// Says where the programs of others are.
const PEERS: &str = "MCPS_PEER_GATEWAYS";

enum Client {
    Http(Box<Plain>, u64),
    Stdio(Box<Session>),
}

impl Client {
    async fn calls(&mut self) -> Vec<Duration> {
        let mut taken = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = Instant::now();
            match self {
                Self::Http(plain, id) => {
                    *id += 1;
                    plain.call(*id).await;
                    taken.push(start.elapsed());
                }
                Self::Stdio(session) => taken.push(session.call()),
            }
        }
        taken
    }
}

/// A way to a server, and what was measured of it, by the plain client and by the SDK.
struct Way {
    name: &'static str,
    client: Client,
    sdk: Value,
    /// Whether there is nothing between: what comes after it is held against it.
    direct: bool,
    /// Whose processor time counts, where it is a process of ours to know.
    between: Option<u32>,
    taken: [Vec<Duration>; 2],
    cpu: Duration,
}

impl Way {
    async fn http(
        name: &'static str,
        url: &str,
        tool: &'static str,
        headers: HeaderMap,
        between: Option<u32>,
    ) -> Self {
        let said: serde_json::Map<_, _> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let plain = Plain::open_with(url, Era::Legacy, tool, headers).await;
        Self {
            name,
            client: Client::Http(Box::new(plain), 0),
            sdk: json!({"name": name, "tool": tool, "url": url, "headers": said}),
            direct: between.is_none(),
            between,
            taken: Default::default(),
            cpu: Duration::ZERO,
        }
    }

    /// `command` is given the place of each of the two clients.
    fn stdio(name: &'static str, direct: bool, command: impl Fn(&str) -> Command) -> Self {
        let other = command("sdk");
        // The SDK starts it by itself, so what is special to its environment is said by `env`.
        let set = other
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
        let folder = other.get_current_dir().map(|dir| dir.to_str().unwrap());
        let mut args: Vec<String> = folder
            .map(|dir| format!("--chdir={dir}"))
            .into_iter()
            .collect();
        args.extend(set);
        args.push(other.get_program().to_str().unwrap().to_owned());
        args.extend(other.get_args().map(|one| one.to_str().unwrap().to_owned()));
        Self {
            name,
            client: Client::Stdio(Box::new(Session::open(command("plain")))),
            sdk: json!({"name": name, "tool": "list_files", "command": "env", "args": args}),
            direct,
            between: None,
            taken: Default::default(),
            cpu: Duration::ZERO,
        }
    }
}

async fn listening(stage: &Stage, command: Command) -> (Process, String) {
    let mut process = Process::start(&stage.world, command);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    (process, url)
}

const COMMAND: &str = "[server.tool.list_files]\nclass = [\"read\"]\n";

fn of_command() -> String {
    let server = bin("mcps-demo-server");
    format!(
        "[[server]]\nname = \"demo\"\ncommand = [\"{}\"]\nhold = false\n{COMMAND}",
        server.display()
    )
}

/// Ours over stdio, signed by an agent's home; a home serves one process at a time.
fn over_stdio(stage: &Stage, place: &str) -> Command {
    let home = stage.world.enrol("gateway", &format!("stdio-{place}"), 2);
    let config = stage.world.dir().join(format!("stdio-{place}.toml"));
    fs::write(&config, format!("[tenant.default]\n{}", of_command())).unwrap();
    let mut gateway = stage.world.program("mcps-gateway");
    gateway.env("MCPS_LOG", "error").arg("--home").arg(home);
    gateway.args(["stdio", "--server", "demo", "--config"]);
    gateway.arg(config).arg("--as").arg(&stage.agent);
    gateway
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Ok(tools) = std::env::var(upstream::TOOLS) {
        return upstream::serve(tools.parse().unwrap()).await;
    }
    let Ok(peers) = std::env::var(PEERS) else {
        // Run as a test, or by `cargo bench`: nothing of others is there.
        return;
    };
    let peers = PathBuf::from(peers);
    let stage = &Stage::set();
    let foreign = Foreign::new(&peers, stage);
    let demo = bin("mcps-demo-server");
    let mut serving = Command::new(std::env::current_exe().unwrap());
    serving.env(upstream::TOOLS, "1");
    let (_serving, direct) = listening(stage, serving).await;
    let home = stage.world.enrol("gateway", "open", 2);
    let config = stage.world.dir().join("open.toml");
    let text = format!(
        "[tenant.default]\nanonymous = true\n[[server]]\nname = \"files\"\nurl = \"{direct}\"\nhold = false\n[server.tool.look]\nclass = [\"read\"]\n{}",
        of_command()
    );
    fs::write(&config, text).unwrap();
    let mut gateway = stage.world.program("mcps-gateway");
    gateway.env("MCPS_LOG", "error").arg("--home").arg(home);
    gateway
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(config);
    gateway
        .arg("--record")
        .arg(stage.world.dir().join("records"));
    let (gateway, ours) = listening(stage, gateway).await;
    let forge = foreign.context_forge(stage, &direct).await;
    let proxy = foreign.mcp_proxy(stage, &demo).await;
    let none = HeaderMap::new;
    let us = Some(gateway.id());
    let mut groups = [
        (
            "a client over HTTP, a server over HTTP",
            vec![
                Way::http("direct", &direct, "look", none(), None).await,
                Way::http("mcps-gateway", &format!("{ours}/files"), "look", none(), us).await,
                Way::http(
                    "ContextForge 1.0.7",
                    &forge.url,
                    "up-look",
                    forge.headers.clone(),
                    Some(forge.process.id()),
                )
                .await,
            ],
        ),
        (
            "a client over HTTP, a server that is a command (direct: over stdio)",
            vec![
                Way::stdio("direct", true, |_| Command::new(&demo)),
                Way::http(
                    "mcps-gateway",
                    &format!("{ours}/demo"),
                    "list_files",
                    none(),
                    us,
                )
                .await,
                Way::http(
                    "mcp-proxy 0.13.0",
                    &proxy.url,
                    "list_files",
                    none(),
                    Some(proxy.process.id()),
                )
                .await,
            ],
        ),
        (
            "a client over stdio, a server that is a command",
            vec![
                Way::stdio("direct", true, |_| Command::new(&demo)),
                Way::stdio("mcps-gateway stdio", false, |place| {
                    over_stdio(stage, place)
                }),
                Way::stdio("MCPDome 0.5.0", false, |place| foreign.dome(&demo, place)),
            ],
        ),
    ];
    for (title, ways) in &mut groups {
        measure(stage, &peers, ways).await;
        report(title, ways);
    }
}

async fn measure(stage: &Stage, peers: &Path, ways: &mut [Way]) {
    let list = ways.iter().map(|way| way.sdk.clone()).collect();
    let mut sdk = Sdk::open(stage, peers, &list).await;
    for round in 0..=ROUNDS {
        for (at, way) in ways.iter_mut().enumerate() {
            let before = way.between.map(used);
            let taken = [way.client.calls().await, sdk.calls(at, CALLS).await];
            // The first round warms up.
            if round == 0 {
                continue;
            }
            for (all, taken) in way.taken.iter_mut().zip(taken) {
                all.extend(taken);
            }
            if let Some(between) = way.between.zip(before) {
                way.cpu += used(between.0).saturating_sub(between.1);
            }
        }
    }
}

fn report(title: &str, ways: &mut [Way]) {
    let calls = (ROUNDS * CALLS) as f64;
    println!("\n{title}: {calls} calls a way and client, µs; CPU is that of what is between");
    println!(
        "{:<22} {:>8} {:>8} {:>8} {:>9} | {:>8} {:>8} {:>8} {:>9} | {:>8}",
        "way", "p50", "p90", "p99", "added p50", "SDK p50", "p90", "p99", "added p50", "CPU"
    );
    let mut direct = [0.0; 2];
    for way in ways {
        print!("{:<22}", way.name);
        for (taken, direct) in way.taken.iter_mut().zip(&mut direct) {
            let [p50, p90, p99] = [50, 90, 99].map(|percent| percentile(taken, percent));
            if way.direct {
                *direct = p50;
            }
            print!(" {p50:>8.0} {p90:>8.0} {p99:>8.0} {:>9.0} |", p50 - *direct);
        }
        println!(" {:>8.0}", way.cpu.as_secs_f64() * 1e6 / (2.0 * calls));
    }
}
