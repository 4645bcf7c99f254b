//! The tour: one signed call, then the attacks, each on the real wrapper.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use mcps_core::code::Code;
use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_core::passport::{Kind, Passport};

use super::gateway;
use super::report::{Line, Outcome};
use super::stage::Stage;
use super::wire::{Exchange, Process, Wire, request};

/// Life of the passport that is to expire during the tour.
const SHORT_S: u64 = 2;

/// How long a revocation may take to arrive. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is called: the demo server's tools are known to be harmless, another server's are not.
struct Call {
    method: &'static str,
    params: &'static str,
    shown: &'static str,
}

const READ_NOTE: Call = Call {
    method: "tools/call",
    params: r#"{"name":"read_note","arguments":{"name":"welcome"}}"#,
    shown: "tools/call read_note {name: welcome}",
};
const LIST: Call = Call {
    method: "tools/list",
    params: "{}",
    shown: "tools/list",
};

/// Runs every line and prints it. Returns whether all came out as they must.
pub(crate) async fn run(stage: &Stage) -> anyhow::Result<bool> {
    let call = if stage.is_bundled() { READ_NOTE } else { LIST };
    let expiring = stage
        .enrol("expiring", Kind::Agent, 2, Some(SHORT_S))
        .await?;
    let mut tour = Tour {
        number: 0,
        good: true,
    };

    let mut wire = Wire::open(stage, "agent", "server").await?;
    started(wire.initialize().await?)?;
    let exchange = wire.call(call.method, call.params).await?;
    let captured = exchange.line.clone();
    tour.line(
        "A signed call",
        format!("{}, signed by dev-agent", call.shown),
        exchange,
        None,
    )?;

    let exchange = wire.exchange(captured.clone()).await?;
    tour.line(
        "Replay",
        "the very same line once more".to_owned(),
        exchange,
        Some(Code::Replayed),
    )?;

    let plain = request(99, call.method, call.params);
    let exchange = wire.exchange(plain).await?;
    tour.line(
        "No signature",
        format!("{}, unsigned, as plain MCP has it", call.shown),
        exchange,
        Some(Code::SignatureRequired),
    )?;

    let exchange = wire.call_changed(call.method, call.params, tamper).await?;
    tour.line(
        "Tampering",
        format!("{}, one letter changed after signing", call.shown),
        exchange,
        Some(Code::InvalidSignature),
    )?;

    stage.enrol("other-server", Kind::Server, 2, None).await?;
    let mut other = Wire::open(stage, "agent", "other-server").await?;
    started(other.initialize().await?)?;
    let exchange = other.exchange(captured).await?;
    tour.line(
        "Wrong audience",
        "the line that was signed for dev-server, to dev-other-server".to_owned(),
        exchange,
        Some(Code::WrongAudience),
    )?;

    while stage.clock.now() < expiring.expires_at() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut wire = Wire::open(stage, "expiring", "server").await?;
    let exchange = wire.initialize().await?;
    tour.line(
        "Expired passport",
        format!("initialize, signed with a passport of {SHORT_S} s that ran out"),
        exchange,
        Some(Code::PassportExpired),
    )?;

    let passport = stage.enrol("revoked", Kind::Agent, 2, None).await?;
    let mut wire = Wire::open(stage, "revoked", "server").await?;
    started(wire.initialize().await?)?;
    started(wire.call(call.method, call.params).await?)?;
    tour.show(cut_off(stage, &passport, &mut wire, &call).await?)?;

    tour.show(swapped(stage).await?)?;

    // What another server's tools do is not known.
    if stage.is_bundled() {
        for line in gateway::lines(stage).await? {
            tour.show(line)?;
        }
    }
    Ok(tour.good)
}

struct Tour {
    number: usize,
    good: bool,
}

impl Tour {
    fn line(
        &mut self,
        title: &'static str,
        sent: String,
        exchange: Exchange,
        must: Option<Code>,
    ) -> anyhow::Result<()> {
        let Exchange {
            outcome,
            sign,
            round_trip,
            verify,
            ..
        } = exchange;
        let timing = if must.is_none() {
            format!(
                "{} µs: sign {}, there and back {}, verify the answer {}",
                (sign + round_trip + verify).as_micros(),
                sign.as_micros(),
                round_trip.as_micros(),
                verify.as_micros()
            )
        } else {
            format!(
                "{} µs from sending to the signed refusal",
                round_trip.as_micros()
            )
        };
        let outcome = match outcome {
            Ok(message) => Outcome::Delivered(format!(
                "an answer of {} bytes, its signature good and bound to this request",
                message.text().len()
            )),
            Err(code) => Outcome::Refused {
                by: "mcps-wrap",
                code,
            },
        };
        self.show(Line {
            title,
            sent,
            outcome,
            must,
            timing,
        })
    }

