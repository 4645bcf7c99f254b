//! All that is held back of a server, looked at and promoted as one: a server that is new has too many
//! tools for one by one.

use std::io::Write;

use mcps_client::terminal::printable;
use mcps_core::clock::Clock;
use mcps_core::digest::{Digest, Hasher};
use serde_json::{Value, json};

use super::shown::{self, Row};
use super::{QuarantineError, Said};
use crate::quarantine::{OrderError, Reason, State, Store, Verb};

/// What is held back of a server and can be promoted, and a hash of all of it.
fn held(store: &Store, server: &str) -> Result<(Vec<Row>, Digest), QuarantineError> {
    let mut rows = shown::rows(store, false)?;
    // What somebody has decided about is decided about by itself.
    rows.retain(|row| row.server == server && row.state == State::Held.as_str());
    if rows.is_empty() {
        return Err(OrderError::NothingHeld.into());
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
    let (rows, now) = held(store, server)?;
    if now != *hash {
        return Err(OrderError::OtherSet.into());
    }
    for row in &rows {
        let hash = Digest::from_hex(&row.hash).ok_or(OrderError::ChangedAgain)?;
        // Whatever changes meanwhile is another definition, and is not promoted.
        let order = said.order(Verb::Promote(hash), (server, &row.tool));
        order.carry_out(store, clock.now())?;
    }
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
