//! `mcps-gateway events tail|query|verify`: reads back what was recorded, in a gateway's home.
//!
//! [`run`] writes to what it is given and returns the exit code.

mod examiner;
mod filter;
pub(crate) mod follow;
mod query;
mod row;
mod tail;
mod verify;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use mcps_client::exit::Exit;
use mcps_client::home::Home;
use mcps_core::clock::Clock;
use mcps_core::key::KeyId;

use crate::policy::cli::Output;
use crate::segment;
use filter::Filter;

/// Look at what was recorded.
#[derive(Clone, Debug, Args)]
pub struct EventsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EventsCommand,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Output,
}

/// What to do with records.
#[derive(Clone, Debug, Subcommand)]
pub enum EventsCommand {
    /// Print the last records.
    Tail {
        /// Stay, and print each further one as it is written.
        #[arg(short, long)]
        follow: bool,
        /// How many of those that are there.
        #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
        last: usize,
    },
    /// Find calls, each with what was decided and what came of it.
    Query(Box<Filter>),
    /// Prove that no record was changed, cut, inserted or re-ordered.
    Verify {
        /// A key that the gateway had before, by its id; may be given again.
        #[arg(long = "key", value_name = "KEY_ID", value_parser = key_id)]
        keys: Vec<KeyId>,
    },
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text)
        .ok_or_else(|| "write a key id: 43 characters of letters, digits, `-` and `_`".to_owned())
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there are no records in {}; name the gateway's home with --home DIR", .0.display())]
    None(PathBuf),
    #[error("{}: {source}; run it as whoever runs the gateway", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "no decision {0} is on record here; look for it in the gateway's log, which alone has what is refused before it is known who calls, or at another gateway's home"
    )]
    NoDecision(String),
    #[error("{0}; name the gateway's key with --key KEY_ID")]
    Key(String),
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
}

impl Failure {
    const fn exit(&self) -> Exit {
        match self {
            Self::None(_) | Self::NoDecision(_) | Self::Key(_) => Exit::NotFound,
            Self::File { .. } | Self::Write(_) => Exit::Other,
        }
    }
}

/// Where records are, and when it is asked.
struct Source<'a> {
    home: &'a Home,
    folder: PathBuf,
    clock: &'a dyn Clock,
    output: Output,
}

/// Carries a command out; what it finds goes to `out`, what stops it to `errors`.
pub fn run(
    args: &EventsArgs,
    home: &Home,
    clock: &dyn Clock,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let source = Source {
        home,
        folder: home.path(segment::FOLDER),
        clock,
        output: args.output,
    };
    let done = match &args.command {
        EventsCommand::Tail { follow, last } => tail::run(&source, *last, *follow, out, errors),
        EventsCommand::Query(filter) => query::run(&source, filter, out, errors),
        EventsCommand::Verify { keys } => verify::run(&source, keys, out),
    };
    let exit = done.unwrap_or_else(|failure| match failure {
        // A reader who has seen enough is no failure.
        Failure::Write(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        failure => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(errors, "{failure}");
            failure.exit()
        }
    });
    exit.code()
}
