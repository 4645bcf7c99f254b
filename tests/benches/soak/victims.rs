//! The servers: one that lives, and those that are killed and started again all the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::it::listen::listening_before;
use super::it::wire::{Process, Stage};
use super::it::world::bin;
use super::upstream;

/// How often one of them is killed.
const EVERY: Duration = Duration::from_millis(250);
/// How long one is away.
const AWAY: Duration = Duration::from_millis(50);
/// One in so many is the wrapper, which takes all its servers along, and one a process of a session's.
const WRAPPER: usize = 24;
const PROCESS: usize = 8;
/// Enough for everybody.
pub(super) const ROOM: &str = "8192";

/// A server over HTTP, or a wrapper that signs.
pub(super) struct Upstream {
    process: Process,
    pub(super) url: String,
}

impl Upstream {
    fn address(&self) -> String {
        let rest = self.url.strip_prefix("http://").unwrap();
        rest.strip_suffix("/mcp").unwrap().to_owned()
    }
}

/// All of them.
pub(super) struct Upstreams {
    journal: PathBuf,
    pub(super) steady: Upstream,
    pub(super) flaky: Vec<Upstream>,
    pub(super) wrapped: Upstream,
    pub(super) killed: usize,
}

impl Upstreams {
    pub(super) async fn start(stage: &Stage, journal: &Path) -> Self {
        let any = "127.0.0.1:0";
        let mut flaky = Vec::new();
        for _ in 0..2 {
            flaky.push(over_http(stage, any, journal).await);
        }
        Self {
            steady: over_http(stage, any, journal).await,
            flaky,
            wrapped: wrapped(stage, any, journal).await,
            journal: journal.to_owned(),
            killed: 0,
        }
    }

    /// The command of a server that each session has for itself.
    pub(super) fn command(&self) -> Vec<String> {
        command(&self.journal)
    }

    /// Kills one after the other, for ever.
    pub(super) async fn die(&mut self, stage: &Stage, gateway: u32) {
        let mut tick = tokio::time::interval(EVERY);
        for number in 1_usize.. {
            tick.tick().await;
            if number.is_multiple_of(WRAPPER) {
                self.wrapped.process.kill().await;
                tokio::time::sleep(AWAY).await;
                self.wrapped = wrapped(stage, &self.wrapped.address(), &self.journal).await;
            } else if number.is_multiple_of(PROCESS) {
                let children = children(gateway);
                let Some(victim) = children.get(number % children.len().max(1)) else {
                    continue;
                };
                // One may have ended meanwhile.
                drop(Command::new("kill").args(["-s", "KILL", victim]).status());
            } else {
                let at = number % self.flaky.len();
                self.flaky[at].process.kill().await;
                tokio::time::sleep(AWAY).await;
                let address = self.flaky[at].address();
                self.flaky[at] = over_http(stage, &address, &self.journal).await;
            }
            self.killed += 1;
        }
    }
}

/// This benchmark as a server.
async fn over_http(stage: &Stage, address: &str, journal: &Path) -> Upstream {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(upstream::TOOLS, "1").env(upstream::AT, address);
    command.env(upstream::JOURNAL, journal);
    let mut process = Process::start(&stage.world, command);
    let line = process.read().await;
    let url = line.strip_prefix("listening on ").unwrap().to_owned();
    Upstream { process, url }
}

async fn wrapped(stage: &Stage, address: &str, journal: &Path) -> Upstream {
    let options = [
        ["--max-sessions", ROOM],
        ["--max-sessions-per-caller", ROOM],
        ["--log-level", "error"],
    ];
    let options = options.as_flattened();
    let (process, url) = listening_before(stage, address, options, &command(journal)).await;
    Upstream { process, url }
}

fn command(journal: &Path) -> Vec<String> {
    let journal = journal.display().to_string();
    let server = bin("test-server").display().to_string();
    vec![server, "--journal".to_owned(), journal]
}

/// The processes that a process has started.
fn children(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_each = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    of_each
        .flat_map(|ids| {
            ids.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}
