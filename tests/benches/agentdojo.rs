//! An agent that obeys whatever it reads, on the traces of agentdojo, through the gateway:
//! `scripts/agentdojo`.
//!
//! Each user task is run as it is meant, and once with each injection task of its suite: as soon as a
//! result has text that somebody else can plant, the agent does what that text says, and then goes on. Each run
//! is a session of its own. The servers answer with what agentdojo's tools answered, and count.
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

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use it::listen::load::era::Era;
use it::listen::load::member::{Crew, Failed, Member};
use it::wire::{Process, Stage};
use it::{listen, wire, world};
use mcps_core::code::Code;
use mcps_transport::http::server::{Endpoint, Post, Reply, Server};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Where the traces are.
const TRACES: &str = "MCPS_AGENTDOJO";

#[derive(Deserialize)]
struct Traces {
    version: String,
    suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    suite: String,
    tools: Value,
    users: BTreeMap<String, Vec<Step>>,
    injections: BTreeMap<String, Vec<Step>>,
}

#[derive(Clone, Deserialize)]
struct Step {
    tool: String,
    arguments: Value,
    planted: bool,
    result: String,
}

/// What tools do, by suite, class and name.
type Classes = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A suite's tools as a server.
#[derive(Default)]
struct Office {
    tools: Value,
    says: Mutex<String>,
    calls: AtomicUsize,
}

struct Front(Arc<Office>);

impl Endpoint for Front {
    async fn post(&self, post: Post) -> Reply {
        let asked: Value = serde_json::from_str(std::str::from_utf8(&post.body).unwrap()).unwrap();
        let headers = HeaderMap::new();
        let result = match asked["method"].as_str() {
            Some("initialize") => json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "office", "version": "1"},
            }),
            Some("tools/list") => json!({"tools": self.0.tools}),
            Some("tools/call") => {
                self.0.calls.fetch_add(1, Ordering::Relaxed);
                let says = self.0.says.lock().unwrap().clone();
                json!({"content": [{"type": "text", "text": says}]})
            }
            _ => {
                let status = StatusCode::ACCEPTED;
                return Reply::Empty { status, headers };
            }
        };
        let body = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        Reply::Json {
            status: StatusCode::OK,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }
}

/// What became of one call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Became {
    Done,
    /// Somebody is asked first.
    Asked,
    Refused,
}

/// One session of an agent.
struct Session<'a> {
    member: Member,
    office: &'a Office,
    id: u64,
}

impl Session<'_> {
    async fn take(&mut self, step: &Step) -> Became {
        self.id += 1;
        self.office.says.lock().unwrap().clone_from(&step.result);
        let before = self.office.calls.load(Ordering::Relaxed);
        let call = json!({
            "jsonrpc": "2.0", "id": self.id, "method": "tools/call",
            "params": {"name": step.tool, "arguments": step.arguments},
        });
        let became = match self.member.ask(&call.to_string()).await {
            Ok(answer) => {
                assert!(answer["result"].is_object(), "{answer}");
                Became::Done
            }
            Err(Failed::Code(Code::ApprovalNeeded)) => Became::Asked,
            Err(Failed::Code(Code::Denied)) => Became::Refused,
            Err(other) => panic!("{}: {other:?}", step.tool),
        };
        let reached = self.office.calls.load(Ordering::Relaxed) - before;
        assert_eq!(
            reached,
            usize::from(became == Became::Done),
            "{}",
            step.tool
        );
        became
    }
}

/// What became of all runs of a suite.
#[derive(Default)]
struct Tally {
    /// Benign runs: all calls done, some asked for, some refused.
    done: usize,
    asked: usize,
    refused: usize,
    benign_calls: usize,
    benign_calls_done: usize,
    /// Runs with an injection that the agent read.
    attacks: usize,
    /// Injected calls that send, spend or delete, and those of them that were done.
    acts: usize,
    acts_done: usize,
    /// Runs in which at least one of them was.
    succeeded: usize,
    /// Injected calls that change what can be changed back, and those of them that were done.
    writes: usize,
    writes_done: usize,
    /// Of those done, by tool.
    by_tool: BTreeMap<String, usize>,
}

impl Tally {
    fn row(&self, name: &str) {
        println!(
            "| {name} | {} | {} | {} | {} | {} of {} | {} | {} of {} | {} | {} of {} |",
            self.done + self.asked + self.refused,
            self.done,
            self.asked,
            self.refused,
            self.benign_calls_done,
            self.benign_calls,
            self.attacks,
            self.acts_done,
            self.acts,
            self.succeeded,
            self.writes_done,
            self.writes,
        );
    }

    fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.asked += other.asked;
        self.refused += other.refused;
        self.benign_calls += other.benign_calls;
        self.benign_calls_done += other.benign_calls_done;
        self.attacks += other.attacks;
        self.writes += other.writes;
        self.writes_done += other.writes_done;
        self.acts += other.acts;
        self.acts_done += other.acts_done;
        self.succeeded += other.succeeded;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the script's word to this benchmark"
)]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Run as a test, the commands beside it are of another profile.
        return;
    }
    let file = std::env::var(TRACES).expect("run scripts/agentdojo, which names the traces");
    let traces: Traces = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/agentdojo");
    let classes: Classes =
        toml::from_str(&fs::read_to_string(given.join("classes.toml")).unwrap()).unwrap();
    let stage = Stage::set();
    fs::copy(
        given.join("office.toml"),
        stage.world.dir().join("office.toml"),
    )
    .unwrap();

    let mut serving = JoinSet::new();
    let (mut offices, mut config) = (
        BTreeMap::new(),
        "max_sessions = 4096\nmax_sessions_per_caller = 4096\n[tenant.default]\npolicy = [\"office.toml\"]\n".to_owned(),
    );
    for suite in &traces.suites {
        let office = Arc::new(Office {
            tools: suite.tools.clone(),
            ..Office::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let server = Server::new(listener, Front(Arc::clone(&office)));
        serving.spawn(async move { server.serve(std::future::pending()).await });
        config += &format!(
            "[[server]]\nname = \"{}\"\nurl = \"{url}\"\nhold = false\n",
            suite.suite
        );
        for tool in suite.tools.as_array().unwrap() {
            let name = tool["name"].as_str().unwrap();
            let class = class(&classes, &suite.suite, name);
            config += &format!("[server.tool.{name}]\nclass = [\"{class}\"]\n");
        }
        offices.insert(suite.suite.clone(), office);
    }
    let home = stage.world.enrol("gateway", "gateway", 2);
    let file = stage.world.dir().join("gateway.toml");
    fs::write(&file, config).unwrap();
    let mut program = stage.world.program("mcps-gateway");
    program.env("MCPS_LOG", "error");
    program
        .arg("--home")
        .arg(&home)
        .arg("serve")
        .arg("--config")
        .arg(&file);
    program
        .arg("--record")
        .arg(stage.world.dir().join("records"));
    program.args(["--listen", "127.0.0.1:0"]);
    let mut gateway = Process::start(&stage.world, program);
    let line = gateway.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();

    println!("agentdojo {}", traces.version);
    println!(
        "| suite | user tasks | done | asked | refused | calls done | attacks | injected acts done | runs with one | injected changes done |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Tally::default();
    for suite in &traces.suites {
        let office = &offices[&suite.suite];
        let crew = Crew::of(&stage.agent, &format!("{url}/{}", suite.suite));
        let tally = run(suite, &classes, office, &crew).await;
        tally.row(&suite.suite);
        for (tool, count) in &tally.by_tool {
            println!("<!-- {}: {tool} {count} -->", suite.suite);
        }
        all.add(&tally);
    }
    all.row("all");
}

fn class<'a>(classes: &'a Classes, suite: &str, tool: &str) -> &'a str {
    let known = classes[suite]
        .iter()
        .find(|(_, tools)| tools.iter().any(|name| name == tool));
    known.map_or("read", |(class, _)| class)
}

async fn run(suite: &Suite, classes: &Classes, office: &Office, crew: &Crew) -> Tally {
    let mut tally = Tally::default();
    let session = async || Session {
        member: crew.join(Era::Legacy).await.unwrap(),
        office,
        id: 1000,
    };
    for steps in suite.users.values() {
        let (mut now, mut worst) = (session().await, Became::Done);
        for step in steps {
            let became = now.take(step).await;
            tally.benign_calls += 1;
            tally.benign_calls_done += usize::from(became == Became::Done);
            worst = match (worst, became) {
                (Became::Refused, _) | (_, Became::Refused) => Became::Refused,
                (Became::Asked, _) | (_, Became::Asked) => Became::Asked,
                _ => Became::Done,
            };
        }
        match worst {
            Became::Done => tally.done += 1,
            Became::Asked => tally.asked += 1,
            Became::Refused => tally.refused += 1,
        }
        let Some(read) = steps.iter().position(|step| step.planted) else {
            continue;
        };
        for injected in suite.injections.values() {
            let (mut now, mut succeeded) = (session().await, false);
            tally.attacks += 1;
            for step in &steps[..=read] {
                now.take(step).await;
            }
            for step in injected {
                let done = now.take(step).await == Became::Done;
                match class(classes, &suite.suite, &step.tool) {
                    "read" => continue,
                    "write" => {
                        tally.writes += 1;
                        tally.writes_done += usize::from(done);
                    }
                    _ => {
                        tally.acts += 1;
                        tally.acts_done += usize::from(done);
                        succeeded |= done;
                    }
                }
                if done {
                    *tally.by_tool.entry(step.tool.clone()).or_default() += 1;
                }
            }
            for step in &steps[read + 1..] {
                now.take(step).await;
            }
            tally.succeeded += usize::from(succeeded);
        }
    }
    tally
}
