//! `mcps-gateway quarantine`, which `mcps quarantine` is too.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use mcps_client::exit::Exit;
use mcps_client::home::Home;
use mcps_client::terminal::printable;
use mcps_core::clock::{Clock, Timestamp};
use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::tool::diff;
use serde_json::{Value, json};

use super::{Order, OrderError, Reason, State, Store, Verb, of_owner, owner};
use crate::policy::cli::Output;

/// Changes of one definition that are told one by one.
const MAX_CHANGES: usize = 200;

/// Look at tools that are held back, and decide about them.
#[derive(Clone, Debug, Args)]
pub struct QuarantineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: QuarantineCommand,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Output,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List what is held back, and why.
    List {
        /// Approved tools too.
        #[arg(long)]
        all: bool,
    },
    /// Show a tool that is held back: its definition, or what changed in it.
    Show(Which),
    /// Let this very definition be called from now on.
    Promote(Exactly),
    /// Refuse this very definition for good. What was approved before stays approved.
    Reject(Exactly),
    /// Let nobody call a tool, whatever its definition, until it is unblocked.
    Block(Named),
    /// End a block.
    Unblock(Named),
}

/// Which tool.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The server, as the gateway's configuration names it.
    server: String,
    /// The tool, as its server calls it.
    tool: String,
}

/// Which tool, and who says so.
#[derive(Clone, Debug, Args)]
pub struct Named {
    #[command(flatten)]
    which: Which,
    /// Who orders it, for the log.
    #[arg(long, env = "USER", value_name = "WHO")]
    by: String,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Which definition.
#[derive(Clone, Debug, Args)]
pub struct Exactly {
    #[command(flatten)]
    named: Named,
    /// Hash of the definition that you looked at, as shown by: mcps quarantine show
    #[arg(long, value_name = "HASH", value_parser = digest)]
    hash: Digest,
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| {
        "a hash is 64 lower-case hex digits, as shown by: mcps quarantine show".to_owned()
    })
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// What the operator wants is not so.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Standard output.
    #[error("cannot write to standard output: {0}; check where it goes")]
    Output(#[from] io::Error),
}

impl QuarantineError {
    /// How the program ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Order(OrderError::Unknown) => Exit::NotFound,
            Self::Order(OrderError::ChangedAgain) => Exit::Refused,
            Self::Order(OrderError::Client(error)) => Exit::of(error),
            Self::Order(_) | Self::Output(_) => Exit::Other,
        }
    }
}

impl From<mcps_client::error::ClientError> for QuarantineError {
    fn from(error: mcps_client::error::ClientError) -> Self {
        Self::Order(error.into())
    }
}

/// One tool as it is listed.
struct Row {
    server: String,
    tool: String,
    state: &'static str,
    reason: &'static str,
    since: Timestamp,
    hash: String,
    like: Option<String>,
    by: Option<String>,
    why: Option<String>,
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "server": self.server, "tool": self.tool, "state": self.state, "reason": self.reason,
            "since": self.since.to_string(), "hash": self.hash, "like": self.like, "by": self.by,
            "why": self.why,
        })
    }
}

/// Runs a command on the quarantine of a home.
///
/// # Errors
/// [`QuarantineError`].
pub fn run(
    args: &QuarantineArgs,
    home: &Home,
    clock: &dyn Clock,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let store = Store::new(home);
    let json = args.output == Output::Json;
    match &args.command {
        QuarantineCommand::List { all } => list(&store, *all, json, out),
        QuarantineCommand::Show(which) => show(&store, which, json, out),
        QuarantineCommand::Promote(exactly) => {
            let verb = Verb::Promote(exactly.hash);
            order(&store, verb, &exactly.named, clock, json, out)
        }
        QuarantineCommand::Reject(exactly) => {
            let verb = Verb::Reject(exactly.hash);
            order(&store, verb, &exactly.named, clock, json, out)
        }
        QuarantineCommand::Block(named) => order(&store, Verb::Block, named, clock, json, out),
        QuarantineCommand::Unblock(named) => order(&store, Verb::Unblock, named, clock, json, out),
    }
}

/// The server as the configuration names it; `mcps tool list` puts something before it.
fn bare(server: &str) -> &str {
    server.strip_prefix("gateway:").unwrap_or(server)
}

fn rows(store: &Store, all: bool) -> Result<Vec<Row>, QuarantineError> {
    let (pins, book) = store.read()?;
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
    Ok(rows)
}

fn list(store: &Store, all: bool, json: bool, out: &mut impl Write) -> Result<(), QuarantineError> {
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

fn show(
    store: &Store,
    which: &Which,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let (server, tool) = (bare(&which.server), which.tool.as_str());
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

fn order(
    store: &Store,
    verb: Verb,
    named: &Named,
    clock: &dyn Clock,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let order = Order {
        verb,
        server: bare(&named.which.server).to_owned(),
        tool: named.which.tool.clone(),
        by: named.by.clone(),
        why: named.reason.clone(),
        dry_run: named.dry_run,
    };
    let done = order.carry_out(store, clock.now())?;
    if json {
        let told = json!({
            "action": verb.as_str(), "server": order.server, "tool": order.tool, "by": order.by,
            "hash": done.hash, "was": done.was, "dry_run": order.dry_run,
        });
        return Ok(writeln!(out, "{told:#}")?);
    }
    let what = match (order.dry_run, verb) {
        (true, _) => "would be done",
        (false, Verb::Promote(_)) => "promoted; the gateway lets it be called from now on",
        (false, Verb::Reject(_)) => "rejected; what was approved before stays approved",
        (false, Verb::Block) => "blocked; nobody calls it until: mcps quarantine unblock",
        (false, Verb::Unblock) => "unblocked; it stands as before",
    };
    let (server, tool) = (&order.server, &order.tool);
    writeln!(
        out,
        "{}",
        printable(&format!("{} {tool} of {server}: {what}", verb.as_str()))
    )?;
    writeln!(out, "hash  {}", done.hash)?;
    Ok(())
}
