//! Where load is borne: a listening `mcps-wrap` whose servers write down what they did, and what it
//! takes of the machine.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use super::connected::Connected;
use super::era::Era;
use super::member::Crew;
use crate::listen::listening_before;
use crate::wire::{Process, Stage};
use crate::world::bin;

/// Enough for everybody.
const ROOM: &str = "1000";

/// A listening wrapper in front of servers made for this.
pub(crate) struct Ground {
    pub(crate) stage: Stage,
    pub(crate) url: String,
    wrap: Process,
    every_ms: u64,
}

impl Ground {
    /// With servers that speak by themselves so often.
    pub(crate) async fn set(every_ms: u64) -> Self {
        let stage = Stage::set();
        let (wrap, url) = listening(&stage, "127.0.0.1:0", every_ms).await;
        Self {
            stage,
            url,
            wrap,
            every_ms,
        }
    }

    pub(crate) fn crew(&self) -> Crew {
        Crew::of(&self.stage.agent, &self.url)
    }

    /// A client behind a `mcps connect`, before its first word.
    pub(crate) fn connected(&self, era: Era) -> Connected {
        Connected::start(&self.stage.world, &self.stage.agent, &self.url, era)
    }

    /// Kills the wrapper, with no time for a last word, and starts it again at the same address.
    pub(crate) async fn restart(&mut self) {
        self.wrap.kill().await;
        let address = self.url.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/mcp").unwrap();
        (self.wrap, _) = listening(&self.stage, address, self.every_ms).await;
    }

    /// What the servers did, by how often.
    pub(crate) fn done(&self) -> HashMap<String, usize> {
        let mut done = HashMap::new();
        let journal = fs::read_to_string(journal(&self.stage)).unwrap_or_default();
        for line in journal.lines() {
            *done.entry(line.to_owned()).or_default() += 1;
        }
        done
    }

    /// Memory that the wrapper holds, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        resident(self.wrap.id()).unwrap()
    }

    /// The servers that run, and the memory that they hold, in KiB.
    pub(crate) fn servers(&self) -> (usize, u64) {
        let wrap = self.wrap.id();
        let children = fs::read_to_string(format!("/proc/{wrap}/task/{wrap}/children")).unwrap();
        let ids = children.split_whitespace().map(|id| id.parse().unwrap());
        // One may end meanwhile.
        let held: Vec<_> = ids.filter_map(resident).collect();
        (held.len(), held.iter().sum())
    }

    /// That nothing in it failed in a way that only its log shows.
    pub(crate) fn is_well(&self) {
        drop(self.wrap.words());
    }
}

async fn listening(stage: &Stage, address: &str, every_ms: u64) -> (Process, String) {
    let journal = journal(stage).display().to_string();
    let server = [
        bin("test-server").display().to_string(),
        "--every".to_owned(),
        every_ms.to_string(),
        "--journal".to_owned(),
        journal,
    ];
    let options = [
        ["--status-refresh", "5s"],
        ["--max-sessions", ROOM],
        ["--max-sessions-per-caller", ROOM],
    ];
    listening_before(stage, address, options.as_flattened(), &server).await
}

fn journal(stage: &Stage) -> PathBuf {
    stage.world.dir().join("journal")
}

/// Memory that a process holds, in KiB.
pub(crate) fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
