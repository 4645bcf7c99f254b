//! `mcps order list` and `undo`.

use clap::{Args, ValueEnum};
use mcps_core::feed::Target;
use mcps_core::json::Value;

use super::super::output::{self, OutputOptions};
use super::super::page::PageOptions;
use super::super::token::{Asking, member};
use super::super::{CliError, Machine};
use super::given::rows;
use super::target::words;

/// What `mcps order list` can be told.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only those of which this came.
    #[arg(long, value_name = "WHAT")]
    outcome: Option<Outcome>,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Outcome {
    /// Carried out.
    Done,
    /// It was so already.
    Unchanged,
    /// Recorded only.
    Observed,
    /// Nobody of that name or id is known.
    NoMatch,
    /// Of before there was an inbox: its source had done as much as it might in an hour.
    Held,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Observed => "observed",
            Self::NoMatch => "no_match",
            Self::Held => "held",
        }
    }
}

/// What `mcps order undo` can be told.
#[derive(Args, Debug)]
pub(crate) struct Undo {
    /// Id of the action, as listed by: mcps order list.
    #[arg(value_name = "ACTION_ID", value_parser = action_id)]
    id: String,
    /// Only say what would be taken back.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// An id goes into a path, so it is held to its form here.
fn action_id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("act_").unwrap_or_default();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() == 32 && digits.bytes().all(hex) {
        return Ok(text.to_owned());
    }
    Err(
        "an id of an action is act_ and 32 lower-case hex digits, as listed by: mcps order list"
            .to_owned(),
    )
}

fn target(action: Value<'_>) -> String {
    let target = action
        .get("target")
        .and_then(|target| Target::read(target).ok());
    target.as_ref().map(words).unwrap_or_default()
}

impl List {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let outcome = self.outcome.map(Outcome::as_str);
        let listed = authority
            .operator(&key)
            .actions(outcome, &self.page.query())
            .await?;
        if self.output.is_json() {
            return output::print(listed.text());
        }
        let actions = listed.root().get("actions").and_then(Value::as_array);
        let row = |action: Value<'_>| {
            vec![
                member(action, "at"),
                member(action, "action"),
                target(action),
                member(action, "outcome"),
                member(action, "position"),
                member(action, "given_by"),
                member(action, "action_id"),
            ]
        };
        let rows: Vec<_> = actions.into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            return output::print("Nothing was ordered; see: mcps order --help");
        }
        let head = [
            "at",
            "order",
            "target",
            "outcome",
            "position",
            "by",
            "action id",
        ];
        output::print(&output::table(&head, rows))?;
        PageOptions::note_next(listed.root());
        Ok(())
    }
}

impl Undo {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, key) = self.asking.whom(machine)?;
        let operator = authority.operator(&key);
        let done = operator.undo(&self.id, self.dry_run).await?;
        if self.output.is_json() {
            return output::print(done.text());
        }
        let root = done.root();
        output::print(&output::members(&rows(root, &target(root))))
    }
}
