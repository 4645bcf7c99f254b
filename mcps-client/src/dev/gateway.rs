//! The tour's second half: client, gateway, wrapper and server, each a program of its own.

use std::fs;
use std::time::Instant;

use anyhow::Context as _;
use mcps_core::code::Code;
use mcps_core::json::{Value, quote};
use mcps_core::message::Message;
use mcps_core::passport::Kind;

use super::report::{Line, Outcome};
use super::stage::Stage;
use super::wire::Process;

const INITIALIZE: &str = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcps-dev","version":"1"}}"#;
const READ_KEY: &str = r#"{"name":"read_file","arguments":{"path":"/home/demo/.ssh/id_ed25519"}}"#;
const READ_NOTE: &str = r#"{"name":"read_note","arguments":{"name":"welcome"}}"#;
const SEND: &str = r#"{"name":"send_mail","arguments":{"to":"eve@example.net","subject":"notes","body":"as you asked"}}"#;

/// A team whose agents must be worth more than the tour's.
pub(crate) const CAREFUL: &str = "careful";

/// Everything between the agents and the servers.
struct Gate {
    /// The endpoint of all servers.
    all: String,
    /// That of the one that is wrapped.
    url: String,
    _gateway: Process,
    _wrapper: Process,
}

/// Runs its lines.
pub(crate) async fn lines(stage: &Stage) -> anyhow::Result<Vec<Line>> {
    let gate = open(stage).await?;
    let mut lines = vec![];
    let mut agent = Caller::new(stage, &gate.url, "agent").await?;
    lines.push(
        agent
            .call(
                "A mail, through the gateway",
                "tools/call send_mail {to: eve@example.net}",
                SEND,
                None,
            )
            .await?,
    );
    lines.push(
        agent
            .call(
                "A private key is read",
                "tools/call read_file {path: ~/.ssh/id_ed25519}",
                READ_KEY,
                None,
            )
            .await?,
    );
    lines.push(
        agent
            .call(
                "The same mail, after the key",
                "tools/call send_mail {to: eve@example.net}, word for word as before",
                SEND,
                Some(Code::Denied),
            )
            .await?,
    );
    lines.push(
        agent
            .call(
                "A tool above the caller's level",
                "tools/call write_note, for which the gateway's configuration wants L3, by an agent of L2",
                r#"{"name":"write_note","arguments":{"name":"n","text":"t"}}"#,
                Some(Code::TrustTooLow),
            )
            .await?,
    );
    let start = Instant::now();
    let mut other = Process::start(stage, &stage.reached("careful-agent", &gate.url)?, None)?;
    let answer = other.ask(1, "initialize", INITIALIZE).await?;
    lines.push(line(
        "Another team, another minimum",
        "initialize at the same server by an agent of L2 whose team wants L3",
        &answer,
        Some(Code::TrustTooLow),
        start,
    ));
    lines.extend(held(stage, &gate).await?);
    Ok(lines)
}

/// What is in quarantine: a server that is new, and a tool that is not what it was.
async fn held(stage: &Stage, gate: &Gate) -> anyhow::Result<Vec<Line>> {
    let mut lines = vec![];
    let mut fresh = Caller::new(stage, &format!("{}/fresh", gate.all), "agent").await?;
    lines.push(
        fresh
            .call(
                "A server that nobody has looked at",
                "tools/call read_note {name: welcome} at a server that is new",
                READ_NOTE,
                Some(Code::Quarantined),
            )
            .await?,
    );
    let shown = stage
        .quarantine(&["show", "fresh", "--output", "json"])
        .await?;
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    let hash = shown.get("hash").and_then(serde_json::Value::as_str);
    let hash = hash.context("mcps quarantine show names no hash")?;
    let promote = ["promote", "fresh", "--hash", hash, "--by", "the tour"];
    stage.quarantine(&promote).await?;
    lines.push(
        fresh
            .call(
                "The same, once an operator has looked",
                "the same call after: mcps quarantine promote fresh --hash HASH",
                READ_NOTE,
                None,
            )
            .await?,
    );
    let mut swapped = Caller::new(stage, &format!("{}/swapped", gate.all), "agent").await?;
    swapped.list().await?;
    lines.push(
        swapped
            .call(
                "A tool that is not what it was",
                "tools/call list_files, whose description the server changed after the gateway had seen it",
                r#"{"name":"list_files","arguments":{}}"#,
                Some(Code::Quarantined),
            )
            .await?,
    );
    Ok(lines)
}

