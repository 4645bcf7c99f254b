//! `mcps passport rotate`.

use std::time::Duration;

use clap::Args;
use mcps_client::options::duration;
use mcps_client::rotation;

use super::super::output::{self, OutputOptions, length};
use super::super::{CliError, Machine};
use super::foreseen::foresee;
use super::request::other_root;
use super::{authority, describe, show};

/// How long the old key's passports stay good unless something else is asked for.
const OVERLAP: Duration = Duration::from_secs(3600);

/// What `mcps passport rotate` can be told.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// How long the new one is to be good, at most as long as the old [default: as long].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    ttl: Option<Duration>,
    /// How long passports of the old key stay good, so that what runs with it can be started again:
    /// up to 1d, or 0 to end them at once [default: 1h].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    overlap: Option<Duration>,
    /// Only say what would be exchanged; the authority is asked whether it could be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputOptions,
}

impl Rotate {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        if self.dry_run {
            home.key()?;
            return foresee("would exchange the key of", self.ttl, &home, self.output).await;
        }
        let (ttl_s, overlap_s) = (self.ttl, self.overlap);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        let rotated = rotation::rotate(
            &home,
            machine.random.as_ref(),
            seconds(ttl_s),
            seconds(overlap_s),
        )
        .await;
        let rotated = match rotated {
            Ok(rotated) => rotated,
            Err(error) => return Err(other_root(error, &authority(None, &home)?)),
        };
        let overlap = self.overlap.unwrap_or(OVERLAP);
        output::note(&match overlap.is_zero() {
            true => "The old key is good for nothing any more: start again whatever runs with it."
                .to_owned(),
            false => format!(
                "Start again whatever runs with the old key within {}; until then both are good.",
                length(overlap.as_secs())
            ),
        });
        let passport = rotated.passport;
        if self.output.is_json() {
            return output::print(&show::own_json(&passport));
        }
        let mut rows = describe(&passport, machine.clock.now());
        rows.push(("replaces", rotated.old.to_string()));
        output::print(&output::members(&rows))
    }
}
