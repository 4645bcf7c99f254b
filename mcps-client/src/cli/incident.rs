//! `mcps incident`: what alerting systems reported, and what was made of it.

use clap::{Args, Subcommand};
use mcps_client::exit;
use mcps_core::feed::Target;
use mcps_core::json::Value;

use super::order::{rows, words};
use super::output::{self, OutputOptions};
use super::page::PageOptions;
use super::token::{Asking, member};
use super::{CliError, Machine};

/// The verbs.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::HELP)]
pub(crate) enum Incident {
    /// List what was reported, newest first.
    List(List),
    /// Look at one incident, and at what to do next.
    Show(One),
    /// Carry a proposal out.
    Approve(Decide),
    /// Dismiss a proposal.
    Dismiss(Decide),
    /// Take back what was done for an incident.
    Undo(Undo),
}

/// What `mcps incident list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only those of which this was made: proposed waits for a decision.
    #[arg(long, value_name = "WHAT", value_parser = ["done", "unchanged", "observed", "no_match", "proposed", "dismissed", "refused", "unread", "pending"])]
    outcome: Option<String>,
    /// Only those of this source.
    #[arg(long, value_name = "NAME", value_parser = super::hook::name)]
    source: Option<String>,
    /// Only those of this tenant.
    #[arg(long, value_name = "TENANT", value_parser = super::hook::name)]
    tenant: Option<String>,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps incident show` can be told.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Id of the incident, as listed by: mcps incident list.
    #[arg(value_name = "INCIDENT_ID", value_parser = incident_id)]
    id: String,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What `mcps incident approve` and `dismiss` can be told.
#[derive(Args, Debug)]
pub(crate) struct Decide {
    /// Why, for whoever looks at it later.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    one: One,
}

/// What `mcps incident undo` can be told.
#[derive(Args, Debug)]
pub(crate) struct Undo {
    /// Only say what would be taken back.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    one: One,
}

/// An id goes into a path, so it is held to its form here.
fn incident_id(text: &str) -> Result<String, String> {
    let form = "an id of an incident is inc_ and 32 lower-case hex digits, as listed by: mcps incident list";
    super::hook::id("inc_", text).ok_or_else(|| form.to_owned())
}

fn target(incident: Value<'_>) -> String {
    let target = incident
        .get("target")
        .and_then(|target| Target::read(target).ok());
    target.as_ref().map(words).unwrap_or_default()
}

impl Incident {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(machine).await,
            Self::Show(one) => one.show(machine).await,
            Self::Approve(decide) => decide.run(machine, true).await,
            Self::Dismiss(decide) => decide.run(machine, false).await,
            Self::Undo(undo) => undo.run(machine).await,
        }
    }
}

impl List {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let asked = [
            ("outcome", &self.outcome),
            ("source", &self.source),
            ("tenant", &self.tenant),
        ];
        let asked = asked.iter().filter_map(|(name, value)| {
            let value = value.as_ref()?;
            Some(format!("&{name}={value}"))
        });
        let filter: String = asked.collect();
        let operator = authority.operator(&key);
        let listed = operator.incidents(&self.page.query(), &filter).await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let rows: Vec<_> = output::items(listed.root(), "incidents").map(row).collect();
        if rows.is_empty() {
            return output::print("Nothing was reported; sources are set up with: mcps hook add");
        }
        output::print(&output::table(&HEAD, rows))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}

/// The columns of [`row`].
pub(super) const HEAD: [&str; 7] = [
    "at",
    "outcome",
    "action",
    "target",
    "source",
    "position",
    "incident id",
];

/// One incident in a line.
pub(super) fn row(incident: Value<'_>) -> Vec<String> {
    vec![
        member(incident, "at"),
        member(incident, "outcome"),
        member(incident, "action"),
        target(incident),
        member(incident, "source"),
        member(incident, "position"),
        member(incident, "incident_id"),
    ]
}

/// What to do with an incident, by what was made of it.
fn next(incident: Value<'_>) -> String {
    let id = member(incident, "incident_id");
    let (outcome, action) = (member(incident, "outcome"), member(incident, "action"));
    match (outcome.as_str(), action.as_str()) {
        ("proposed", _) => format!("mcps incident approve {id}, or: mcps incident dismiss {id}"),
        ("done", "suspend") => {
            format!("mcps incident undo {id}, or revoke for good: mcps order revoke")
        }
        ("unread", _) => format!(
            "mcps hook show {}, and give it a mapping",
            member(incident, "source")
        ),
        ("pending", _) => "it is finished when its source delivers it again".to_owned(),
        _ => String::new(),
    }
}

fn print(incident: Value<'_>) -> Result<(), CliError> {
    let all = |name| output::text_at(incident, &[name]);
    let seconds = incident.get("suspend_s").and_then(Value::as_i64);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    output::print(&output::members(&[
        ("incident", all("incident_id")),
        ("source", all("source")),
        ("event", all("event_id")),
        ("at", all("at")),
        ("asked for", all("asked")),
        ("action", all("action")),
        ("target", target(incident)),
        ("reaches", format!("{} subjects", all("reach"))),
        (
            "suspends for",
            seconds.map(output::length).unwrap_or_default(),
        ),
        ("outcome", all("outcome")),
        ("because", all("why")),
        ("note", all("note")),
        ("feed position", all("position")),
        ("action id", all("action_id")),
        ("decided by", all("decided_by")),
        ("decided at", all("decided_at")),
        ("over since", all("ended_at")),
        ("next", next(incident)),
    ]))
}

impl One {
    async fn show(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let shown = authority.operator(&key).incident(&self.id).await?;
        match self.output.is_json() {
            true => output::print(shown.text()),
            false => print(shown.root()),
        }
    }
}

impl Decide {
    async fn run(self, machine: &Machine, approve: bool) -> Result<(), CliError> {
        let one = &self.one;
        let (authority, key) = one.asking.whom(machine)?;
        let operator = authority.operator(&key);
        let decided = operator
            .decide(&one.id, approve, self.note.as_deref())
            .await?;
        match one.output.is_json() {
            true => output::print(decided.text()),
            false => print(decided.root()),
        }
    }
}

impl Undo {
    async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let one = &self.one;
        let (authority, key) = one.asking.whom(machine)?;
        let operator = authority.operator(&key);
        let done = operator.undo_incident(&one.id, self.dry_run).await?;
        if one.output.is_json() {
            return output::print(done.text());
        }
        let root = done.root();
        output::print(&output::members(&rows(root, &target(root))))
    }
}
