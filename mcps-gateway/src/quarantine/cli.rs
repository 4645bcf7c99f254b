//! `mcps-gateway quarantine`, which `mcps quarantine` is too.

mod shown;
mod whole;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use mcps_client::exit::Exit;
use mcps_client::home::Home;
use mcps_client::terminal::printable;
use mcps_core::clock::Clock;
use mcps_core::digest::Digest;
use serde_json::json;

use super::{Order, OrderError, Store, Verb};
use crate::policy::cli::Output;

/// Look at tools that are held back, and decide about them.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "For all gateways of a tenant: mcps quarantine promote|reject|block|unblock|list|history --tenant TENANT --authority URL"
)]
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
    /// Show a tool that is held back: its definition, or what changed in it. Without a tool, all that is
    /// held back of the server.
    Show(Part),
    /// Let this very definition be called from now on. Without a tool, all that is held back of the
    /// server.
    Promote(Promotion),
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

/// Which tool, or all of a server.
#[derive(Clone, Debug, Args)]
pub struct Part {
    /// The server, as the gateway's configuration names it.
    server: String,
    /// The tool, as its server calls it.
    tool: Option<String>,
}

/// Who says so.
#[derive(Clone, Debug, Args)]
pub struct Said {
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

/// Which tool, and who says so.
#[derive(Clone, Debug, Args)]
pub struct Named {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    said: Said,
}

/// Which definitions.
#[derive(Clone, Debug, Args)]
pub struct Promotion {
    #[command(flatten)]
    which: Part,
    #[command(flatten)]
    said: Said,
    /// Hash of what you looked at, as shown by: mcps quarantine show
    #[arg(long, value_name = "HASH", value_parser = digest)]
    hash: Digest,
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
    /// No gateway keeps anything there.
    #[error("{} is no gateway's home; name one with --home DIR, or an authority with --authority URL", .0.display())]
    NoGateway(PathBuf),
    /// Standard output.
    #[error("cannot write to standard output: {0}; check where it goes")]
    Output(#[from] io::Error),
}

impl QuarantineError {
    /// How the program ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NoGateway(_) | Self::Order(OrderError::Unknown | OrderError::NothingHeld) => {
                Exit::NotFound
            }
            Self::Order(OrderError::ChangedAgain | OrderError::OtherSet) => Exit::Refused,
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
    if !store.is_gateways() {
        return Err(QuarantineError::NoGateway(home.dir().to_owned()));
    }
    let json = args.output == Output::Json;
    match &args.command {
        QuarantineCommand::List { all } => shown::list(&store, *all, json, out),
        QuarantineCommand::Show(Part { server, tool }) => match tool {
            Some(tool) => shown::show(&store, (bare(server), tool), json, out),
            None => whole::show(&store, bare(server), json, out),
        },
        QuarantineCommand::Promote(Promotion { which, said, hash }) => match &which.tool {
            Some(tool) => {
                let named = (which.server.as_str(), tool.as_str());
                order(&store, Verb::Promote(*hash), named, said, clock, json, out)
            }
            None => whole::promote(&store, bare(&which.server), hash, said, clock, json, out),
        },
        QuarantineCommand::Reject(Exactly { named, hash }) => order(
            &store,
            Verb::Reject(*hash),
            named.names(),
            &named.said,
            clock,
            json,
            out,
        ),
        QuarantineCommand::Block(named) => order(
            &store,
            Verb::Block,
            named.names(),
            &named.said,
            clock,
            json,
            out,
        ),
        QuarantineCommand::Unblock(named) => order(
            &store,
            Verb::Unblock,
            named.names(),
            &named.said,
            clock,
            json,
            out,
        ),
    }
}

impl Named {
    fn names(&self) -> (&str, &str) {
        (&self.which.server, &self.which.tool)
    }
}

impl Said {
    fn order(&self, verb: Verb, (server, tool): (&str, &str)) -> Order {
        Order {
            verb,
            server: bare(server).to_owned(),
            tool: tool.to_owned(),
            by: self.by.clone(),
            why: self.reason.clone(),
            dry_run: self.dry_run,
        }
    }
}

/// The server as the configuration names it; `mcps tool list` puts something before it.
fn bare(server: &str) -> &str {
    server.strip_prefix("gateway:").unwrap_or(server)
}

fn order(
    store: &Store,
    verb: Verb,
    named: (&str, &str),
    said: &Said,
    clock: &dyn Clock,
    json: bool,
    out: &mut impl Write,
) -> Result<(), QuarantineError> {
    let order = said.order(verb, named);
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
