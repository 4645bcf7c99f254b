//! `mcps order revoke`, `suspend`, `reinstate` and `stop`.

use clap::{Args, ValueEnum};
use mcps_client::options::duration;
use mcps_core::clock::Timestamp;
use mcps_core::json::Value;
use serde_json::json;

use super::super::output::{self, OutputOptions};
use super::super::reason::Reason;
use super::super::token::{Asking, member};
use super::super::{CliError, Machine};
use super::target::{TargetOptions, words};

/// What all orders have in common.
#[derive(Args, Debug)]
struct Given {
    /// Why.
    #[arg(long, default_value = "unspecified")]
    reason: Reason,
    /// A word for whoever looks at it later; it stays with the authority.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Only say what would be reached.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
    // Last: its heading in the help holds for all that follows.
    #[command(flatten)]
    target: TargetOptions,
}

/// What `mcps order revoke` can be told.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    given: Given,
}

/// What `mcps order stop` can be told.
#[derive(Args, Debug)]
pub(crate) struct Stop {
    #[command(flatten)]
    given: Given,
}

/// What `mcps order suspend` can be told.
#[derive(Args, Debug)]
pub(crate) struct Suspend {
    /// Until when: RFC 3339 in UTC, as 2026-11-21T12:00:00.000Z, or a length of time from now, as 2h
    /// [default: until it is reinstated].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    given: Given,
}

/// What `mcps order reinstate` can be told.
#[derive(Args, Debug)]
pub(crate) struct Reinstate {
    /// What is taken back.
    #[arg(long, value_name = "WHAT", default_value = "suspend")]
    lifts: Lifts,
    #[command(flatten)]
    given: Given,
}

/// What a reinstatement takes back.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lifts {
    /// A suspension.
    Suspend,
    /// A quarantine.
    Quarantine,
    /// A stop.
    Stop,
}

impl Lifts {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
        }
    }
}

impl Revoke {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        self.given.send(machine, "/v1/revocations", None).await
    }
}

impl Stop {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        self.given.send(machine, "/v1/stops", None).await
    }
}

impl Suspend {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let until = self.until.map(|text| until(&text, machine.clock.now()));
        let until = until.transpose()?;
        let until = until.map(|until| ("until", until.to_string()));
        self.given.send(machine, "/v1/suspensions", until).await
    }
}

impl Reinstate {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let lifts = Some(("lifts", self.lifts.as_str().to_owned()));
        self.given.send(machine, "/v1/reinstatements", lifts).await
    }
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let instant = Timestamp::parse_rfc3339(text);
    let instant = instant.or_else(|| duration(text).ok().map(|length| now.plus(length)));
    instant.ok_or_else(|| CliError::NotATime(text.to_owned()))
}

impl Given {
    async fn send(
        &self,
        machine: &Machine,
        path: &str,
        more: Option<(&str, String)>,
    ) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let target = self.target.target();
        let named: serde_json::Value = serde_json::from_str(&target.to_json()).unwrap_or_default();
        let mut order = json!({ "target": named, "reason": self.reason.as_str() });
        let note = self.note.clone().map(|note| ("note", note));
        if let Some(members) = order.as_object_mut() {
            let stated = more.into_iter().chain(note);
            members.extend(stated.map(|(name, text)| (name.to_owned(), text.into())));
        }
        let operator = authority.operator(&key);
        let done = operator.order(path, &order, self.dry_run).await?;
        warn_of_nobody(done.root());
        if self.output.is_json() {
            return output::print(done.text());
        }
        output::print(&output::members(&rows(done.root(), &words(&target))))
    }
}

/// Whoever is not there yet is reached as soon as they are, so that this is no error.
fn warn_of_nobody(done: Value<'_>) {
    let is = |name| done.get(name).and_then(Value::as_bool) == Some(true);
    let cuts_off = member(done, "action") != "reinstate";
    if cuts_off && is("changed") && reached(done) == Some(0) {
        output::note(
            "warning: nobody has a live passport that this reaches; check the name, and the tenant, unless it is for passports that are yet to come",
        );
    }
}

fn reached(done: Value<'_>) -> Option<i64> {
    done.get("reached").and_then(Value::as_i64)
}

/// What came of an order, for people.
pub(in crate::cli) fn rows(done: Value<'_>, target: &str) -> Vec<(&'static str, String)> {
    let is = |name| done.get(name).and_then(Value::as_bool) == Some(true);
    let (action, id) = (member(done, "action"), member(done, "action_id"));
    let unchanged = "nothing; it is so already".to_owned();
    let changes = if is("changed") {
        String::new()
    } else {
        unchanged
    };
    let reaches = reached(done).map_or_else(String::new, |count| format!("{count} live passports"));
    if is("dry_run") {
        return vec![
            ("would", format!("{action} {target}")),
            ("changes", changes),
            ("reaches", reaches),
            ("next", "the same without --dry-run".to_owned()),
        ];
    }
    let position = member(done, "position");
    let enforced = match position.is_empty() {
        true => String::new(),
        false => format!("see who enforces it: mcps feed enforcement {position} --wait 5s"),
    };
    let undone = matches!(action.as_str(), "suspend" | "stop" | "quarantine") && is("changed");
    vec![
        ("ordered", format!("{action} {target}")),
        ("changes", changes),
        ("reaches", reaches),
        ("feed position", position),
        ("action id", id.clone()),
        ("next", enforced),
        (
            "undo",
            match undone {
                true => format!("mcps order undo {id}"),
                false => String::new(),
            },
        ),
    ]
}
