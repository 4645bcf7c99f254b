//! `mcps-wrap --listen` in front of a server, for a client of `mcps connect --url`.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running wrapper. Ended with a signal when dropped.
pub(super) struct Listening {
    process: Child,
    /// Where it said its address; held open, because it may write there again.
    output: BufReader<ChildStdout>,
    url: String,
    log: PathBuf,
}

impl Listening {
    /// Starts a command and waits until it listens; what it logs goes to `wrap.txt` in `dir`.
    pub(super) fn start(words: &[String], dir: &Path) -> Self {
        let log = dir.join("wrap.txt");
        let mut process = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        // From here on it is ended whatever happens.
        let mut listening = Self {
            process,
            output,
            url: String::new(),
            log,
        };
        let mut line = String::new();
        listening.output.read_line(&mut line).unwrap();
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => url.clone_into(&mut listening.url),
            None => panic!("{line:?}: {}", listening.said()),
        }
        listening
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged so far.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A signal that it can answer: its servers end before it does.
        let id = self.process.id().to_string();
        drop(Command::new("kill").args(["-s", "TERM", &id]).status());
        drop(self.process.wait());
    }
}
