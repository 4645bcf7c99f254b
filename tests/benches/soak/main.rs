//! A million calls of a thousand sessions through one gateway, while servers behind it are killed and
//! started again all the time: `make soak`, or with another number `make soak ARGS=20000`.
//!
//! Every call must be answered: by its own words, or by a word that its server is gone or its session
//! over. None may have reached a server without a decision on record; each has one decision and one
//! outcome there; no number is missing and `mcps events verify` finds nothing; memory at the end is what
//! it was after half. Sessions are at each server's own endpoint and at the one of all servers; one in
//! five signs. It needs 8,192 file descriptors and 2 GB of memory, and half a GB of disk.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark prints and stops when something is wrong"
)]

#[expect(dead_code, unused_imports, reason = "the tests use more of it")]
#[path = "../../it"]
mod it {
    pub(crate) mod listen;
    pub(crate) mod wire;
    pub(crate) mod world;
}

mod ledger;
#[expect(dead_code, reason = "other benchmarks use more of it")]
#[path = "../parts/plain.rs"]
mod plain;
mod session;
#[path = "../parts/upstream.rs"]
mod upstream;
mod victims;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use futures_util::future::join_all;
use it::listen::load::ground::resident;
use it::listen::load::member::Crew;
use it::wire::{Process, Stage};
use it::{listen, wire, world};
use ledger::Ledger;
use session::{Place, Session};
use tokio::sync::Semaphore;
use victims::{ROOM, Upstreams};

const CALLS: usize = 1_000_000;
const SESSIONS: usize = 1000;
/// After each twentieth everything is counted.
const PHASES: usize = 20;
/// The one after which memory is what it stays: as many histories are held as ever are.
const SETTLED: usize = PHASES / 2;
/// How much more it may be at the end: a tenth, and this many KiB. A call that left 50 bytes behind
/// would be found out.
const MARGIN: u64 = 8 * 1024;
/// Calls under way at a time.
const AT_ONCE: usize = 64;
/// Of records, so that most of them go while this runs.
const SEGMENT_MB: u64 = 16;
const KEEP_MB: u64 = 256;

#[expect(
    clippy::disallowed_methods,
    reason = "by that this process knows that it is a server"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::var(upstream::TOOLS).is_ok() {
        return upstream::serve(1).await;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    let calls = arguments.iter().find_map(|argument| argument.parse().ok());
    soak(calls.unwrap_or(CALLS)).await;
}

/// The gateway.
struct Edge {
    home: PathBuf,
    process: Process,
    url: String,
}

