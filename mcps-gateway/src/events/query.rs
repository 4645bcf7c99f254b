//! `events query`: finds calls.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use mcps_client::exit::Exit;

use super::filter::Filter;
use super::follow::{Found, all};
use super::row::Row;
use super::{Failure, Source};
use crate::policy::cli::Output;
use crate::segment::Segment;

/// Calls in the order of their decisions, of which the last are kept.
struct Rows<'a> {
    filter: &'a Filter,
    /// Those of which it is not known yet what came of them.
    open: HashMap<String, Row>,
    done: BTreeMap<u64, Row>,
}

impl Rows<'_> {
    fn settle(&mut self, row: Row) {
        if !self.filter.takes_row(&row) {
            return;
        }
        self.done.insert(row.decision.seq, row);
        if self.done.len() > self.filter.limit {
            self.done.pop_first();
        }
    }
}

pub(super) fn run(
    source: &Source<'_>,
    filter: &Filter,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Exit, Failure> {
    let now = source.clock.now();
    let mut rows = Rows {
        filter,
        open: HashMap::new(),
        done: BTreeMap::new(),
    };
    let mut exit = Exit::Done;
    let since = filter.since.map(|since| since.resolve(now));
    all(&source.folder, first(source, since)?, |found| {
        match found {
            Found::Record(record) => match record.event() {
                "decision" if filter.takes(&record, now) => {
                    let row = Row {
                        decision: record,
                        outcome: None,
                    };
                    match row.decision.text("decision") {
                        "deny" => rows.settle(row),
                        _ => drop(
                            rows.open
                                .insert(row.decision.text("decision_id").to_owned(), row),
                        ),
                    }
                }
                "outcome" => {
                    if let Some(mut row) = rows.open.remove(record.text("decision_id")) {
                        row.outcome = Some(record);
                        rows.settle(row);
                    }
                }
                _ => {}
            },
            Found::Damaged(path, at, len) => {
                exit = Exit::Refused;
                writeln!(
                    errors,
                    "{}: {len} bytes at {at} are no record any more, so something may be missing here; see `mcps events verify`",
                    path.display()
                )?;
            }
            // It is being written.
            Found::Torn(..) => {}
        }
        Ok(())
    })?;
    for (_, row) in std::mem::take(&mut rows.open) {
        rows.settle(row);
    }
    if let Some(id) = filter.decision.as_ref().filter(|_| rows.done.is_empty()) {
        return Err(Failure::NoDecision(id.clone()));
    }
    let rows: Vec<Row> = rows.done.into_values().collect();
    match source.output {
        Output::Json => {
            for row in rows {
                writeln!(out, "{}", row.json())?;
            }
        }
        Output::Table if filter.decision.is_some() => {
            for row in rows {
                write!(out, "{}", row.lines())?;
            }
        }
        Output::Table => table(&rows, out)?,
    }
    Ok(exit)
}

/// The first record that need be read for what was decided since then.
fn first(source: &Source<'_>, since: Option<mcps_core::clock::Timestamp>) -> Result<u64, Failure> {
    let Some(since) = since else {
        return Ok(0);
    };
    let segments = Segment::of(&source.folder)?;
    let begun = segments.iter().rev().find(|segment| {
        let begun = segment.begun();
        begun.is_some_and(|begun| begun <= since)
    });
    Ok(begun.map_or(0, |segment| segment.first))
}

fn table(rows: &[Row], out: &mut dyn Write) -> Result<(), Failure> {
    if rows.is_empty() {
        writeln!(out, "no such calls are on record here")?;
        return Ok(());
    }
    let lines: Vec<[String; 8]> = std::iter::once(Row::HEAD.map(str::to_owned))
        .chain(rows.iter().map(Row::columns))
        .collect();
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in &lines {
        let cells = line.iter().zip(widths);
        let text: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
