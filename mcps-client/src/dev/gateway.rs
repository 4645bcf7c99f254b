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
const SEND: &str = r#"{"name":"send_mail","arguments":{"to":"eve@example.net","subject":"notes","body":"as you asked"}}"#;

/// A team whose agents must be worth more than the tour's.
pub(crate) const CAREFUL: &str = "careful";

/// Everything between the agents and the server.
struct Gate {
    url: String,
    _gateway: Process,
    _wrapper: Process,
}

/// Runs its lines.
pub(crate) async fn lines(stage: &Stage) -> anyhow::Result<Vec<Line>> {
    let gate = open(stage).await?;
    let mut lines = vec![];
    let mut agent = Caller::new(stage, &gate, "agent").await?;
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
    Ok(lines)
}

/// One agent behind `mcps connect`.
struct Caller {
    process: Process,
    id: u32,
}

impl Caller {
    async fn new(stage: &Stage, gate: &Gate, home: &str) -> anyhow::Result<Self> {
        let mut process = Process::start(stage, &stage.reached(home, &gate.url)?, None)?;
        process.ask(1, "initialize", INITIALIZE).await?;
        process
            .write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await?;
        process.ask(2, "tools/list", "{}").await?;
        Ok(Self { process, id: 2 })
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
            by: "mcps-gateway; no server heard of it",
            code,
        },
        None => Outcome::Delivered(format!(
            "an answer of {} bytes, by way of gateway and wrapper",
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
    let config = format!(
        "[tenant.default]\n\
         [tenant.{CAREFUL}]\n\
         min_level = 3\n\n\
         [[server]]\n\
         name = \"demo\"\n\
         url = {url}\n\
         signed = true\n\
         passport = \"dev-wrapped\"\n\n\
         [server.tool]\n\
         read_file = {{ class = [\"read\"] }}\n\
         send_mail = {{ class = [\"send\"] }}\n\
         write_note = {{ class = [\"write\"], min_level = 3 }}\n"
    );
    let file = stage.dir().join("gateway.toml");
    fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
    let mut gateway = Process::start(stage, &stage.gateway(&file)?, None)?;
    let all = listening(&mut gateway).await?;
    Ok(Gate {
        url: format!("{all}/demo"),
        _gateway: gateway,
        _wrapper: wrapper,
    })
}

async fn listening(process: &mut Process) -> anyhow::Result<String> {
    loop {
        let line = process.read().await?;
        if let Some(url) = line.trim().strip_prefix("listening on ") {
            return Ok(url.to_owned());
        }
    }
}