async fn edge(stage: &Stage, upstreams: &Upstreams) -> Edge {
    let home = stage.world.enrol("gateway", "gateway", 2);
    let over_http = |name: &str, url: &str, more: &str| {
        format!("[[server]]\nname = \"{name}\"\nurl = \"{url}\"\nhold = false\n{more}")
    };
    // What only looks need not be on the disk before it goes on; of the flaky ones nobody has said so.
    let looks = "[server.tool.look]\nclass = [\"read\"]\n";
    let own = serde_json::Value::from(upstreams.command());
    let config = [
        format!("max_sessions = {ROOM}\nmax_sessions_per_caller = {ROOM}\nsession_idle_s = 60\n"),
        format!("[segments]\nsize_mb = {SEGMENT_MB}\nkeep_mb = {KEEP_MB}\n"),
        "[tenant.default]\nanonymous = true\n".to_owned(),
        over_http("steady", &upstreams.steady.url, looks),
        over_http("flaky-a", &upstreams.flaky[0].url, ""),
        over_http("flaky-b", &upstreams.flaky[1].url, ""),
        over_http(
            "wrapped",
            &upstreams.wrapped.url,
            "signed = true\npassport = \"server\"\n",
        ),
        // A process for each session: for those that sign, and so for none at the endpoint of all.
        format!("[[server]]\nname = \"own\"\nmin_level = 2\ncommand = {own}\nhold = false\n"),
    ];
    let file = stage.world.dir().join("gateway.toml");
    fs::write(&file, config.concat()).unwrap();
    let mut program = stage.world.program("mcps-gateway");
    program.env("MCPS_LOG", "error");
    program.arg("--home").arg(&home).arg("serve");
    program.arg("--config").arg(&file);
    program.args(["--record", "/dev/null", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&stage.world, program);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    Edge { home, process, url }
}

/// What a session calls, by its number.
fn place(edge: &Edge, own: usize) -> Place {
    let (name, tools): (&str, &[&str]) = match own % 10 {
        _ if own.is_multiple_of(25) => ("/own", &["echo"]),
        0..=3 => ("/steady", &["look"]),
        4 | 5 => ("/flaky-a", &["look"]),
        6 => ("/flaky-b", &["look"]),
        7 => ("/wrapped", &["echo"]),
        _ => ("", &["steady__look", "flaky-a__look", "flaky-b__look"]),
    };
    Place {
        url: format!("{}{name}", edge.url),
        tools: tools.to_vec(),
    }
}

async fn soak(calls: usize) {
    let stage = Stage::set();
    let journal = stage.world.dir().join("journal");
    let mut upstreams = Upstreams::start(&stage, &journal).await;
    let edge = edge(&stage, &upstreams).await;
    let mut ledger = Ledger::new(&journal);
    let gateway = edge.process.id();
    let since = Instant::now();
    let working = work(&stage, &edge, &mut ledger, calls);
    let (made, [settled, end]) = tokio::select! {
        () = upstreams.die(&stage, gateway) => unreachable!("they die for ever"),
        told = working => told,
    };
    let (took, killed) = (since.elapsed(), upstreams.killed);
    let disk = ledger::on_disk(&edge.home);
    drop(edge.process.words());
    println!(
        "{made} calls of {SESSIONS} sessions in {took:.0?}; servers were killed {killed} times"
    );
    let mut came: Vec<_> = ledger.came.iter().collect();
    came.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
    for (what, times) in came {
        println!("{times:>9} {what:?}");
    }
    println!("{:>9} done by servers", ledger.done);
    println!("{:>9} records, none missing", ledger.records);
    println!("gateway: {settled} KiB after half, {end} KiB at the end");
    println!(
        "segments: {} MiB, of at most {KEEP_MB}",
        disk / (1024 * 1024)
    );
    assert!(
        end <= settled + settled / 10 + MARGIN,
        "memory grows: {settled} KiB after half, {end} KiB at the end"
    );
    assert!(disk <= (KEEP_MB + SEGMENT_MB) * 1024 * 1024, "{disk} bytes");
}

/// How many calls were made, and what the gateway held in memory after half and at the end, in KiB.
async fn work(stage: &Stage, edge: &Edge, ledger: &mut Ledger, calls: usize) -> (usize, [u64; 2]) {
    let crews: Vec<Option<Crew>> = (0..SESSIONS)
        .map(|own| {
            let signs = own.is_multiple_of(5);
            signs.then(|| Crew::of(&stage.agent, &place(edge, own).url))
        })
        .collect();
    let room = Semaphore::new(AT_ONCE);
    let opening = crews.iter().enumerate().map(async |(own, crew)| {
        let _turn = room.acquire().await.unwrap();
        Session::open(own, place(edge, own), crew.as_ref()).await
    });
    let mut sessions = join_all(opening).await;
    let each = calls.div_ceil(PHASES * SESSIONS);
    let mut held = Vec::new();
    for phase in 1..=PHASES {
        let since = Instant::now();
        let calling = sessions.iter_mut().map(async |session| {
            let mut said = Vec::with_capacity(each);
            for _ in 0..each {
                let _turn = room.acquire().await.unwrap();
                said.push(session.call().await);
            }
            said
        });
        for (words, came) in join_all(calling).await.into_iter().flatten() {
            ledger.take(words, came);
        }
        let took = since.elapsed();
        held.push(resident(edge.process.id()).unwrap());
        let mcps = || stage.world.mcps(&edge.home);
        ledger.settle(mcps());
        ledger::verify(mcps());
        let opened: usize = sessions.iter().map(|session| session.opened).sum();
        let (kib, counting) = (held[phase - 1], since.elapsed().saturating_sub(took));
        println!(
            "{phase}/{PHASES} in {took:.1?}, counted in {counting:.1?}: {opened} sessions so far, {kib} KiB"
        );
    }
    let made = each * PHASES * SESSIONS;
    (made, [held[SETTLED - 1], held[PHASES - 1]])
}