    fn show(&mut self, line: Line) -> anyhow::Result<()> {
        self.number += 1;
        self.good &= line.is_good();
        Ok(line.print(self.number)?)
    }
}

fn started(exchange: Exchange) -> anyhow::Result<()> {
    let refused =
        |code: Code| anyhow::anyhow!("the tour could not begin: {} {}", code.id(), code.title());
    exchange.outcome.map(drop).map_err(refused)
}

/// Changes the method's last letter, which every message has.
fn tamper(line: String) -> String {
    line.replacen("read_note", "read_nots", 1)
        .replacen(r#""tools/list""#, r#""tools/lisp""#, 1)
}

/// Revokes a passport in the middle of a session, and calls until the call is refused.
async fn cut_off(
    stage: &Stage,
    passport: &Passport,
    wire: &mut Wire,
    call: &Call,
) -> anyhow::Result<Line> {
    stage.revoke(passport).await?;
    let granted = Instant::now();
    let mut through = 0;
    let outcome = loop {
        match wire.call(call.method, call.params).await?.outcome {
            Err(code) => {
                break Outcome::Refused {
                    by: "mcps-wrap",
                    code,
                };
            }
            Ok(_) if granted.elapsed() > PATIENCE => {
                break Outcome::Delivered("an answer, though the agent is revoked".to_owned());
            }
            Ok(_) => through += 1,
        }
    };
    let ms = granted.elapsed().as_micros() as f64 / 1000.0;
    Ok(Line {
        title: "Revoked passport",
        sent: format!(
            "{}, again and again, by an agent that is revoked meanwhile",
            call.shown
        ),
        outcome,
        must: Some(Code::PassportRevoked),
        timing: format!(
            "{ms:.1} ms from the answer to the order to the signed refusal; calls that went through meanwhile: {through}"
        ),
    })
}

/// A server that changes a tool's description between two looks, seen by an unmodified client
/// through `mcps connect`.
async fn swapped(stage: &Stage) -> anyhow::Result<Line> {
    let wrapped = stage.wrapped("server", &["--status-refresh", "0"], &stage.swapping()?)?;
    let mut client = Process::start(stage, &stage.connected("agent", &wrapped)?, None)?;
    let params = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcps-dev","version":"1"}}"#;
    client.ask(1, "initialize", params).await?;
    client
        .write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await?;
    let before = client.ask(2, "tools/list", "{}").await?;
    let name = first_tool(&before).context("the server lists no tool")?;
    let after = client.ask(3, "tools/list", "{}").await?;
    let hidden = first_tool(&after).as_deref() != Some(name.as_str());
    let mut quoted = String::new();
    mcps_core::json::quote(&name, &mut quoted);
    let start = Instant::now();
    let answer = client
        .ask(
            4,
            "tools/call",
            &format!(r#"{{"name":{quoted},"arguments":{{}}}}"#),
        )
        .await?;
    let took = start.elapsed();
    let number = answer
        .error()
        .and_then(|error| error.get("code"))
        .and_then(Value::as_i64);
    let outcome = match number.and_then(Code::from_jsonrpc) {
        Some(code) if hidden => Outcome::Refused {
            by: "mcps connect, which also hides it from the list",
            code,
        },
        Some(code) => Outcome::Refused {
            by: "mcps connect, though it is still listed",
            code,
        },
        None => Outcome::Delivered("the call reached the server".to_owned()),
    };
    Ok(Line {
        title: "Swapped tool description",
        sent: format!(
            "tools/call {name}, whose description the server changed after it was first seen"
        ),
        outcome,
        must: Some(Code::ToolIntegrity),
        timing: format!("{} µs from sending to the refusal", took.as_micros()),
    })
}

fn first_tool(list: &Message) -> Option<String> {
    let tools = list.result()?.get("tools")?.as_array()?;
    Some(
        tools
            .into_iter()
            .next()?
            .get("name")?
            .as_str()?
            .into_owned(),
    )
}
