//! `mcps feed enforcement`.

use std::time::Duration;

use clap::Args;
use mcps_client::authority::AuthorityClient;
use mcps_client::error::ClientError;
use mcps_client::options::duration;
use mcps_core::clock::Timestamp;
use mcps_core::feed::Cursor;
use mcps_core::json::{Document, Value};
use tokio::time::{Instant, sleep};

use super::super::operator::OperatorOptions;
use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine};

/// How often it is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// What is not obvious, for `--help`.
const NOTES: &str = "\
Gateways, wrappers and clients that follow the feed say which event they enforce, signed by the keys of
their passports. The times are those at which the authority was told so.
Ends with exit code 5 when somebody who is alive lags.";

/// What `mcps feed enforcement` can be told.
#[derive(Args, Debug)]
#[command(after_help = NOTES)]
pub(crate) struct Enforcement {
    /// Which event, EPOCH:SEQ, as orders state it [default: the newest].
    #[arg(value_parser = position)]
    position: Option<Cursor>,
    /// Wait for so long until nobody lags.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Address of the trust authority [default: this home's].
    #[arg(long, env = "MCPS_AUTHORITY", value_name = "URL")]
    authority: Option<String>,
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn position(text: &str) -> Result<Cursor, String> {
    Cursor::parse(text).ok_or_else(|| "write EPOCH:SEQ as in 1:41".to_owned())
}

impl Enforcement {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let url = match &self.authority {
            Some(url) => url.clone(),
            None => home.authority()?.url,
        };
        let authority = AuthorityClient::of_home(&url, &home)?;
        let operator = self.operator.key(machine)?;
        let until = self.wait.map(|wait| Instant::now() + wait);
        let mut position = self.position;
        let (document, lagging) = loop {
            let document = authority.enforcement(&operator, position).await?;
            let root = document.root();
            // What is asked about stays the same event while we wait.
            position = position.or_else(|| Cursor::parse(&text(root, "position")));
            let lagging = number(root, "lagging_count").ok_or_else(|| unexpected(&authority))?;
            if lagging == 0 || until.is_none_or(|until| Instant::now() >= until) {
                break (document, lagging);
            }
            sleep(AGAIN).await;
        };
        if self.output.is_json() {
            output::print(document.text())?;
        } else {
            output::print(&described(&document))?;
        }
        match lagging {
            0 => Ok(()),
            count => Err(CliError::Lagging { count }),
        }
    }
}

fn unexpected(authority: &AuthorityClient) -> ClientError {
    ClientError::Answer {
        url: authority.url().to_owned(),
        why: "no `lagging_count`".to_owned(),
    }
}

/// What was found, for people.
fn described(document: &Document) -> String {
    let root = document.root();
    let count = |name| number(root, name).unwrap_or_default();
    let committed = text(root, "committed_at");
    let by = |name| {
        let at = root.get("enforced_by").map(|by| text(by, name));
        after(&committed, &at.unwrap_or_default())
    };
    let silent = match count("silent_count") {
        0 => String::new(),
        count => format!("{count}, heard of within 10 min but not within 60 s"),
    };
    let mut lines = output::members(&[
        ("position", text(root, "position")),
        ("committed", committed.clone()),
        (
            "enforced on",
            format!("{} of {} followers", count("enforcing"), count("followers")),
        ),
        ("half by", by("p50")),
        ("99 % by", by("p99")),
        ("all by", by("all")),
        ("lagging", count("lagging_count").to_string()),
        ("silent", silent),
    ]);
    for (name, what) in [("lagging", "lags"), ("silent", "silent")] {
        let followers = root.get(name).and_then(Value::as_array);
        let rows: Vec<Vec<String>> = followers
            .into_iter()
            .flatten()
            .map(|one| {
                vec![
                    what.to_owned(),
                    text(one, "tenant"),
                    format!("{} {}", text(one, "kind"), text(one, "name")),
                    text(one, "position"),
                    text(one, "heard_at"),
                    text(one, "passport_id"),
                ]
            })
            .collect();
        if !rows.is_empty() {
            let head = [
                "",
                "tenant",
                "name",
                "enforces",
                "last heard of",
                "passport id",
            ];
            lines.push('\n');
            lines.push_str(&output::table(&head, rows));
        }
    }
    lines
}

/// An instant, and how long after the event it was.
fn after(committed: &str, at: &str) -> String {
    let times = (
        Timestamp::parse_rfc3339(committed),
        Timestamp::parse_rfc3339(at),
    );
    match times {
        (Some(then), Some(time)) => format!("{at} (+{} ms)", time.since(then)),
        _ => at.to_owned(),
    }
}

fn text(value: Value<'_>, name: &str) -> String {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default().into_owned()
}

fn number(value: Value<'_>, name: &str) -> Option<u64> {
    value.get(name)?.as_i64()?.try_into().ok()
}
