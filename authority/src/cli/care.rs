//! `mcps-authority migrate`, `backup`, `restore`, `new-epoch`, `doctor`: what whoever keeps an authority
//! does beside running it.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use mcps_authority::backup::{backup, new_epoch, restore_with};
use mcps_authority::doctor::{self, Grade};
use mcps_authority::store::newest_schema;
use mcps_authority::{examine, open_founded};
use mcps_core::clock::SystemClock;
use mcps_core::feed::Epoch;
use serde_json::json;

use super::{OutputOptions, Place};

#[derive(Debug, Subcommand)]
pub(crate) enum Care {
    /// Bring the database up to date. Every start does that too.
    Migrate {
        #[command(flatten)]
        place: Box<Place>,
    },
    /// Write everything in the database to a file, as of one instant, while the authority runs. The
    /// keys are not in it: keep a copy of theirs as well.
    Backup {
        #[command(flatten)]
        place: Box<Place>,
        /// The file, which must not exist yet. It holds hashes and webhook secrets: keep it private.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Take a backup back into an empty database, of either kind, and begin a new epoch of the feed.
    /// Needs the keys, the root key among them, where `serve` would look for them.
    Restore {
        #[command(flatten)]
        place: Box<Place>,
        /// The file that `backup` wrote.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// A later key set to go on with, as any client has it in its home (trust.json): the keys that
        /// were exchanged since the backup stay exchanged, the root key among them.
        #[arg(long, value_name = "FILE")]
        key_set: Option<PathBuf>,
        #[command(flatten)]
        epoch: Number,
    },
    /// Begin a new epoch of the feed after the database was brought back by other means, before it is
    /// served. Needs the root key.
    NewEpoch {
        #[command(flatten)]
        place: Box<Place>,
        #[command(flatten)]
        epoch: Number,
    },
    /// Look whether an authority could serve with this configuration, and say what to do if not.
    /// Changes nothing.
    Doctor {
        #[command(flatten)]
        place: Box<Place>,
        #[command(flatten)]
        output: OutputOptions,
    },
}

/// The number of the epoch.
#[derive(Args, Debug)]
pub(crate) struct Number {
    /// The new epoch's number, higher than any before [default: the seconds since 1970].
    #[arg(long = "epoch", value_name = "NUMBER")]
    number: Option<u64>,
}

impl Care {
    /// Does what was asked.
    ///
    /// # Errors
    /// What keeps it from being done.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Migrate { place } => {
                let db = open_founded(&place.config()?).await?;
                writeln!(out, "the tables are at {}", newest_schema())?;
                db.close().await;
            }
            Self::Backup { place, to } => {
                let done = backup(&place.config()?, to, &SystemClock).await?;
                let (rows, name, to) = (done.rows, done.authority, to.display());
                writeln!(out, "{rows} rows of {name} as of {} in {to}", done.at)?;
                writeln!(
                    out,
                    "Keep it private, and the keys with it but apart: neither is of use alone."
                )?;
            }
            Self::Restore {
                place,
                from,
                key_set,
                epoch,
            } => {
                let config = place.config()?;
                let key_set = key_set.as_ref().map(|path| {
                    let text = fs::read_to_string(path);
                    text.with_context(|| path.display().to_string())
                });
                let key_set = key_set.transpose()?;
                let (key_set, epoch) = (key_set.as_deref(), epoch.number);
                let restored = restore_with(&config, from, key_set, epoch, &SystemClock).await;
                let (done, begun) = restored?;
                let (rows, name) = (done.rows, done.authority);
                writeln!(out, "{rows} rows of {name} as of {}", done.at)?;
                told(&mut out, &begun)?;
                let (db, bundle) = super::super::opened(&config).await?;
                let report = examine::examine(&db, &bundle).await?;
                for finding in &report.findings {
                    writeln!(out, "{finding}")?;
                }
                if report.wrong > 0 {
                    bail!(
                        "{} things in the backup are not as they were written; do not serve it before you know why",
                        report.wrong
                    );
                }
            }
            Self::NewEpoch { place, epoch } => {
                let begun = new_epoch(&place.config()?, epoch.number, &SystemClock).await?;
                told(&mut out, &begun)?;
            }
            Self::Doctor { place, output } => {
                let looks = doctor::examine(&place.config()?, &SystemClock).await;
                if output.is_json() {
                    let looks = looks.iter();
                    let looks = looks.map(|look| {
                        json!({"what": look.what, "grade": look.grade.as_str(), "words": look.words})
                    });
                    let looks: Vec<_> = looks.collect();
                    writeln!(out, "{:#}", json!(looks))?;
                } else {
                    for look in &looks {
                        let grade = look.grade.as_str();
                        writeln!(out, "{grade:<8}{:<15} {}", look.what, look.words)?;
                    }
                }
                if looks.iter().any(|look| look.grade == Grade::Bad) {
                    bail!("it would not serve");
                }
            }
        }
        Ok(())
    }
}

fn told(out: &mut impl io::Write, begun: &Epoch) -> io::Result<()> {
    let (epoch, previous, seq) = (begun.epoch, begun.previous_epoch, begun.seq);
    writeln!(
        out,
        "The feed goes on in epoch {epoch}, after {previous}:{seq}. Followers keep what they were told since."
    )?;
    writeln!(
        out,
        "What was revoked after that is not known here any more: order it again."
    )
}
