//! What a client is to do, and with which server: the plans of `tests/peers/clients/plans`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::run;

/// Where `scripts/install-peers` has put the servers and clients.
///
/// # Panics
/// When they are not there: a comparison that did not take place has not passed.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says where the peers are"
)]
pub(crate) fn installed() -> PathBuf {
    let peers = std::env::var_os("MCPS_TEST_PEERS").map(PathBuf::from);
    let peers = peers.expect("MCPS_TEST_PEERS is not set; run this with: make test");
    assert!(
        peers.join("bin").is_dir(),
        "{} holds no peers; run: make test",
        peers.display()
    );
    peers
}

type Highlight = (&'static str, fn(&Value) -> bool);

/// One plan and the server it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Everything,
    Filesystem,
    Git,
    Time,
    // Of these, only `scripts/matrix` has the servers.
    Memory,
    #[cfg_attr(
        not(feature = "matrix"),
        expect(dead_code, reason = "only the matrix has it")
    )]
    Fetch,
    #[cfg_attr(
        not(feature = "matrix"),
        expect(dead_code, reason = "only the matrix has it")
    )]
    Sqlite,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Plan {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Filesystem => "filesystem",
            Self::Git => "git",
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Fetch => "fetch",
            Self::Sqlite => "sqlite",
        }
    }

    /// The server's command, serving what [`Plan::lay_out`] makes in `dir`.
    pub(super) fn server(self, peers: &Path, dir: &Path) -> Vec<String> {
        let mut words = vec![format!("{}/bin/server-{self}", peers.display())];
        let dir = dir.display();
        if self == Self::Memory {
            let file = format!("MEMORY_FILE_PATH={dir}/memory.json");
            words.splice(0..0, ["env".to_owned(), file]);
        }
        words.extend(match self {
            Self::Everything | Self::Memory | Self::Fetch => vec![],
            Self::Sqlite => vec!["--db-path".to_owned(), format!("{dir}/test.db")],
            Self::Filesystem => vec![format!("{dir}/files")],
            Self::Git => vec!["--repository".to_owned(), format!("{dir}/repo")],
            Self::Time => vec!["--local-timezone".to_owned(), "UTC".to_owned()],
        });
        words
    }

    /// Makes afresh what the server serves.
    pub(super) fn lay_out(self, peers: &Path, dir: &Path) {
        std::fs::create_dir_all(dir).unwrap();
        if matches!(self, Self::Filesystem | Self::Git) {
            run(Command::new(peers.join("bin/fixture")).arg(dir)).succeeded();
        }
        for file in ["memory.json", "test.db"] {
            drop(std::fs::remove_file(dir.join(file)));
        }
    }

    /// The steps, with the places of `dir` filled in as the drivers do.
    pub(super) fn read(self, dir: &Path) -> Value {
        let path = format!(
            "{}/peers/clients/plans/{self}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(path).unwrap();
        filled_in(
            serde_json::from_str(&text).unwrap(),
            &dir.display().to_string(),
        )
    }

    /// The same where the names of tools and prompts begin with `prefix`.
    pub(super) fn read_under(self, prefix: &str, dir: &Path) -> Value {
        let mut plan = self.read(dir);
        for step in plan["steps"].as_array_mut().unwrap() {
            for (within, name) in [("", "tool"), ("", "name"), ("/ref", "name")] {
                let named = step.pointer_mut(within).and_then(|all| all.get_mut(name));
                if let Some(Value::String(named)) = named {
                    named.insert_str(0, prefix);
                }
            }
        }
        plan
    }

    /// Whether a record has every step, and in it what the plan is there for.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn is_complete(self, record: &[Value]) -> Result<(), String> {
        let plan = self.read(Path::new(""));
        let steps = plan["steps"].as_array().unwrap();
        // Before them the connection, after them what came unasked.
        if record.len() != steps.len() + 2 {
            let last = record.iter().rev().nth(1);
            return Err(format!(
                "{} entries for {} steps; before the last: {last:?}",
                record.len(),
                steps.len()
            ));
        }
        let missing: Vec<&str> = self
            .highlights()
            .iter()
            .filter(|(_, is_there)| !record.iter().any(is_there))
            .map(|(what, _)| *what)
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("the direct session has no {missing:?}"))
        }
    }

    /// What a plan is there for, and how it shows in an entry of the record.
    fn highlights(self) -> &'static [Highlight] {
        const MEBIBYTE: usize = 1024 * 1024;
        fn large(step: &Value) -> bool {
            let text = step["result"]["content"][0]["text"].as_str();
            text.is_some_and(|text| text.len() >= MEBIBYTE)
        }
        fn refused(step: &Value) -> bool {
            step.get("error").is_some() || step["result"]["isError"] == true
        }
        match self {
            Self::Everything => &[
                ("result of 1 MiB", large),
                ("error", |step| {
                    step.get("error")
                        .is_some_and(|error| error.get("code").is_some())
                }),
                ("cancellation", |step| {
                    is_of(step, "cancel") && step.get("error").is_some()
                }),
                ("progress", |step| {
                    step["progress"]
                        .as_array()
                        .is_some_and(|all| all.len() >= 3)
                }),
                ("resource", |step| {
                    is_of(step, "read") && step.get("result").is_some()
                }),
                ("sampling request", |step| {
                    step["result"].get("sampling/createMessage").is_some()
                }),
                ("elicitation request", |step| {
                    step["result"].get("elicitation/create").is_some()
                }),
                ("roots request", |step| {
                    step["result"].get("roots/list").is_some()
                }),
                ("empty result", |step| {
                    is_of(step, "set_level") && step.get("error").is_none()
                }),
            ],
            Self::Filesystem => &[("result of 1 MiB", large), ("error", refused)],
            Self::Git | Self::Time | Self::Memory | Self::Fetch | Self::Sqlite => {
                &[("error", refused)]
            }
        }
    }
}

fn is_of(step: &Value, what: &str) -> bool {
    step["step"]
        .as_str()
        .is_some_and(|title| title.split(' ').next() == Some(what))
}

/// `${dir}` in strings, and `$repeat`.
fn filled_in(value: Value, dir: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${dir}", dir)),
        Value::Array(items) => items.into_iter().map(|item| filled_in(item, dir)).collect(),
        Value::Object(mut members) => match members.remove("$repeat") {
            Some(repeat) => {
                let times = usize::try_from(repeat[1].as_u64().unwrap()).unwrap();
                Value::String(repeat[0].as_str().unwrap().repeat(times))
            }
            None => members
                .into_iter()
                .map(|(name, item)| (name, filled_in(item, dir)))
                .collect(),
        },
        other => other,
    }
}
