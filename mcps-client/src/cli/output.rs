//! Printing: for people in columns, for scripts as JSON.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use mcps_client::terminal::{printable, printable_json};
use mcps_core::clock::Timestamp;
use mcps_core::json::Value;

use super::CliError;

/// For whom to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For scripts.
    Json,
}

/// `-o`, where a script wants it.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct OutputOptions {
    /// How the result is printed.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

impl OutputOptions {
    /// Whether a script reads it.
    pub(crate) fn is_json(self) -> bool {
        self.output == Format::Json
    }

    /// Prints what was found: `rows` for people, `json` for scripts.
    ///
    /// # Errors
    /// As [`print()`].
    pub(crate) fn members(
        self,
        rows: &[(&str, String)],
        json: &serde_json::Value,
    ) -> Result<(), CliError> {
        print(&if self.is_json() {
            pretty(json)
        } else {
            members(rows)
        })
    }
}

/// Prints a text and a line end. A reader who has seen enough (`| head`) is no failure.
///
/// # Errors
/// [`CliError::Output`].
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

/// Prints JSON of others, so that nothing in it speaks to a terminal.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_json(json: &str) -> Result<(), CliError> {
    print(&printable_json(json))
}

/// The string at the end of a path of members, a number as it is written, or nothing.
pub(crate) fn text_at(root: Value<'_>, path: &[&str]) -> String {
    let found = path.iter().try_fold(root, |value, name| value.get(name));
    match found {
        Some(value) => match value.as_str() {
            Some(text) => text.into_owned(),
            None if value.is_null() => String::new(),
            None => value.raw().to_owned(),
        },
        None => String::new(),
    }
}

/// The items of a member, none if it is missing.
pub(crate) fn items<'d>(root: Value<'d>, name: &str) -> impl Iterator<Item = Value<'d>> {
    let list = root.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// A word beside the result, on standard error.
pub(crate) fn note(text: &str) {
    // Whoever closed our standard error does not want to know.
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// JSON over several lines.
pub(crate) fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}")
}

/// Names and values in two columns; empty values are left out.
pub(crate) fn members(rows: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()])
        .collect();
    columns(&rows)
}

/// Rows of what was done; of a dry run they begin with what would be done, and end with what to type then.
pub(crate) fn foreseen(
    dry_run: bool,
    would: &str,
    mut rows: Vec<(&'static str, String)>,
) -> String {
    if dry_run {
        rows.insert(0, ("would", would.to_owned()));
        rows.push(("next", "the same without --dry-run".to_owned()));
    }
    members(&rows)
}

/// Rows under a head line.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = head.iter().map(|&name| name.to_owned()).collect();
    columns(&[vec![head], rows].concat())
}

fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// An instant and how far off it is: `2026-11-21T03:34:34.129Z (in 59 min)`.
pub(crate) fn instant(at: Timestamp, now: Timestamp) -> String {
    let off = at.since(now);
    let size = length(off.unsigned_abs().saturating_add(500) / 1000);
    if off < 0 {
        format!("{at} ({size} ago)")
    } else {
        format!("{at} (in {size})")
    }
}

/// Seconds in the largest unit that fits twice, or at least once.
pub(crate) fn length(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
