//! The tour's hand on the wire: a client's end whose lines can be looked at, kept and changed
//! before they reach a real `mcps-wrap`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mcps_client::connect::SESSION_ENV;
use mcps_client::identity::Identity;
use mcps_client::link::{End, Link, LinkParts, Opened, Plain, Refused};
use mcps_client::trust_source::{Freshness, TrustSource};
use mcps_client::verify::{Verifier, Window};
use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::message::{Kind, Message};
use mcps_core::random::hex16;
use mcps_core::replay::{ReplayGuard, ReplayLimits};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::stage::Stage;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One process spoken to line by line.
pub(crate) struct Process {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Process {
    pub(crate) fn start(
        stage: &Stage,
        words: &[String],
        session: Option<&str>,
    ) -> anyhow::Result<Self> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stage.log("tour.log")?);
        if let Some(session) = session {
            command.env(SESSION_ENV, session);
        }
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self {
            input,
            output: BufReader::new(output).lines(),
            _child: child,
        })
    }

    pub(crate) async fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(line.as_bytes()).await?;
        self.input.write_all(b"\n").await?;
        Ok(self.input.flush().await?)
    }

    pub(crate) async fn read(&mut self) -> anyhow::Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line())
            .await
            .context("no answer in 30 s")??;
        line.context("the process ended; its words are in logs/tour.log")
    }

    /// Sends a plain request and reads up to its answer.
    pub(crate) async fn ask(
        &mut self,
        id: u32,
        method: &str,
        params: &str,
    ) -> anyhow::Result<Message> {
        self.write(&request(id, method, params)).await?;
        loop {
            let message = Message::parse(self.read().await?)?;
            if message.method().is_none()
                && message
                    .id()
                    .is_some_and(|own| own.as_str() == id.to_string())
            {
                return Ok(message);
            }
        }
    }
}

/// One request's text.
pub(crate) fn request(id: u32, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}

/// How an exchange came out, and how long its parts took.
pub(crate) struct Exchange {
    pub(crate) outcome: Result<Message, Code>,
    pub(crate) sign: Duration,
    pub(crate) round_trip: Duration,
    pub(crate) verify: Duration,
    /// The line as it was sent.
    pub(crate) line: String,
}

/// A signed connection to a wrapper.
pub(crate) struct Wire {
    process: Process,
    link: Link,
    next_id: u32,
}

impl Wire {
    /// Starts `mcps-wrap` with the server home `server` and speaks as the agent of `home`.
    pub(crate) async fn open(stage: &Stage, home: &str, server: &str) -> anyhow::Result<Self> {
        let words = stage.wrapped(server, &["--status-refresh", "0"], stage.server())?;
        let session = hex16(stage.random.as_ref())?;
        let process = Process::start(stage, &words, Some(&session))?;
        let home = stage.home(home);
        let clock = Arc::clone(&stage.clock);
        let trust = TrustSource::load(
            &home,
            Freshness::default(),
            Arc::clone(&clock),
            Arc::clone(&stage.random),
        )?;
        let link = Link::new(LinkParts {
            end: End::Client,
            wire: mcps_client::link::Wire::Stdio,
            carrier: Carrier::Native,
            identity: Arc::new(Identity::load(&home, End::Client)?),
            verifier: Verifier {
                trust: Arc::new(trust),
                replay: Arc::new(ReplayGuard::since(
                    ReplayLimits::default(),
                    Timestamp::from_millis(0),
                )),
                clock: Arc::clone(&clock),
                window: Window::default(),
            },
            clock,
            random: Arc::clone(&stage.random),
            session: Some(session),
        });
        Ok(Self {
            process,
            link,
            next_id: 0,
        })
    }

    /// The connection's first exchange, up to `notifications/initialized`.
    pub(crate) async fn initialize(&mut self) -> anyhow::Result<Exchange> {
        let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcps-dev","version":"1"}}"#;
        let exchange = self.call("initialize", params).await?;
        if exchange.outcome.is_ok() {
            let ready =
                Message::parse(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
            let line = self.link.seal(ready)?;
            self.process.write(&line).await?;
        }
        Ok(exchange)
    }

    /// Signs and sends a request, and waits for its answer.
    pub(crate) async fn call(&mut self, method: &str, params: &str) -> anyhow::Result<Exchange> {
        self.call_changed(method, params, |line| line).await
    }

    /// The same, with the line changed between signing and sending.
    pub(crate) async fn call_changed(
        &mut self,
        method: &str,
        params: &str,
        change: impl FnOnce(String) -> String,
    ) -> anyhow::Result<Exchange> {
        self.next_id += 1;
        let message = Message::parse(request(self.next_id, method, params))?;
        let start = Instant::now();
        let line = self.link.seal(message)?;
        let sign = start.elapsed();
        let mut exchange = self.exchange(change(line)).await?;
        exchange.sign = sign;
        Ok(exchange)
    }

    /// Sends a line as it is and waits for what answers it.
    pub(crate) async fn exchange(&mut self, line: String) -> anyhow::Result<Exchange> {
        let start = Instant::now();
        self.process.write(&line).await?;
        loop {
            let answer = self.process.read().await?;
            let round_trip = start.elapsed();
            let verifying = Instant::now();
            let opened = self
                .link
                .open(answer.clone().into_bytes(), TrustLevel::L1, Plain::Refuse)
                .await;
            let verify = verifying.elapsed();
            let outcome = match opened {
                Ok(Opened { message, .. }) if message.method().is_some() => continue,
                Ok(Opened { message, .. }) => outcome(message),
                // The refusal of a line that was not our request's answer is signed all the same.
                Err(refused) => unasked(*refused, &answer)?,
            };
            return Ok(Exchange {
                outcome,
                sign: Duration::ZERO,
                round_trip,
                verify,
                line,
            });
        }
    }
}

fn outcome(message: Message) -> Result<Message, Code> {
    let number = message
        .error()
        .and_then(|error| error.get("code"))
        .and_then(Value::as_i64);
    match number.and_then(Code::from_jsonrpc) {
        Some(code) if message.kind() == Kind::Error => Err(code),
        _ => Ok(message),
    }
}

/// A refusal whose request is not (or no longer) in flight: a replayed line, or one of somebody
/// else. Its signature was good, so the code counts.
fn unasked(refused: Refused, answer: &str) -> anyhow::Result<Result<Message, Code>> {
    if !refused.authentic {
        bail!("the wrapper's answer does not verify: {}", refused.refusal);
    }
    Ok(outcome(Message::parse(answer)?))
}
