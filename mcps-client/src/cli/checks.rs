//! What was checked and what came of it: printed as a list, summed up in one verdict.

use mcps_client::exit::Exit;
use mcps_core::refusal::Refusal;
use serde_json::{Value, json};

use super::CliError;
use super::output::{self, OutputOptions};

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Holds,
    Fails(Refusal),
    /// It could not be checked with what was given, which the detail says.
    Open,
}

#[derive(Clone, Debug)]
struct Check {
    name: &'static str,
    outcome: Outcome,
    detail: String,
}

/// What is checked.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// `passport` or `message`.
    pub(crate) noun: &'static str,
    /// What it says, for people.
    pub(crate) rows: Vec<(&'static str, String)>,
    /// The same, for scripts.
    pub(crate) json: Value,
}

/// Checks in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    fn push(&mut self, name: &'static str, outcome: Outcome, detail: String) {
        self.0.push(Check {
            name,
            outcome,
            detail,
        });
    }

    pub(crate) fn holds(&mut self, name: &'static str, detail: impl Into<String>) {
        self.push(name, Outcome::Holds, detail.into());
    }

    pub(crate) fn open(&mut self, name: &'static str, detail: impl Into<String>) {
        self.push(name, Outcome::Open, detail.into());
    }

    pub(crate) fn fails(&mut self, name: &'static str, refusal: Refusal) {
        let detail = refusal.to_string();
        self.push(name, Outcome::Fails(refusal), detail);
    }

    /// The same, with more to say than the refusal itself.
    pub(crate) fn fails_as(
        &mut self,
        name: &'static str,
        refusal: Refusal,
        detail: impl Into<String>,
    ) {
        self.push(name, Outcome::Fails(refusal), detail.into());
    }

    /// What decides: the first definite failure, else the first that fresher knowledge could mend.
    fn refusal(&self) -> Option<&Refusal> {
        let failed = || {
            self.0.iter().filter_map(|check| match &check.outcome {
                Outcome::Fails(refusal) => Some(refusal),
                Outcome::Holds | Outcome::Open => None,
            })
        };
        failed()
            .find(|refusal| Exit::of_refusal(refusal) != Exit::Stale)
            .or_else(|| failed().next())
    }

    /// Prints what `about` says, the checks and the verdict.
    ///
    /// # Errors
    /// [`CliError::Refused`] when one failed, after everything was printed.
    pub(crate) fn conclude(self, about: &About, options: OutputOptions) -> Result<(), CliError> {
        let refusal = self.refusal();
        output::print(&if options.is_json() {
            output::pretty(&self.json(about, refusal))
        } else {
            self.text(about, refusal)
        })?;
        match refusal {
            None => Ok(()),
            Some(refusal) => Err(CliError::Refused {
                what: about.noun,
                refusal: refusal.clone(),
            }),
        }
    }

    fn text(&self, about: &About, refusal: Option<&Refusal>) -> String {
        let row = |check: &Check| {
            let mark = match &check.outcome {
                Outcome::Holds => "ok".to_owned(),
                Outcome::Fails(refusal) => refusal.code().id().to_owned(),
                Outcome::Open => "-".to_owned(),
            };
            vec![check.name.to_owned(), mark, check.detail.clone()]
        };
        let mut text = output::members(&about.rows);
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&output::table(
            &["CHECK", "RESULT", "DETAIL"],
            self.0.iter().map(row).collect(),
        ));
        let open = self
            .0
            .iter()
            .filter(|check| check.outcome == Outcome::Open)
            .count();
        text.push_str(&match (refusal, open) {
            (Some(refusal), _) => format!("\nREFUSED: {}\n", refusal.code()),
            (None, 0) => format!("\nGood: every check of the {} holds.\n", about.noun),
            (None, _) => format!(
                "\nGood as far as it was checked; {open} of the checks above (`-`) were not made.\n"
            ),
        });
        text
    }

    fn json(&self, about: &About, refusal: Option<&Refusal>) -> Value {
        let entry = |check: &Check| {
            let (outcome, code) = match &check.outcome {
                Outcome::Holds => ("holds", None),
                Outcome::Fails(refusal) => ("refused", Some(refusal.code().id())),
                Outcome::Open => ("not_checked", None),
            };
            json!({ "check": check.name, "outcome": outcome, "code": code, "detail": check.detail })
        };
        json!({
            "verdict": if refusal.is_some() { "refused" } else { "good" },
            "code": refusal.map(|refusal| refusal.code().id()),
            about.noun: about.json,
            "checks": self.0.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests;
