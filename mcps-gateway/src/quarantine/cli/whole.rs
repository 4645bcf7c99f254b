//! All that is held back of a server, looked at and promoted as one: a server that is new has too many
//! tools for one by one.

use std::io::Write;

use mcps_client::terminal::printable;
use mcps_core::clock::Clock;
use mcps_core::digest::{Digest, Hasher};
use mcps_core::pin::PinStore;
use serde_json::{Value, json};

use super::shown::{self, Row};
use super::{QuarantineError, Said};
use crate::quarantine::{Book, OrderError, Reason, State, Store, Verb};

/// What is held back of a server and can be promoted, and a hash of all of it.
fn held(store: &Store, server: &str) -> Result<(Vec<Row>, Digest), QuarantineError> {
    let (pins, book) = store.read()?;
    Ok(held_of(&pins, &book, server)?)
}

fn held_of(pins: &PinStore, book: &Book, server: &str) -> Result<(Vec<Row>, Digest), OrderError> {
    let mut rows = shown::rows_of(pins, book);
    // What somebody has decided about is decided about by itself.
    rows.retain(|row| row.server == server && row.state == State::Held.as_str());
    if rows.is_empty() {
        return Err(OrderError::NothingHeld);
    }
    let mut hasher = Hasher::new();
    for row in &rows {
        for text in [&row.tool, &row.hash] {
            let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
            hasher.put(&len.to_be_bytes());
            hasher.put(text.as_bytes());
        }
    }
    Ok((rows, hasher.finish()))
}

pub(super) fn show(
    store: &Store,
    server: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let (rows, hash) = held(store, server)?;
    if json {
        let tools: Vec<Value> = rows.iter().map(Row::json).collect();
        let whole = json!({"server": server, "hash": hash.to_string(), "tools": tools});
        return Ok(writeln!(out, "{whole:#}")?);
    }
    for row in &rows {
        shown::show(store, (server, &row.tool), false, out)?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "{}",
        printable(&format!("{} tools of {server} are held back", rows.len()))
    )?;
    let like = Reason::LookAlike.as_str();
    let changed = Reason::Changed.as_str();
    let other = rows
        .iter()
        .filter(|row| row.reason == like || row.reason == changed);
    let other = other.count();
    if other > 0 {
        writeln!(
            out,
            "{other} of them because they changed or look like another server's tool: look twice"
        )?;
    }
    writeln!(
        out,
        "If all of that is as it should be: mcps quarantine promote {} --hash {hash}",
        printable(server)
    )?;
    Ok(())
}

pub(super) fn promote(
    store: &Store,
    server: &str,
    hash: &Digest,
    said: &Said,
    clock: &dyn Clock,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let now = clock.now();
    // One step: where a single tool cannot be promoted, none is.
    let all = |pins: &mut PinStore, book: &mut Book| {
        let (rows, shown) = held_of(pins, book, server)?;
        if shown != *hash {
            return Err(OrderError::OtherSet);
        }
        let mut lines = Vec::new();
        for row in &rows {
            let hash = Digest::from_hex(&row.hash).ok_or(OrderError::ChangedAgain)?;
            let order = said.order(Verb::Promote(hash), (server, &row.tool));
            let done = order.apply(pins, book, now)?;
            lines.push(order.line(&done, now));
        }
        if !said.dry_run {
            store.note(&lines)?;
        }
        Ok(rows)
    };
    let rows = match said.dry_run {
        true => {
            let (pins, book) = store.read()?;
            let (mut pins, mut book) = (PinStore::clone(&pins), Book::clone(&book));
            all(&mut pins, &mut book)?
        }
        false => store.change(all)?,
    };
    let count = rows.len();
    if json {
        let tools: Vec<&str> = rows.iter().map(|row| row.tool.as_str()).collect();
        let told = json!({
            "action": "promote", "server": server, "tools": tools, "hash": hash.to_string(),
            "dry_run": said.dry_run,
        });
        return Ok(writeln!(out, "{told:#}")?);
    }
    let what = match said.dry_run {
        true => "would be promoted",
        false => "promoted; the gateway lets them be called from now on",
    };
    writeln!(
        out,
        "{}",
        printable(&format!("{count} tools of {server}: {what}"))
    )?;
    Ok(())
}
