//! `mcps passport renew`.

use std::time::Duration;

use clap::Args;
use mcps_client::enrol;
use mcps_client::options::duration;

use super::super::output::{self, OutputOptions};
use super::super::{CliError, Machine};
use super::foreseen::foresee;
use super::request::other_root;
use super::{authority, describe, show};

/// What `mcps passport renew` can be told.
#[derive(Args, Debug)]
pub(crate) struct Renew {
    /// How long the new one is to be good, at most as long as the old [default: as long].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    ttl: Option<Duration>,
    /// Only say what would be renewed; the authority is asked whether it could be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputOptions,
}

impl Renew {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let (key, old) = (home.key()?, home.passport()?);
        if self.dry_run {
            return foresee("would renew", self.ttl, &home, self.output).await;
        }
        let ttl_s = self.ttl.map(|ttl| ttl.as_secs());
        let renewed = enrol::renew(&home, &key, &old, ttl_s).await;
        let passport = match renewed {
            Ok(passport) => passport,
            Err(error) => return Err(other_root(error, &authority(None, &home)?)),
        };
        if self.output.is_json() {
            return output::print(&show::own_json(&passport));
        }
        let now = machine.clock.now();
        let mut rows = describe(&passport, now);
        rows.push((
            "renews",
            format!("{}, which stays good until {}", old.id(), old.expires_at()),
        ));
        output::print(&output::members(&rows))
    }
}
