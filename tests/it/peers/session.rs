//! One line-by-line conversation with a path, in place of a client.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long a line may take on a busy machine. What never comes is noticed only after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a client of the older era begins.
pub(super) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

/// A running path and both its ends. Closed and waited for when dropped.
pub(super) struct Session {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Session {
    /// Starts a command; what its programs say goes to `said.txt` in `dir`.
    pub(super) fn start(words: &[String], dir: &Path) -> Self {
        let said = std::fs::File::options()
            .create(true)
            .append(true)
            .open(dir.join("said.txt"))
            .unwrap();
        let mut process = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            input: process.stdin.take(),
            process,
            lines,
        }
    }

    /// Writes one line.
    pub(super) fn write(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next line, as it came.
    #[track_caller]
    pub(super) fn line(&self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("no line: {error}"),
        }
    }

    /// The next line, read.
    #[track_caller]
    pub(super) fn read(&self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Writes a line and returns the next one that comes.
    #[track_caller]
    pub(super) fn ask(&mut self, line: &str) -> Value {
        self.write(line);
        self.read()
    }

    /// `initialize` and `notifications/initialized`; the server's answer.
    #[track_caller]
    pub(super) fn initialize(&mut self) -> Value {
        let answer = self.ask(INITIALIZE);
        self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }

    /// Closes our end and waits for the path to end, which must be soon.
    #[track_caller]
    pub(super) fn close(mut self) -> Option<i32> {
        self.input = None;
        self.ended()
    }

    /// Waits for the path to end and returns its exit code.
    #[track_caller]
    pub(super) fn ended(mut self) -> Option<i32> {
        // Its output ends with it.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        self.process.wait().unwrap().code()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.input = None;
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
