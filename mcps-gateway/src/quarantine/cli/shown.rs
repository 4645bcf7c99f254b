//! What is in quarantine, for an operator to look at.

use std::io::{self, Write};
use std::sync::Arc;

use mcps_client::terminal::printable;
use mcps_core::clock::{SystemClock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::pin::PinStore;
use mcps_core::tool::diff;
use mcps_core::verdict::{Given, Ruling};
use serde_json::{Value, json};

use super::QuarantineError;
use crate::quarantine::{Book, Evidence, OrderError, Reason, State, Store, of_owner, owner};
use crate::tenants::Said;

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
    /// What tenants' operators have said of it at the authority, as last kept.
    said: Vec<(String, Given)>,
}

impl Row {
    pub(super) fn json(&self) -> Value {
        json!({
            "server": self.server, "tool": self.tool, "state": self.state, "reason": self.reason,
            "since": self.since.to_string(), "hash": self.hash, "like": self.like, "by": self.by,
            "why": self.why, "authority": self.said.iter().map(|(tenant, given)| json!({
                "tenant": tenant, "verdict": given.ruling.as_str(), "order": given.version,
                "at": given.at.to_string(),
            })).collect::<Vec<Value>>(),
        })
    }

    /// Whether somebody's callers may not call it by what was said at the authority.
    fn is_refused(&self) -> bool {
        let mut said = self.said.iter();
        said.any(|(_, given)| given.ruling != Ruling::Promoted)
    }

    /// What was said at the authority, for people.
    fn said(&self) -> String {
        let said = self.said.iter().map(|(tenant, given)| {
            let (ruling, order) = (given.ruling.as_str(), given.version);
            format!("{tenant}: {ruling} (order {order})")
        });
        said.collect::<Vec<String>>().join(", ")
    }
}

pub(super) fn rows(store: &Store, all: bool) -> Result<Vec<Row>, QuarantineError> {
    let mut rows = own(store)?;
    let elsewhere = Elsewhere::read(store)?;
    for row in &mut rows {
        row.said = elsewhere.said(row);
        elsewhere.promote(row);
    }
    // Of what is approved here somebody may have said the contrary.
    rows.retain(|row| all || row.state != APPROVED || row.is_refused());
    Ok(rows)
}

/// How what nobody holds back stands.
const APPROVED: &str = "approved";

/// What others than this gateway's operators have said.
struct Elsewhere {
    tenants: Vec<(String, Said)>,
    evidence: Evidence,
}

impl Elsewhere {
    fn read(store: &Store) -> Result<Self, QuarantineError> {
        let home = store.home();
        let mut tenants = Vec::new();
        for tenant in Said::tenants(home)? {
            let said = Said::kept(home, &tenant);
            tenants.extend(said.map(|said| (tenant, said)));
        }
        let evidence = Evidence::load(home, None, Arc::new(SystemClock));
        Ok(Self { tenants, evidence })
    }

    fn said(&self, row: &Row) -> Vec<(String, Given)> {
        let hash = Digest::from_hex(&row.hash);
        let said = self.tenants.iter().filter_map(|(tenant, said)| {
            let given = said.verdicts.find(&row.server, &row.tool, hash.as_ref());
            Some((tenant.clone(), given?))
        });
        said.collect()
    }

    /// What is held and was promoted by evidence.
    fn promote(&self, row: &mut Row) {
        let grants = self.evidence.grants();
        let grant = grants.get(&(row.server.clone(), row.tool.clone()));
        let grant = grant.filter(|grant| grant.hash.to_string() == row.hash);
        if let Some(grant) = grant.filter(|_| row.state == State::Held.as_str()) {
            row.state = "promoted";
            row.by = Some(grant.by());
            row.since = grant.since;
        }
    }
}

/// What this gateway has of all tools.
fn own(store: &Store) -> Result<Vec<Row>, QuarantineError> {
    let (pins, book) = store.read()?;
    Ok(rows_of(&pins, &book))
}

/// The same of what was read already.
pub(super) fn rows_of(pins: &PinStore, book: &Book) -> Vec<Row> {
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
            said: Vec::new(),
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
            None if entry.is_none() => (APPROVED, "", pin.pinned_at, pin.hash.to_string()),
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
            said: Vec::new(),
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
    let head = [
        "SERVER",
        "TOOL",
        "STATE",
        "REASON",
        "LIKE",
        "SINCE",
        "HASH",
        "AUTHORITY",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| {
        let said = row.said();
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
            said,
        ]
    }));
    table(&lines, out)?;
    writeln!(out, "\nLook at one: mcps quarantine show SERVER TOOL")?;
    Ok(())
}

fn table(lines: &[[String; 8]], out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<Vec<String>> = lines
        .iter()
        .map(|line| line.iter().map(|cell| printable(cell)).collect())
        .collect();
    let mut widths = [0; 8];
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
    if !row.said.is_empty() {
        writeln!(out, "authority {}", printable(&row.said()))?;
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
