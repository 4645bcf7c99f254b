//! What is in quarantine, for an operator to look at.

use std::io::{self, Write};

use mcps_client::terminal::printable;
use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::pin::PinStore;
use mcps_core::tool::diff;
use serde_json::{Value, json};

use super::QuarantineError;
use crate::quarantine::{Book, OrderError, Reason, State, Store, of_owner, owner};

/// Changes of one definition that are told one by one.
const MAX_CHANGES: usize = 200;

/// One tool as it is listed.
pub(super) struct Row {
    pub(super) server: String,
    pub(super) tool: String,
    pub(super) state: &'static str,
    pub(super) reason: &'static str,
    since: Timestamp,
    pub(super) hash: String,
    like: Option<String>,
    by: Option<String>,
    why: Option<String>,
}

impl Row {
    pub(super) fn json(&self) -> Value {
        json!({
            "server": self.server, "tool": self.tool, "state": self.state, "reason": self.reason,
            "since": self.since.to_string(), "hash": self.hash, "like": self.like, "by": self.by,
            "why": self.why,
        })
    }
}

pub(super) fn rows(store: &Store, all: bool) -> Result<Vec<Row>, QuarantineError> {
    let (pins, book) = store.read()?;
    Ok(rows_of(&pins, &book, all))
}

pub(super) fn rows_of(pins: &PinStore, book: &Book, all: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = book
        .entries
        .values()
        .map(|entry| Row {
            server: entry.server.clone(),
            tool: entry.tool.clone(),
            state: entry.state.as_str(),
            reason: entry.reason.as_str(),
            since: Timestamp::from_millis(entry.since_ms),
            hash: entry.hash.clone(),
            like: entry.like.clone(),
            by: entry.by.clone(),
            why: entry.why.clone(),
        })
        .collect();
    for (owner, tool, pin) in pins.iter() {
        let Some(server) = of_owner(owner) else {
            continue;
        };
        let entry = book.entry(server, tool);
        let (state, reason, since, hash) = match pin.change {
            Some(change) => {
                let hash = change.hash.to_string();
                let decided = entry.is_some_and(|entry| {
                    entry.state == State::Blocked
                        || (entry.state == State::Rejected && entry.hash == hash)
                });
                if decided {
                    continue;
                }
                (
                    State::Held.as_str(),
                    Reason::Changed.as_str(),
                    change.since,
                    hash,
                )
            }
            None if all && entry.is_none() => ("approved", "", pin.pinned_at, pin.hash.to_string()),
            None => continue,
        };
        rows.push(Row {
            server: server.to_owned(),
            tool: tool.to_owned(),
            state,
            reason,
            since,
            hash,
            like: None,
            by: None,
            why: None,
        });
    }
    rows.sort_by(|one, other| (&one.server, &one.tool).cmp(&(&other.server, &other.tool)));
    rows
}

pub(super) fn list(
    store: &Store,
    all: bool,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let rows = rows(store, all)?;
    if json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        return Ok(writeln!(out, "{:#}", Value::Array(rows))?);
    }
    if rows.is_empty() {
        return Ok(writeln!(out, "Nothing is in quarantine.")?);
    }
    let head = ["SERVER", "TOOL", "STATE", "REASON", "LIKE", "SINCE", "HASH"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| {
        let like = row.like.unwrap_or_default();
        let (state, reason) = (row.state.to_owned(), row.reason.to_owned());
        [
            row.server,
            row.tool,
            state,
            reason,
            like,
            row.since.to_string(),
            row.hash,
        ]
    }));
    table(&lines, out)?;
    writeln!(out, "\nLook at one: mcps quarantine show SERVER TOOL")?;
    Ok(())
}

fn table(lines: &[[String; 7]], out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| line.iter().map(|cell| printable(cell)).collect())
        .collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in &lines {
        let cells = line.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let cells: Vec<String> = cells.collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

pub(super) fn show(
    store: &Store,
    (server, tool): (&str, &str),
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let rows = rows(store, true)?;
    let mut found = rows
        .iter()
        .filter(|row| row.server == server && row.tool == tool);
    let row = found.next().ok_or(OrderError::Unknown)?;
    let (pins, _) = store.read()?;
    let approved = pins
        .pin(&owner(server), tool)
        .map(|pin| pin.hash.to_string());
    let read = |hash: &str| Document::parse(store.definition(hash)?.into_bytes()).ok();
    let shown = read(&row.hash);
    let before = approved
        .as_deref()
        .filter(|hash| *hash != row.hash)
        .and_then(read);
    let changes = before.as_ref().zip(shown.as_ref());
    let changes =
        changes.map(|(before, shown)| diff::diff(before.root(), shown.root(), MAX_CHANGES));
    if json {
        let told = changes.and_then(Result::ok).map(|changes| {
            let told = changes.into_iter();
            let told = told
                .map(|it| json!({"pointer": it.pointer, "before": it.before, "after": it.after}));
            told.collect::<Vec<Value>>()
        });
        let raw = shown.map(|shown| shown.root().raw().to_owned());
        let mut whole = row.json();
        if let Some(whole) = whole.as_object_mut() {
            whole.insert("approved_hash".to_owned(), approved.into());
            whole.insert("changes".to_owned(), told.into());
            whole.insert("definition".to_owned(), raw.into());
        }
        return Ok(writeln!(out, "{whole:#}")?);
    }
    let by = row
        .by
        .as_deref()
        .map(|by| format!(" by {by}"))
        .unwrap_or_default();
    writeln!(
        out,
        "{}",
        printable(&format!(
            "{tool} of {server}: {}{by} since {}",
            row.state, row.since
        ))
    )?;
    if !row.reason.is_empty() {
        writeln!(out, "reason    {}", row.reason)?;
    }
    if let Some(why) = &row.why {
        writeln!(out, "why       {}", printable(why))?;
    }
    if let Some(like) = &row.like {
        writeln!(out, "looks like {}", printable(like))?;
    }
    writeln!(out, "hash      {}", row.hash)?;
    if let Some(approved) = &approved {
        writeln!(out, "approved  {approved}")?;
    }
    writeln!(out)?;
    match (changes, shown) {
        (Some(Ok(changes)), _) => {
            for change in changes {
                writeln!(out, "{}", printable(&change.pointer))?;
                for (sign, text) in [("-", change.before), ("+", change.after)] {
                    if let Some(text) = text {
                        writeln!(out, "  {sign} {}", printable(&text))?;
                    }
                }
            }
        }
        (_, Some(shown)) => {
            let pretty = serde_json::from_str::<Value>(shown.root().raw());
            let pretty =
                pretty.map_or_else(|_| shown.root().raw().to_owned(), |it| format!("{it:#}"));
            for line in pretty.lines() {
                writeln!(out, "{}", printable(line))?;
            }
        }
        (_, None) => writeln!(
            out,
            "The definition was not kept; it is once the server lists it again."
        )?,
    }
    if row.state == "held" || row.state == "rejected" {
        writeln!(
            out,
            "\nIf that is as it should be: mcps quarantine promote {server} {} --hash {}",
            printable(tool),
            row.hash
        )?;
    }
    Ok(())
}