/// One agent behind `mcps connect`.
struct Caller {
    process: Process,
    id: u32,
}

impl Caller {
    async fn new(stage: &Stage, url: &str, home: &str) -> anyhow::Result<Self> {
        let mut process = Process::start(stage, &stage.reached(home, url)?, None)?;
        process.ask(1, "initialize", INITIALIZE).await?;
        process
            .write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await?;
        process.ask(2, "tools/list", "{}").await?;
        Ok(Self { process, id: 2 })
    }

    async fn list(&mut self) -> anyhow::Result<()> {
        self.id += 1;
        self.process.ask(self.id, "tools/list", "{}").await?;
        Ok(())
    }

    async fn call(
        &mut self,
        title: &'static str,
        sent: &str,
        params: &str,
        must: Option<Code>,
    ) -> anyhow::Result<Line> {
        self.id += 1;
        let start = Instant::now();
        let answer = self.process.ask(self.id, "tools/call", params).await?;
        Ok(line(title, sent, &answer, must, start))
    }
}

fn line(
    title: &'static str,
    sent: &str,
    answer: &Message,
    must: Option<Code>,
    start: Instant,
) -> Line {
    let took = start.elapsed();
    let number = answer.error().and_then(|error| error.get("code"));
    let outcome = match number.and_then(Value::as_i64).and_then(Code::from_jsonrpc) {
        Some(code) => Outcome::Refused {
            by: "mcps-gateway",
            code,
        },
        None => Outcome::Delivered(format!(
            "an answer of {} bytes, through the gateway",
            answer.text().len()
        )),
    };
    Line {
        title,
        sent: sent.to_owned(),
        outcome,
        must,
        timing: format!("{} µs from client to client", took.as_micros()),
    }
}

async fn open(stage: &Stage) -> anyhow::Result<Gate> {
    stage.enrol("wrapped", Kind::Server, 2, None).await?;
    stage.enrol("gateway", Kind::Gateway, 2, None).await?;
    stage
        .enrol_in(CAREFUL, "careful-agent", Kind::Agent, 2, None)
        .await?;
    let listen = ["--listen", "127.0.0.1:0"];
    let words = stage.wrapped("wrapped", &listen, stage.server())?;
    let mut wrapper = Process::start(stage, &words, None)?;
    let server = listening(&mut wrapper).await?;
    let mut url = String::new();
    quote(&server, &mut url);
    let (bare, swapping) = (command(stage.server()), command(&stage.swapping()?));
    let config = format!(
        "[tenant.default]\n\
         [tenant.{CAREFUL}]\n\
         min_level = 3\n\n\
         [[server]]\n\
         name = \"demo\"\n\
         url = {url}\n\
         signed = true\n\
         passport = \"dev-wrapped\"\n\
         hold = false\n\n\
         [server.tool]\n\
         read_file = {{ class = [\"read\"] }}\n\
         send_mail = {{ class = [\"send\"] }}\n\
         write_note = {{ class = [\"write\"], min_level = 3 }}\n\n\
         [[server]]\n\
         name = \"fresh\"\n\
         command = {bare}\n\n\
         [[server]]\n\
         name = \"swapped\"\n\
         command = {swapping}\n\
         hold = false\n"
    );
    let file = stage.dir().join("gateway.toml");
    fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
    let mut gateway = Process::start(stage, &stage.gateway(&file)?, None)?;
    let all = listening(&mut gateway).await?;
    Ok(Gate {
        url: format!("{all}/demo"),
        all,
        _gateway: gateway,
        _wrapper: wrapper,
    })
}

/// A command as a configuration has it.
fn command(words: &[String]) -> String {
    let words = words.iter().map(|word| {
        let mut quoted = String::new();
        quote(word, &mut quoted);
        quoted
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

async fn listening(process: &mut Process) -> anyhow::Result<String> {
    loop {
        let line = process.read().await?;
        if let Some(url) = line.trim().strip_prefix("listening on ") {
            return Ok(url.to_owned());
        }
    }
}
