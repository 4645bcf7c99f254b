//! A client: a program of `tests/peers/clients`, or the Rust SDK in this process.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::plan::Plan;
use super::rust_sdk;

/// One client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Driver {
    /// A program, and how its SDK begins, if not as it does by itself.
    Program {
        name: &'static str,
        mode: Option<&'static str>,
    },
    /// The Rust SDK, and how it begins: `initialize` or `auto`.
    RustSdk(&'static str),
}

/// What a session left.
pub(super) struct Session {
    /// What the client's user saw: a JSON list of steps.
    pub(super) record: String,
    /// What the programs said on standard error.
    pub(super) said: String,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { name, mode: None } => f.write_str(name),
            Self::Program {
                name,
                mode: Some(mode),
            } => write!(f, "{name}-{mode}"),
            Self::RustSdk(mode) => write!(f, "rust-{mode}"),
        }
    }
}

impl Driver {
    pub(super) const fn command(name: &'static str) -> Self {
        Self::Program { name, mode: None }
    }

    /// The same, beginning in another way (`--mode`).
    pub(super) const fn beginning(self, mode: &'static str) -> Self {
        match self {
            Self::Program { name, .. } => Self::Program {
                name,
                mode: Some(mode),
            },
            Self::RustSdk(_) => Self::RustSdk(mode),
        }
    }

    /// Has the client start `server` and carry out the plan.
    pub(super) fn run(self, peers: &Path, plan: Plan, dir: &Path, server: &[String]) -> Session {
        self.run_under("", peers, plan, dir, server)
    }

    /// The same where the names of tools and prompts begin with `prefix`.
    pub(super) fn run_under(
        self,
        prefix: &str,
        peers: &Path,
        plan: Plan,
        dir: &Path,
        server: &[String],
    ) -> Session {
        // Files, not pipes: whoever still holds one open would keep us waiting.
        let said = dir.join("said.txt");
        let record = match self {
            Self::Program { name, mode } => {
                let out = dir.join("record.json");
                let mut command = Command::new(peers.join(format!("bin/client-{name}")));
                command.args(["--plan", plan.name(), "--dir"]).arg(dir);
                command.args(mode.map(|mode| ["--mode", mode]).iter().flatten());
                command.args(["--prefix", prefix]);
                command.arg("--").args(server).current_dir(dir);
                command.stdin(Stdio::null());
                command.stdout(File::create(&out).unwrap());
                command.stderr(File::create(&said).unwrap());
                let status = command.status().unwrap();
                let record = fs::read_to_string(out).unwrap();
                let said = || fs::read_to_string(&said).unwrap();
                assert!(status.success(), "{self}: {status}: {record}{}", said());
                record
            }
            Self::RustSdk(mode) => {
                let plan = plan.read_under(prefix, dir);
                rust_sdk::run(mode, &plan, server, File::create(&said).unwrap())
            }
        };
        let said = fs::read(said).unwrap();
        Session {
            record,
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}
