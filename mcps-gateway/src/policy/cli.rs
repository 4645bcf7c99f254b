//! `mcps-gateway policy check|test|explain|simulate`: what an operator does before a set goes live.
//!
//! [`run`] writes to what it is given and returns the exit code; only it reads files.

mod cases;
mod check;
mod explain;
mod segments;
mod simulate;

#[cfg(test)]
mod tests;

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use mcps_core::clock::Timestamp;

use super::{Policies, PolicyErrors, Recorded, Sources};

/// Exit code: the set does not load, a case fails.
const FAILED: u8 = 6;
/// Exit code: a file cannot be read, an option is wrong.
const USAGE: u8 = 2;
/// Exit code: there is no such record.
const NOT_FOUND: u8 = 3;

/// Validate, test and try out policy sets.
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Output,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For scripts.
    Json,
}

/// What to do with policy sets.
#[derive(Clone, Debug, Subcommand)]
pub enum PolicyCommand {
    /// Validate a set: every error with its file, line and what to do; nothing is put in force.
    Check {
        /// The set.
        #[command(flatten)]
        set: SetArgs,
    },
    /// Run cases against a set: a call, what happened before it, and what is expected.
    Test {
        /// The set.
        #[command(flatten)]
        set: SetArgs,
        /// Files of cases, TOML.
        #[arg(long = "cases", required = true, value_name = "FILE")]
        cases: Vec<PathBuf>,
    },
    /// Say which rule decides a recorded call, and why.
    Explain {
        /// The set.
        #[command(flatten)]
        set: SetArgs,
        /// Recorded calls: a gateway's home, or JSON objects, one a line; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        events: PathBuf,
        /// The decision's id. Without it the last call is explained.
        #[arg(long)]
        id: Option<String>,
    },
    /// Replay recorded calls against a set that is not in force yet, and print what would change.
    Simulate {
        /// The new set.
        #[command(flatten)]
        set: SetArgs,
        /// Recorded calls: a gateway's home, or JSON objects, one a line; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        events: PathBuf,
        /// A file of the set to compare with. Without any, the recorded verdicts are compared with.
        #[arg(long = "against", value_name = "FILE")]
        against: Vec<PathBuf>,
    },
}

/// A set's files.
#[derive(Clone, Debug, Args)]
pub struct SetArgs {
    /// Facts and sequences (.toml), policies (.cedar), or a cedarv1 file (.json, .yaml).
    #[arg(value_name = "POLICY")]
    pub files: Vec<PathBuf>,
    /// Without the default pack.
    #[arg(long)]
    pub no_default_pack: bool,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {source}; name a file that can be read")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Policies(#[from] PolicyErrors),
    #[error("{path}:{line}: {reason}; write what docs/policy.md says")]
    Input {
        path: String,
        line: usize,
        reason: String,
    },
    #[error("{0}: some records cannot be read; see `mcps events verify`")]
    Damaged(String),
    #[error("there is no record {0}; look at the ids in the file")]
    NoRecord(String),
    #[error("{id} was decided before policies, by {rule}; see `mcps events query --decision {id}`")]
    BeforePolicies { id: String, rule: String },
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    const fn code(&self) -> u8 {
        match self {
            Self::Policies(_) | Self::Damaged(_) => FAILED,
            Self::NoRecord(_) | Self::BeforePolicies { .. } => NOT_FOUND,
            Self::File { .. } | Self::Input { .. } | Self::Write(_) | Self::Json(_) => USAGE,
        }
    }
}

/// Carries a command out; what it finds goes to `out`, what stops it to `errors`.
pub fn run(args: &PolicyArgs, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    let output = args.output;
    let done = match &args.command {
        PolicyCommand::Check { set } => check::run(set, output, out),
        PolicyCommand::Test { set, cases } => {
            load(set).and_then(|policies| cases::run(&policies, cases, output, out))
        }
        PolicyCommand::Explain { set, events, id } => load(set)
            .and_then(|policies| explain::run(&policies, events, id.as_deref(), output, out)),
        PolicyCommand::Simulate {
            set,
            events,
            against,
        } => load(set).and_then(|policies| {
            let old = (!against.is_empty()).then(|| {
                load(&SetArgs {
                    files: against.clone(),
                    no_default_pack: set.no_default_pack,
                })
            });
            simulate::run(&policies, old.transpose()?.as_ref(), events, output, out)
        }),
    };
    done.unwrap_or_else(|failure| {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(errors, "{failure}");
        failure.code()
    })
}

/// When histories begin that no record dates.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn load(set: &SetArgs) -> Result<Policies, Failure> {
    Ok(Policies::load(&sources(set)?)?)
}

fn sources(set: &SetArgs) -> Result<Sources, Failure> {
    let mut sources = if set.no_default_pack {
        Sources::new()
    } else {
        Sources::default_pack()
    };
    let mut texts = Vec::new();
    for path in &set.files {
        texts.push((path.display().to_string(), read(path)?));
    }
    // A cedarv1 file permits in the default pack's place; its forbids and sequences stay.
    for (name, text) in texts {
        sources = sources.with(name, text)?;
    }
    Ok(sources)
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |source| Failure::File {
        path: path.display().to_string(),
        source,
    };
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn records(path: &Path) -> Result<Vec<Recorded>, Failure> {
    if path.is_dir() {
        let path_text = path.display().to_string();
        let (calls, damaged) = segments::read(path).map_err(|source| Failure::File {
            path: path_text.clone(),
            source,
        })?;
        return match damaged {
            true => Err(Failure::Damaged(path_text)),
            false => Ok(calls),
        };
    }
    let text = read(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let records = lines.map(|(at, line)| {
        serde_json::from_str(line).map_err(|error| Failure::Input {
            path: path.display().to_string(),
            line: at + 1,
            reason: error.to_string(),
        })
    });
    records.collect()
}
