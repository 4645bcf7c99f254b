//! `mcps trust explain`.

use clap::Args;
use mcps_core::json::Value;

use super::super::output::{self, OutputOptions, items, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine};
use super::Whom;

/// What `mcps trust explain` can be told.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

impl Explain {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let subject = self.whom.subject(machine)?;
        let answer = authority.explain_trust(&operator, &subject).await?;
        if self.output.is_json() {
            return print_json(answer.text());
        }
        let root = answer.root();
        let member = |name| text_at(root, &[name]);
        let level = |name| match member(name) {
            number if number.is_empty() => number,
            number => format!("L{number}"),
        };
        let mut text = output::members(&[
            ("name", member("name")),
            ("kind", member("kind")),
            ("tenant", member("tenant")),
            ("level", level("level")),
            ("a passport may say", level("permitted")),
            ("the feed says", level("told")),
            ("by exception", member("by_exception")),
            ("origin", member("origin")),
            ("manifest", member("manifest")),
        ]);
        text.push('\n');
        let head = ["RUNG", "REQUIREMENT", "HOLDS", "UNTIL", "BY, OR WHAT TO DO"];
        let rows = items(root, "rungs").flat_map(rung);
        text.push_str(&output::table(&head, rows.collect()));
        let next = member("next");
        if !next.is_empty() {
            let line = output::members(&[("next", next)]);
            text.push_str(&format!("\n{line}"));
        }
        output::print(&text)
    }
}

/// One row for each thing that a rung asks for.
fn rung(rung: Value<'_>) -> Vec<Vec<String>> {
    let title = format!(
        "L{} {}",
        text_at(rung, &["level"]),
        text_at(rung, &["name"])
    );
    let row = |asked: Value<'_>| {
        let holds = asked.get("holds").and_then(Value::as_bool) == Some(true);
        let evidence = text_at(asked, &["evidence"]);
        let why = if evidence.is_empty() {
            text_at(asked, &["next"])
        } else {
            evidence
        };
        vec![
            title.clone(),
            text_at(asked, &["name"]),
            match (holds, asked.get("waived").and_then(Value::as_bool)) {
                (true, Some(true)) => "waived",
                (true, _) => "yes",
                (false, _) => "no",
            }
            .to_owned(),
            text_at(asked, &["lapses_at"]),
            why,
        ]
    };
    items(rung, "requirements").map(row).collect()
}
