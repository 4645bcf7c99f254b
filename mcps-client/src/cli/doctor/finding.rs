//! What was found.

use mcps_client::exit::Exit;
use serde_json::{Value, json};

use super::super::CliError;
use super::super::output::{self, OutputOptions};

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// As it should be.
    Good,
    /// It works, and should be looked at.
    Warning,
    /// It does not work. Of this kind.
    Bad(Exit),
}

impl Grade {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad(_) => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
struct Finding {
    id: &'static str,
    grade: Grade,
    words: String,
    /// What to do; nothing for what is good.
    next: String,
}

/// All of them, in the order in which they were looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    fn push(&mut self, id: &'static str, grade: Grade, words: String, next: String) {
        let finding = Finding {
            id,
            grade,
            words,
            next,
        };
        self.0.push(finding);
    }

    pub(super) fn good(&mut self, id: &'static str, words: impl Into<String>) {
        self.push(id, Grade::Good, words.into(), String::new());
    }

    pub(super) fn warn(
        &mut self,
        id: &'static str,
        words: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.push(id, Grade::Warning, words.into(), next.into());
    }

    pub(super) fn bad(
        &mut self,
        id: &'static str,
        exit: Exit,
        words: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.push(id, Grade::Bad(exit), words.into(), next.into());
    }

    /// Prints everything.
    ///
    /// # Errors
    /// [`CliError::Unwell`] when something is bad, after all was printed.
    pub(super) fn conclude(self, options: OutputOptions) -> Result<(), CliError> {
        let bad = self.0.iter().filter_map(|finding| match finding.grade {
            Grade::Bad(exit) => Some(exit),
            Grade::Good | Grade::Warning => None,
        });
        let (first, count) = (bad.clone().next(), bad.count());
        output::print(&match options.is_json() {
            true => output::pretty(&self.json(count)),
            false => self.text(),
        })?;
        match first {
            Some(exit) => Err(CliError::Unwell { count, exit }),
            None => Ok(()),
        }
    }

    fn text(&self) -> String {
        let mut rows = Vec::new();
        for finding in &self.0 {
            let grade = finding.grade.as_str().to_owned();
            rows.push(vec![grade, finding.id.to_owned(), finding.words.clone()]);
            if !finding.next.is_empty() {
                let next = format!("next: {}", finding.next);
                rows.push(vec![String::new(), String::new(), next]);
            }
        }
        output::table(&["GRADE", "ID", "FOUND"], rows)
    }

    fn json(&self, bad: usize) -> Value {
        let entry = |finding: &Finding| {
            let next = Some(&finding.next).filter(|next| !next.is_empty());
            json!({
                "id": finding.id, "grade": finding.grade.as_str(),
                "found": finding.words, "next": next,
            })
        };
        let all: Vec<Value> = self.0.iter().map(entry).collect();
        json!({ "well": bad == 0, "findings": all })
    }
}
