//! A signed session with a server: what its end makes of this home.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mcps_client::exit::Exit;
use mcps_core::code::Code;
use mcps_core::json::{Document, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::super::output::{items, text_at};
use super::finding::Findings;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the server is reached.
pub(super) struct Reaching<'a> {
    pub(super) insecure: bool,
    pub(super) ca_cert: Option<&'a Path>,
}

/// What came of it.
enum Outcome {
    /// So many tools are listed.
    Lists(usize),
    /// It was refused: the error as it came.
    Refused(Document),
    /// No session: what `mcps connect` said.
    None(String),
}

/// Begins a session as `mcps connect` does, in a process of its own, and lists the tools.
pub(super) async fn look(url: &str, more: &Reaching<'_>, home: &Path, found: &mut Findings) {
    let outcome = match timeout(PATIENCE, converse(url, more, home)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::None(error.to_string()),
        Err(_) => Outcome::None(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    match outcome {
        Outcome::Lists(0) => {
            let words = format!("{url} answers, and lists no tools to this home");
            let next = "they may be held back, or for a higher level; at the gateway: mcps quarantine list, mcps why AGENT TOOL";
            found.warn("no-tools", words, next);
        }
        Outcome::Lists(count) => {
            found.good("server", format!("{url} answers and lists {count} tools"))
        }
        Outcome::Refused(error) => refused(url, error.root(), found),
        Outcome::None(said) => unreachable(url, &said, found),
    }
}

fn unreachable(url: &str, said: &str, found: &mut Findings) {
    let next = "check that mcps-wrap --listen or mcps-gateway serve runs there, and that the URL is one of its --public-url";
    let said = said.trim_start_matches("mcps: ");
    found.bad(
        "server-unreachable",
        Exit::Other,
        format!("{url}: {said}"),
        next,
    );
}

fn refused(url: &str, error: Value<'_>, found: &mut Findings) {
    let id = text_at(error, &["data", "code"]);
    let code = Code::from_id(&id);
    let decision = text_at(error, &["data", "decision_id"]);
    match code {
        Some(Code::TrustTooLow) => {
            let words = format!(
                "{url} asks for a higher level than this home's passport has ({id}, decision {decision})"
            );
            let next = "see what raises it: mcps trust explain; a new passport says so then: mcps passport renew";
            found.bad("level-too-low", Exit::Refused, words, next);
        }
        Some(Code::UpstreamUnavailable) => unreachable(
            url,
            &format!("nobody answers there, or behind it ({id}, decision {decision})"),
            found,
        ),
        Some(Code::UnknownServer) => found.bad(
            "unknown-server",
            Exit::Usage,
            format!("{url}: whoever answers has no such server ({id}, by unsigned word)"),
            "check the name at the end of the URL, and with mcps-gateway check at the gateway",
        ),
        Some(code) => {
            let words = format!("{url} refuses this home: {code} (decision {decision})");
            found.bad("refused", Exit::Refused, words, code.advice());
        }
        None => {
            let words = format!(
                "{url} answers with an error: {}",
                text_at(error, &["message"])
            );
            found.bad(
                "server-error",
                Exit::Other,
                words,
                "look at that server's log",
            );
        }
    }
}

async fn converse(url: &str, more: &Reaching<'_>, home: &Path) -> std::io::Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--home").arg(home);
    command.args(["--log-level", "error", "connect", "--url", url]);
    if more.insecure {
        command.arg("--allow-insecure-http");
    }
    if let Some(file) = more.ca_cert {
        command.arg("--ca-cert").arg(file);
    }
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (input, output) = (process.stdin.take(), process.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else {
        return Ok(Outcome::None("it does not start".to_owned()));
    };
    let mut lines = BufReader::new(output).lines();
    let (first, second) = (initialize(), LIST.to_owned());
    for (id, said) in [(1, first), (2, second)] {
        match exchange(&mut input, &mut lines, id, &said).await? {
            None => return complaint(process).await,
            Some(answer) if answer.root().get("error").is_some() => {
                let error = answer
                    .root()
                    .get("error")
                    .map(|error| error.raw().to_owned());
                let error = Document::parse(error.unwrap_or_default());
                return Ok(error.map_or_else(|_| Outcome::Lists(0), Outcome::Refused));
            }
            Some(answer) if id == 2 => {
                let result = answer.root().get("result");
                let tools = result.map_or(0, |result| items(result, "tools").count());
                return Ok(Outcome::Lists(tools));
            }
            Some(_) => {}
        }
    }
    Ok(Outcome::Lists(0))
}

/// How a client begins.
fn initialize() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{}},"clientInfo":{{"name":"mcps-doctor","version":"{version}"}}}}}}"#
    )
}

/// How it goes on.
const LIST: &str = concat!(
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n",
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#
);

/// Says something, and hears the answer to it; `None` when none comes any more.
async fn exchange(
    input: &mut ChildStdin,
    lines: &mut Lines<BufReader<ChildStdout>>,
    id: i64,
    said: &str,
) -> std::io::Result<Option<Document>> {
    // One that ended has closed its input; what it said counts.
    if input
        .write_all(format!("{said}\n").as_bytes())
        .await
        .is_ok()
    {
        input.flush().await.ok();
    }
    while let Some(line) = lines.next_line().await? {
        let Ok(answer) = Document::parse(line) else {
            continue;
        };
        if answer.root().get("id").and_then(Value::as_i64) == Some(id) {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// What it wrote to standard error before it ended.
async fn complaint(mut process: Child) -> std::io::Result<Outcome> {
    let mut text = String::new();
    if let Some(errors) = process.stderr.take() {
        errors.take(64 * 1024).read_to_string(&mut text).await?;
    }
    let last = text.lines().rev().find(|line| line.starts_with("mcps: "));
    Ok(Outcome::None(
        last.unwrap_or("it ended without a word").to_owned(),
    ))
}
