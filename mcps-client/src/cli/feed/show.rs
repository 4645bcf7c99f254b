//! `mcps feed show`.

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::feed::FILE;
use mcps_client::follower::Follower;
use mcps_core::feed::Held;
use serde_json::{Map, json};

use super::super::output::{self, OutputOptions, instant};
use super::super::{CliError, Machine};
use super::words;

/// What `mcps feed show` can be told.
#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    output: OutputOptions,
}

impl Show {
    pub(crate) fn run(self, machine: &Machine) -> Result<(), CliError> {
        let home = machine.home()?;
        let pin = home.authority()?;
        let text = home.read(FILE)?.ok_or_else(|| ClientError::Missing {
            path: home.path(FILE),
            next: "it is made while mcps-wrap or mcps connect runs with this home",
        })?;
        let follower = Follower::restore(&pin.name, &text);
        let follower = follower.map_err(|error| ClientError::Content {
            path: home.path(FILE),
            why: error.to_string(),
        })?;
        let now = machine.clock.now();
        let position = follower.position().map(|at| at.cursor().to_string());
        let freshness = follower.freshness(now);
        let level = freshness.and_then(|freshness| freshness.level().ok());
        let heard = follower.latest();
        let kinds = [
            "revoked",
            "suspended",
            "quarantined",
            "stopped",
            "unclear",
            "level",
            "policy",
        ];
        let mut counts = kinds.map(|kind| (kind, 0_u64));
        for entry in follower.blocks().entries() {
            let kind = Held::as_str(entry.held);
            if let Some((_, count)) = counts.iter_mut().find(|(name, _)| *name == kind) {
                *count += 1;
            }
        }
        let mut rows = vec![
            ("authority", pin.name.clone()),
            ("position", position.clone().unwrap_or_default()),
            (
                "heard",
                heard.map_or_else(String::new, |at| instant(at, now)),
            ),
            (
                "good for",
                level.map_or_else(|| "nothing any more".to_owned(), |level| level.to_string()),
            ),
            ("state", words::state(follower.state(now)).to_owned()),
        ];
        rows.extend(counts.map(|(kind, count)| (kind, count.to_string())));
        let in_force: Map<String, serde_json::Value> = counts
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), json!(count)))
            .collect();
        let json = json!({
            "authority": pin.name,
            "position": position,
            "heard_at": heard.map(|at| at.to_string()),
            "age_ms": freshness.map(|freshness| freshness.age.as_millis() as u64),
            "lapsed": freshness.map(|freshness| freshness.lapsed),
            "level": level.map(|level| level.number()),
            "in_force": in_force,
        });
        self.output.members(&rows, &json)?;
        if let Some(wants) = follower.wants() {
            output::note(&format!(
                "something was amiss with the feed: a {wants:?} is wanted"
            ));
        }
        Ok(())
    }
}
