//! `mcps hook`: who may report incidents, how they prove themselves, and what they may do.

mod add;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mcps_client::exit;
use mcps_core::json::Value;

use super::incident;
use super::output::{self, OutputOptions};
use super::switch::Switch;
use super::token::{Asking, member};
use super::{CliError, Machine, input};

/// Largest report that is tried.
const MAX_REPORT: usize = 256 * 1024;

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Hook {
    /// Let a source report incidents, or change what it may do; its secret is shown this once.
    Add(Box<add::Add>),
    /// List the sources.
    List(List),
    /// Look at one source.
    Show(One),
    /// Say what would be made of a report, and do nothing.
    Test(Test),
    /// Believe nothing of a source any more.
    Disable(Switch<One>),
    /// Believe a source again.
    Enable(Switch<One>),
}

/// What `mcps hook list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What the verbs about one source can be told.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Name of the source.
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps hook test` can be told.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// A file with a report as the source would send it; - is standard input.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    #[command(flatten)]
    one: One,
}

/// A name goes into a path, so it is held to its form here.
pub(super) fn name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let first = text
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_alphanumeric);
    if first && text.len() <= 128 && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(
        "a name is 1 to 128 letters, digits, `.`, `_` or `-`, and begins with a letter or digit"
            .to_owned(),
    )
}

/// A prefix and 32 lower-case hex digits.
pub(super) fn id(prefix: &str, text: &str) -> Option<String> {
    let digits = text.strip_prefix(prefix)?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 32 && digits.bytes().all(hex)).then(|| text.to_owned())
}

impl Hook {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(machine).await,
            Self::List(list) => list.run(machine).await,
            Self::Show(one) => one.show(machine).await,
            Self::Test(test) => test.run(machine).await,
            Self::Disable(switch) => switch.run(machine, true).await,
            Self::Enable(switch) => switch.run(machine, false).await,
        }
    }
}

impl List {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let listed = authority.operator(&key).sources().await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let row = |source: Value<'_>| {
            let all = |name| output::text_at(source, &[name]);
            let state = match all("disabled_at").is_empty() {
                true => "on",
                false => "disabled",
            };
            vec![
                all("source"),
                all("adapter"),
                all("authentication"),
                all("ceiling"),
                tenant(source),
                all("reach"),
                all("per_hour"),
                state.to_owned(),
            ]
        };
        let rows: Vec<_> = output::items(listed.root(), "sources").map(row).collect();
        if rows.is_empty() {
            return output::print("Nobody may report incidents; see: mcps hook add --help");
        }
        let head = [
            "source", "adapter", "proof", "may", "tenant", "at once", "an hour", "state",
        ];
        output::print(&output::table(&head, rows))
    }
}

fn tenant(source: Value<'_>) -> String {
    match member(source, "tenant") {
        tenant if tenant.is_empty() => "all".to_owned(),
        tenant => tenant,
    }
}

/// A source in full; `where_to` is where its reports go.
fn print(source: Value<'_>, secret: &str, where_to: String) -> Result<(), CliError> {
    let all = |name| output::text_at(source, &[name]);
    let polled = |name| output::text_at(source, &["poll", name]);
    let failing = match polled("last_error") {
        why if why.is_empty() => why,
        why => format!("{} attempts: {why}", polled("failures")),
    };
    let seconds = source.get("suspend_s").and_then(Value::as_i64);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    output::print(&output::members(&[
        ("source", all("source")),
        ("adapter", all("adapter")),
        ("proves itself by", all("authentication")),
        ("certificate", all("presents")),
        ("may", all("ceiling")),
        ("tenant", tenant(source)),
        ("one alert reaches", format!("{} subjects", all("reach"))),
        ("an hour reaches", format!("{} subjects", all("per_hour"))),
        (
            "suspends for",
            seconds.map(output::length).unwrap_or_default(),
        ),
        ("mapping", all("mapping")),
        ("tokens fetched from", polled("url")),
        ("last answered", polled("polled_at")),
        ("not answered in", failing),
        ("disabled since", all("disabled_at")),
        ("reports go to", where_to),
        ("secret", secret.to_owned()),
    ]))
}

impl One {
    async fn show(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let shown = authority.operator(&key).source(&self.name).await?;
        if self.output.is_json() {
            return output::print(shown.text());
        }
        let path = member(shown.root(), "path");
        print(shown.root(), "", format!("{}{path}", authority.url()))
    }
}

impl Switch<One> {
    async fn run(self, machine: &Machine, disabled: bool) -> Result<(), CliError> {
        let One {
            name,
            asking,
            output,
        } = self.one;
        let (authority, key) = asking.whom(machine)?;
        let operator = authority.operator(&key).rehearsing(self.dry_run);
        let done = operator.disable_source(&name, disabled).await?;
        if output.is_json() {
            return output::print(done.text());
        }
        let path = member(done.root(), "path");
        print(done.root(), "", format!("{}{path}", authority.url()))?;
        if self.dry_run {
            output::note("Nothing was done; the same without --dry-run does it.");
        }
        Ok(())
    }
}

impl Test {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let one = &self.one;
        let (authority, key) = one.asking.whom(machine)?;
        let report = input::read(&self.report, MAX_REPORT)?;
        let report = String::from_utf8_lossy(&report).into_owned();
        let operator = authority.operator(&key);
        let tested = operator.test_source(&one.name, report).await?;
        if one.output.is_json() {
            return output::print(tested.text());
        }
        let incidents = output::items(tested.root(), "incidents");
        let rows = incidents.map(incident::row).collect();
        output::print(&output::table(&incident::HEAD, rows))?;
        output::note("Nothing was done.");
        Ok(())
    }
}
