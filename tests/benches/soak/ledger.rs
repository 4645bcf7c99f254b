//! What was called and what came of it, against what is on record and what the servers did.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mcps_core::digest::Digest;
use serde_json::Value;

use super::it::world::run;
use super::session::Came;

/// What is known of one call.
#[derive(Debug)]
struct Call {
    words: String,
    came: Came,
    permitted: usize,
    denied: usize,
    outcomes: usize,
    done: usize,
}

/// Calls until they were counted, and how far records and journal were read.
pub(super) struct Ledger {
    /// By the digest of their arguments.
    calls: HashMap<String, Call>,
    /// The same digest, by the decision's id.
    decided: HashMap<String, String>,
    journal: PathBuf,
    /// Of the journal, in bytes.
    read: u64,
    /// The number of the last record, and how many there were.
    last: u64,
    pub(super) records: u64,
    pub(super) came: HashMap<Came, usize>,
    pub(super) done: usize,
}

impl Ledger {
    pub(super) fn new(journal: &Path) -> Self {
        Self {
            calls: HashMap::new(),
            decided: HashMap::new(),
            journal: journal.to_owned(),
            read: 0,
            last: 0,
            records: 0,
            came: HashMap::new(),
            done: 0,
        }
    }

    pub(super) fn take(&mut self, words: String, came: Came) {
        *self.came.entry(came).or_default() += 1;
        let call = Call {
            came,
            permitted: 0,
            denied: 0,
            outcomes: 0,
            done: 0,
            words,
        };
        let before = self.calls.insert(hash(&call.words), call);
        assert!(before.is_none(), "said twice");
    }

    /// Holds everything since the last time against each other, and begins anew.
    pub(super) fn settle(&mut self, mut mcps: Command) {
        self.read_records(&mut mcps);
        self.read_journal();
        let wrong: Vec<&Call> = self
            .calls
            .values()
            .filter(|call| !call.is_right())
            .collect();
        assert!(
            wrong.is_empty(),
            "{} calls, among them {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(10)]
        );
        self.calls.clear();
        self.decided.clear();
    }

    /// Every record since the last one, none of them missing.
    fn read_records(&mut self, mcps: &mut Command) {
        // Two of each call, some of the sessions, one a second; and where that was too few, all of them.
        let enough = self.calls.len() * 4 + 100_000;
        mcps.args(["events", "tail", "-o", "json", "-n"]);
        mcps.arg(enough.to_string()).stdout(Stdio::piped());
        let mut child = mcps.spawn().unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let seq = record["seq"].as_u64().unwrap();
            if seq <= self.last {
                continue;
            }
            assert_eq!(seq, self.last + 1, "records are missing before {record}");
            self.last = seq;
            self.records += 1;
            self.book(&record);
        }
        assert!(child.wait().unwrap().success(), "records are damaged");
    }

    fn book(&mut self, record: &Value) {
        assert_ne!(record["event"], "gap", "{record}");
        let id = record["decision_id"].as_str().unwrap_or_default();
        if record["event"] == "outcome" {
            // Outcomes of what is no call have no decision that was kept.
            let call = self
                .decided
                .get(id)
                .and_then(|hash| self.calls.get_mut(hash));
            if let Some(call) = call {
                call.outcomes += 1;
            }
        } else if record["method"] == "tools/call" {
            let hash = record["arguments_hash"].as_str().unwrap();
            let Some(call) = self.calls.get_mut(hash) else {
                panic!("nobody called this: {record}");
            };
            match record["decision"].as_str() {
                Some("permit") => call.permitted += 1,
                _ => call.denied += 1,
            }
            self.decided.insert(id.to_owned(), hash.to_owned());
        }
    }

    /// What servers did since the last time.
    fn read_journal(&mut self) {
        let mut file = File::open(&self.journal).unwrap();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let mut text = String::new();
        self.read += u64::try_from(file.read_to_string(&mut text).unwrap()).unwrap();
        for words in text.lines() {
            let call = self.calls.get_mut(&hash(words));
            let call = call.unwrap_or_else(|| panic!("done, and nobody called it: {words}"));
            call.done += 1;
            self.done += 1;
        }
    }
}

impl Call {
    /// One decision and one outcome of each; nothing done that was not permitted, and nothing twice.
    fn is_right(&self) -> bool {
        let decisions = self.permitted + self.denied;
        let told = match self.came {
            // A session that is over is over before anything is decided, or its server says so after.
            Came::Gone | Came::Status(_) => decisions <= 1 && self.outcomes == self.permitted,
            Came::Never => decisions == 0,
            Came::Answer => (self.permitted, self.outcomes, self.done) == (1, 1, 1),
            // Whoever says that, the gateway's own refusals are denials and have no outcome.
            Came::Error(_) | Came::Code(_) => decisions == 1 && self.outcomes == self.permitted,
        };
        told && self.done <= self.permitted
    }
}

/// How a record knows the arguments of a call with these words.
fn hash(words: &str) -> String {
    Digest::of(format!(r#"{{"text":"{words}"}}"#).as_bytes()).to_string()
}

/// That the records are whole and signed, as an operator would ask.
pub(super) fn verify(mut mcps: Command) {
    mcps.args(["events", "verify", "-o", "json"]);
    let told = run(&mut mcps).succeeded();
    let report: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(report["faults"], serde_json::json!([]), "{report}");
}

/// The bytes of all segments.
pub(super) fn on_disk(home: &Path) -> u64 {
    let all = fs::read_dir(home.join("records")).unwrap().flatten();
    all.map(|file| file.metadata().map_or(0, |found| found.len()))
        .sum()
}
